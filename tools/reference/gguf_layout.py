"""python gguf_layout.py FOLDER: references of families.py in FOLDER as llama.cpp's converter names and lays them out: FOLDER/gguf/NAME.safetensors and .json (metadata).

Needs safetensors, torch, gguf (llama.cpp's own package, for the names). What the converter does to values is written after its classes (convert_hf_to_gguf.py).
"""
import json, sys
from importlib.metadata import version
from pathlib import Path
import gguf, torch
from safetensors.torch import load_file, save_file

FOLDER = Path(sys.argv[1])
ARCH = {"gpt2": gguf.MODEL_ARCH.GPT2, "gpt-neox": gguf.MODEL_ARCH.GPTNEOX, "phi3": gguf.MODEL_ARCH.PHI3, "olmo2": gguf.MODEL_ARCH.OLMO2, "gemma3": gguf.MODEL_ARCH.GEMMA3}


def metadata(name, c):
    if name == "gpt2":
        return {"context_length": c["n_positions"], "embedding_length": c["n_embd"], "block_count": c["n_layer"], "feed_forward_length": 4 * c["n_embd"],
                "attention.head_count": c["n_head"], "attention.layer_norm_epsilon": c["layer_norm_epsilon"]}
    heads, width = c["num_attention_heads"], c["hidden_size"]
    m = {"context_length": c["max_position_embeddings"], "embedding_length": width, "block_count": c["num_hidden_layers"], "feed_forward_length": c["intermediate_size"],
         "attention.head_count": heads}
    if name == "gpt-neox":
        return m | {"rope.dimension_count": int(c["rotary_pct"] * (width // heads)), "use_parallel_residual": c["use_parallel_residual"], "attention.layer_norm_epsilon": c["layer_norm_eps"]}
    inner = c.get("head_dim", width // heads)
    m |= {"attention.head_count_kv": c["num_key_value_heads"], "attention.layer_norm_rms_epsilon": c["rms_norm_eps"], "rope.freq_base": c["rope_theta"]}
    if name == "phi3": m |= {"rope.dimension_count": inner, "attention.sliding_window": c["sliding_window"]}
    if name == "gemma3": m |= {"attention.key_length": inner, "attention.value_length": inner, "attention.sliding_window": c["sliding_window"]}
    return m


def converted(name, key, w, c):
    if name == "gpt2" and key.endswith((".c_attn.weight", ".c_proj.weight", ".c_fc.weight")): return w.T
    if name == "gpt-neox" and ".query_key_value." in key:
        heads = c["num_attention_heads"]
        return w.reshape(heads, 3, -1, *w.shape[1:]).transpose(0, 1).reshape(w.shape)
    if name == "gemma3" and key.endswith("norm.weight"): return w + 1
    return w


(FOLDER / "gguf").mkdir(exist_ok=True)
for name, arch in ARCH.items():
    c = json.loads((FOLDER / f"{name}.json").read_text())["config"]
    weights = {k[6:]: w for k, w in load_file(FOLDER / f"{name}.safetensors").items() if k.startswith("model/")}
    names = gguf.get_tensor_name_map(arch, c.get("n_layer") or c["num_hidden_layers"])
    tensors = {names.get_name(key, try_suffixes=(".weight", ".bias")): converted(name, key, w, c).contiguous() for key, w in weights.items()}
    save_file(tensors, FOLDER / "gguf" / f"{name}.safetensors")
    architecture = gguf.MODEL_ARCH_NAMES[arch]
    told = {"general.architecture": architecture} | {f"{architecture}.{key}": value for key, value in metadata(name, c).items()}
    (FOLDER / "gguf" / f"{name}.json").write_text(json.dumps({"made_with": {"gguf": version("gguf")}, "metadata": told}, indent=1) + "\n")
    print(name, len(tensors))
