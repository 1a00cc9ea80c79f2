"""python -P families.py OUT [NAME…]: tiny random models of each architecture that the families know, and what transformers says of them. (-P: `kernels` is another package to it.)

Needs torch, transformers, safetensors. For each: NAME.safetensors (weights, `ids`, `logits`) and NAME.json (config).
"""
import json, sys
from pathlib import Path
import torch, transformers
from safetensors.torch import save_file
from transformers import (
    Gemma3ForCausalLM, Gemma3TextConfig, GPT2Config, GPT2LMHeadModel, GPTNeoXConfig, GPTNeoXForCausalLM, LlamaConfig, LlamaForCausalLM, MistralConfig, MistralForCausalLM,
    Olmo2Config, Olmo2ForCausalLM, Phi3Config, Phi3ForCausalLM, Qwen2Config, Qwen2ForCausalLM, Qwen3Config, Qwen3ForCausalLM)

OUT, ONLY = Path(sys.argv[1]), sys.argv[2:]
SIZES = dict(vocab_size=40, hidden_size=16, intermediate_size=24, num_hidden_layers=3, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=64,
             rms_norm_eps=1e-5, initializer_range=0.3, attn_implementation="eager", use_cache=False)
GPT2 = dict(vocab_size=40, n_embd=16, n_layer=3, n_head=4, n_positions=32, initializer_range=0.3, attn_implementation="eager", use_cache=False)
NEOX = dict(vocab_size=40, hidden_size=24, intermediate_size=20, num_hidden_layers=3, num_attention_heads=3, max_position_embeddings=64, initializer_range=0.3,
            attn_implementation="eager", use_cache=False)
PHI3 = SIZES | dict(pad_token_id=0, bos_token_id=1, eos_token_id=2)
LLAMA3 = {"rope_type": "llama3", "factor": 8.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0, "original_max_position_embeddings": 16}
YARN = {"rope_type": "yarn", "factor": 4.0, "original_max_position_embeddings": 64, "beta_fast": 4.0}
UNCUT = YARN | {"truncate": False, "mscale": 0.8, "mscale_all_dim": 0.3, "beta_slow": 0.5}
LONG = lambda pairs: {"type": "longrope", "short_factor": [1 + 0.25 * i for i in range(pairs)], "long_factor": [1.5 + i * i for i in range(pairs)]}
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
    "gpt2": (GPT2LMHeadModel, GPT2Config(**GPT2)),
    "gpt2-untied-gelu": (GPT2LMHeadModel, GPT2Config(**GPT2, n_inner=20, activation_function="gelu", layer_norm_epsilon=1e-3, tie_word_embeddings=False)),
    "phi3": (Phi3ForCausalLM, Phi3Config(**PHI3, sliding_window=5)),
    "phi3-partial-tied": (Phi3ForCausalLM, Phi3Config(**PHI3, head_dim=8, partial_rotary_factor=0.75, tie_word_embeddings=True)),
    "qwen3-yarn": (Qwen3ForCausalLM, Qwen3Config(**SIZES | dict(max_position_embeddings=256), head_dim=16, rope_scaling=YARN)),
    "llama-yarn-untruncated": (LlamaForCausalLM, LlamaConfig(**SIZES | dict(max_position_embeddings=256), head_dim=16, rope_scaling=UNCUT)),
    # 23 tokens: within the original context, and beyond it from the first pieces on that a test reads.
    "phi3-longrope-short": (Phi3ForCausalLM, Phi3Config(**PHI3 | dict(num_attention_heads=2), original_max_position_embeddings=32, rope_scaling=LONG(4))),
    "phi3-longrope-long": (Phi3ForCausalLM, Phi3Config(**PHI3 | dict(num_attention_heads=2), partial_rotary_factor=0.75, original_max_position_embeddings=8, rope_scaling=LONG(3))),
    "olmo2": (Olmo2ForCausalLM, Olmo2Config(**SIZES, rope_theta=500000.0)),
    "olmo2-biases-tied": (Olmo2ForCausalLM, Olmo2Config(**SIZES, attention_bias=True, tie_word_embeddings=True)),
    "gemma3": (Gemma3ForCausalLM, Gemma3TextConfig(**SIZES, head_dim=8, sliding_window=5, query_pre_attn_scalar=6, layer_types=["sliding_attention", "full_attention", "sliding_attention"])),
    "gemma3-linear": (Gemma3ForCausalLM, Gemma3TextConfig(**SIZES, head_dim=4, sliding_window=4, sliding_window_pattern=2, rope_scaling={"rope_type": "linear", "factor": 8.0})),
    "gpt-neox": (GPTNeoXForCausalLM, GPTNeoXConfig(**NEOX)),
    "gpt-neox-sequential": (GPTNeoXForCausalLM, GPTNeoXConfig(**NEOX, rotary_pct=0.5, rotary_emb_base=1000, use_parallel_residual=False, attention_bias=False, hidden_act="gelu_new")),
}
KEPT = {"architectures", "model_type", "tie_word_embeddings", "attention_bias", "mlp_bias", "rope_theta", "rope_scaling", "head_dim", "sliding_window", "use_sliding_window",
        "max_window_layers", "layer_types", "hidden_act", "hidden_activation", "n_inner", "activation_function", "layer_norm_epsilon", "partial_rotary_factor", "original_max_position_embeddings", "rope_local_base_freq",
        "query_pre_attn_scalar", "sliding_window_pattern", "layer_norm_eps", "rotary_pct", "rotary_emb_base", "use_parallel_residual",
        *SIZES, *GPT2, *NEOX} - {"attn_implementation", "use_cache"}

for name, (kind, config) in MODELS.items():
    if ONLY and name not in ONLY: continue
    torch.manual_seed(7)
    model = kind(config).eval()
    with torch.no_grad():
        for key, w in model.named_parameters():
            if "norm" in key or "bias" in key or ".ln_" in key: w += 0.3 * torch.randn_like(w)
    ids = torch.randint(0, SIZES["vocab_size"], (2, 23))
    with torch.no_grad(): logits = model(ids).logits
    tensors = {f"model/{key}": w.detach().contiguous() for key, w in model.named_parameters()} | {"ids": ids.to(torch.int32), "logits": logits.contiguous()}
    save_file(tensors, OUT / f"{name}.safetensors")
    kept = {k: v for k, v in config.to_dict().items() if k in KEPT}
    kept["architectures"] = [kind.__name__]
    (OUT / f"{name}.json").write_text(json.dumps({"made_with": {"torch": torch.__version__.split("+")[0], "transformers": transformers.__version__}, "config": kept}, indent=1) + "\n")
    print(name, logits.std().item())
