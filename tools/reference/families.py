"""python families.py OUT: tiny random models of each architecture of the llama family, and what transformers says of them.

Needs torch, transformers, safetensors. For each: NAME.safetensors (weights, `ids`, `logits`) and NAME.json (config).
"""
import json, sys
from pathlib import Path
import torch, transformers
from safetensors.torch import save_file
from transformers import LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM

OUT = Path(sys.argv[1])
SIZES = dict(vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
             rms_norm_eps=1e-5, initializer_range=0.3, attn_implementation="eager", use_cache=False)
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
MODELS = {
    "llama-tied": (LlamaForCausalLM, LlamaConfig(**SIZES, tie_word_embeddings=True)),
    "llama-untied-biases": (LlamaForCausalLM, LlamaConfig(**SIZES, tie_word_embeddings=False, attention_bias=True, mlp_bias=True)),
    "llama3-scaling": (LlamaForCausalLM, LlamaConfig(**SIZES, rope_theta=500000.0, rope_scaling=LLAMA3)),
    "llama-linear-scaling": (LlamaForCausalLM, LlamaConfig(**SIZES, rope_scaling={"rope_type": "linear", "factor": 4.0})),
    "llama-wide-heads": (LlamaForCausalLM, LlamaConfig(**SIZES, head_dim=6)),
    "mistral-sliding": (MistralForCausalLM, MistralConfig(**SIZES, sliding_window=5)),
    "qwen2": (Qwen2ForCausalLM, Qwen2Config(**SIZES, tie_word_embeddings=True)),
    "qwen2-sliding": (Qwen2ForCausalLM, Qwen2Config(**SIZES, use_sliding_window=True, sliding_window=5, max_window_layers=1)),
    "qwen3": (Qwen3ForCausalLM, Qwen3Config(**SIZES, head_dim=8, tie_word_embeddings=False)),
}

for name, (kind, config) in MODELS.items():
    torch.manual_seed(7)
    model = kind(config).eval()
    with torch.no_grad():
        for key, w in model.named_parameters():
            if "norm" in key or "bias" in key: w += 0.3 * torch.randn_like(w)
    ids = torch.randint(0, SIZES["vocab_size"], (2, 23))
    with torch.no_grad(): logits = model(ids).logits
    tensors = {f"model/{key}": w.detach().contiguous() for key, w in model.named_parameters()} | {"ids": ids.to(torch.int32), "logits": logits.contiguous()}
    save_file(tensors, OUT / f"{name}.safetensors")
    kept = {k: v for k, v in config.to_dict().items() if k in ("architectures", "model_type", "tie_word_embeddings", "attention_bias", "mlp_bias", "rope_theta", "rope_scaling", "head_dim",
            "sliding_window", "use_sliding_window", "max_window_layers", "layer_types", "hidden_act", *SIZES) and k not in ("attn_implementation", "use_cache")}
    kept["architectures"] = [kind.__name__]
    (OUT / f"{name}.json").write_text(json.dumps({"made_with": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}, "config": kept}, indent=1) + "\n")
    print(name, logits.std().item())
