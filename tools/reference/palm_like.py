"""python palm_like.py OUT: tiny random models as appendix A of "Just CHOP" (arXiv 2305.14864) describes them, after PaLM (arXiv 2204.02311), and their logits.

Needs torch, safetensors. Written from the papers alone, head by head and token by token where that is plainest: NAME.safetensors (weights, `ids`, `logits`), NAME.json (config).
"""
import json, math, sys
from pathlib import Path
import torch
from safetensors.torch import save_file

OUT = Path(sys.argv[1])
SIZES = dict(vocab_size=40, hidden_size=16, intermediate_size=20, num_hidden_layers=3, num_attention_heads=4, max_position_embeddings=64, layer_norm_eps=1e-5, rope_theta=10000.0)
MODELS = {
    "palm-like": SIZES | dict(num_key_value_heads=4, head_dim=4, tie_word_embeddings=True),
    "palm-like-one-key": SIZES | dict(num_key_value_heads=1, head_dim=6, tie_word_embeddings=False, rope_theta=500.0),
}


def norm(x, gain, eps):
    centred = x - x.mean(-1, keepdim=True)
    return centred / (centred.square().mean(-1, keepdim=True) + eps).sqrt() * gain


def placed(head, theta):
    """One head of every token [tokens, inner]: features i and i + inner / 2 are one complex number, turned by position * theta^(-2 i / inner)."""
    tokens, inner = head.shape
    angles = torch.arange(tokens)[:, None] * theta ** (-2.0 * torch.arange(inner // 2) / inner)
    turned = torch.complex(head[:, : inner // 2], head[:, inner // 2 :]) * torch.polar(torch.ones_like(angles), angles)
    return torch.cat([turned.real, turned.imag], -1)


def block(x, w, c):
    """y = x + out([attention(h), swish(gate) * up]) with h = norm(x) and [q, k, v, gate, up] = in(h)."""
    heads, kv, inner, ffn, eps = c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"], c["intermediate_size"], c["layer_norm_eps"]
    q, k, v, gate, up = (norm(x, w["norm.weight"], eps) @ w["in_proj.weight"].T).split([heads * inner, kv * inner, kv * inner, ffn, ffn], -1)
    mixed = []
    for h in range(heads):
        at = slice(h * inner, (h + 1) * inner)
        shared = slice(h // (heads // kv) * inner, (h // (heads // kv) + 1) * inner)
        queries = placed(norm(q[:, at], w["q_norm.weight"], eps), c["rope_theta"])
        keys = placed(norm(k[:, shared], w["k_norm.weight"], eps), c["rope_theta"])
        scores = queries @ keys.T / math.sqrt(inner)
        mixed.append(scores.masked_fill(torch.ones_like(scores).triu(1).bool(), -math.inf).softmax(-1) @ v[:, shared])
    return x + torch.cat([*mixed, gate * torch.sigmoid(gate) * up], -1) @ w["out_proj.weight"].T


for name, c in MODELS.items():
    torch.manual_seed(7)
    width, heads, kv, inner, ffn = c["hidden_size"], c["num_attention_heads"], c["num_key_value_heads"], c["head_dim"], c["intermediate_size"]
    gain = lambda n: 1 + 0.3 * torch.randn(n, dtype=torch.float64)
    matrix = lambda rows, columns: 0.3 * torch.randn(rows, columns, dtype=torch.float64)
    weights = {"model.embed_tokens.weight": matrix(c["vocab_size"], width), "model.norm.weight": gain(width)}
    if not c["tie_word_embeddings"]: weights["lm_head.weight"] = matrix(c["vocab_size"], width)
    layers = [{"norm.weight": gain(width), "in_proj.weight": matrix((heads + 2 * kv) * inner + 2 * ffn, width), "q_norm.weight": gain(inner), "k_norm.weight": gain(inner),
               "out_proj.weight": matrix(width, heads * inner + ffn)} for _ in range(c["num_hidden_layers"])]
    ids = torch.randint(0, c["vocab_size"], (2, 23))
    logits = []
    for row in ids:
        x = weights["model.embed_tokens.weight"][row]
        for layer in layers: x = block(x, layer, c)
        logits.append(norm(x, weights["model.norm.weight"], c["layer_norm_eps"]) @ weights.get("lm_head.weight", weights["model.embed_tokens.weight"]).T)
    weights |= {f"model.layers.{at}.{key}": w for at, layer in enumerate(layers) for key, w in layer.items()}
    tensors = {f"model/{key}": w.float().contiguous() for key, w in weights.items()} | {"ids": ids.to(torch.int32), "logits": torch.stack(logits).float()}
    save_file(tensors, OUT / f"{name}.safetensors")
    made = {"made_with": {"torch": torch.__version__.split("+")[0]}, "config": {"architectures": ["PalmLikeForCausalLM"], "model_type": "palm-like", **c}}
    (OUT / f"{name}.json").write_text(json.dumps(made, indent=1) + "\n")
    print(name, torch.stack(logits).std().item())
