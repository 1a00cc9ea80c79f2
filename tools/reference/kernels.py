"""python kernels.py OUT.json: what PyTorch says of each kernel, forward and gradients, on small awkward shapes (libs/kernels/test/reference/pytorch.json).

Needs torch and numpy. A bool tensor holds bytes. A case: { kernel, title, options, inputs, results, gradients }; a tensor is { shape, values, dtype? }. Gradients are those of
sum(results[0] * cotangent), where cotangent[i] = sin(i + 1); losses have none. Computed in float64, written with 6 digits.
"""
import json, sys
import numpy
import torch
import torch.nn.functional as F

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)
cases = []


def rounded(shape, scale=1.5):
    return torch.round(torch.randn(shape) * scale, decimals=3)


def told(x):
    values = x.detach().reshape(-1).tolist()
    if not x.dtype.is_floating_point: return {"shape": list(x.shape), "values": values, "dtype": "bool" if x.dtype == torch.uint8 else "int32"}
    return {"shape": list(x.shape), "values": [float(f"{value:.6g}") for value in values]}


def case(kernel, title, inputs, compute, options={}, differentiable=()):
    given = {name: x.clone().requires_grad_(True) if name in differentiable else x for name, x in inputs.items()}
    result = compute(**given)
    results = result if isinstance(result, tuple) else (result,)
    if differentiable:
        cotangent = torch.sin(torch.arange(1, results[0].numel() + 1, dtype=torch.float64)).reshape(results[0].shape) if results[0].dim() else 1.0
        (results[0] * cotangent).sum().backward()
    cases.append({"kernel": kernel, "title": title, "options": options, "inputs": {name: told(x) for name, x in inputs.items()},
                  "results": [told(x) for x in results], "gradients": {name: told(given[name].grad) for name in differentiable}})


for shape in [(3, 7), (1, 1), (2, 1, 17)]:
    x, gain, bias = rounded(shape), rounded(shape[-1:]), rounded(shape[-1:])
    case("rmsNorm", f"{list(shape)}", dict(x=x, gain=gain), lambda x, gain: F.rms_norm(x, gain.shape, gain, 1e-5), {"eps": 1e-5}, ("x", "gain"))
    if shape[-1] > 1:
        case("layerNorm", f"{list(shape)}", dict(x=x, gain=gain, bias=bias), lambda x, gain, bias: F.layer_norm(x, gain.shape, gain, bias, 1e-5), {"eps": 1e-5}, ("x", "gain", "bias"))

for tokens, heads, inner in [(5, 3, 6), (1, 1, 2)]:
    def rope(x):
        angles = torch.outer(torch.arange(tokens, dtype=torch.float64), 10000.0 ** (-torch.arange(0, inner, 2) / inner))
        cos, sin = (torch.cat([f(angles), f(angles)], -1)[:, None, :] for f in (torch.cos, torch.sin))
        return x * cos + torch.cat([-x[..., inner // 2:], x[..., : inner // 2]], -1) * sin
    case("rope", f"{tokens} tokens, {heads} heads of {inner}", dict(x=rounded((2, tokens, heads, inner))), rope, {"theta": 10000, "inner": inner, "tokens": tokens}, ("x",))

for b, t, heads, kv, inner, window in [(2, 5, 4, 2, 3, 0), (1, 1, 1, 1, 5, 0), (1, 7, 3, 1, 4, 3), (1, 9, 1, 1, 1, 0)]:
    def attend(q, k, v):
        near = torch.tril(torch.ones(t, t, dtype=torch.bool))
        if window: near &= ~torch.tril(torch.ones(t, t, dtype=torch.bool), -window)
        return F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v)), attn_mask=near, enable_gqa=True).transpose(1, 2)
    case("attention", f"{t} tokens, {heads} heads, {kv} of keys{f', window {window}' if window else ''}",
         dict(q=rounded((b, t, heads, inner)), k=rounded((b, t, kv, inner)), v=rounded((b, t, kv, inner))), attend, {"window": window} if window else {}, ("q", "k", "v"))

for n, width, vocab in [(5, 7, 11), (1, 1, 3)]:
    hidden, weight, targets, shares = rounded((n, width)), rounded((vocab, width), 0.7), torch.randint(0, vocab, (n,)), torch.rand(n).round(decimals=2) + 0.1
    case("crossEntropy", f"{n} rows, {vocab} ids", dict(hidden=hidden, weight=weight, targets=targets), lambda hidden, weight, targets: F.cross_entropy(hidden @ weight.T, targets), {}, ("hidden", "weight"))
    case("crossEntropy", f"{n} rows, {vocab} ids, weighted", dict(hidden=hidden, weight=weight, targets=targets, weights=shares),
         lambda hidden, weight, targets, weights: (F.cross_entropy(hidden @ weight.T, targets, reduction="none") * weights).sum() / weights.sum(), {}, ("hidden", "weight"))
    case("tokenLogProbabilities", f"{n} rows, {vocab} ids", dict(hidden=hidden, weight=weight, targets=targets),
         lambda hidden, weight, targets: F.log_softmax(hidden @ weight.T, -1).gather(1, targets[:, None])[:, 0])
    case("klDivergence", f"{n} rows, {vocab} ids, temperature 2", dict(hidden=hidden, weight=weight, teacherHidden=rounded((n, width + 2)), teacherWeight=rounded((vocab, width + 2), 0.7)),
         lambda hidden, weight, teacherHidden, teacherWeight: F.kl_div(F.log_softmax(hidden @ weight.T / 2, -1), F.log_softmax(teacherHidden @ teacherWeight.T / 2, -1), log_target=True, reduction="batchmean"),
         {"temperature": 2}, ("hidden", "weight"))

for approximate in ["none", "tanh"]:
    case("gelu", approximate, dict(x=rounded((13,), 3)), lambda x: F.gelu(x, approximate=approximate), {"approximate": approximate}, ("x",))
    case("geglu", approximate, dict(gate=rounded((2, 5), 3), up=rounded((2, 5))), lambda gate, up: F.gelu(gate, approximate=approximate) * up, {"approximate": approximate}, ("gate", "up"))
for shape in [(3, 5), (1, 1)]:
    case("swiglu", f"{list(shape)}", dict(gate=rounded(shape, 3), up=rounded(shape)), lambda gate, up: F.silu(gate) * up, {}, ("gate", "up"))
    case("residual", f"{list(shape)}", dict(x=rounded(shape), delta=rounded(shape)), lambda x, delta: x + delta, {}, ("x", "delta"))
case("embedding", "repeated ids", dict(table=rounded((9, 5)), ids=torch.tensor([[4, 0, 4], [8, 4, 1]])), lambda table, ids: F.embedding(ids, table), {}, ("table",))
for n, into, out in [(3, 5, 7), (1, 1, 1), (1, 33, 2)]:
    case("linear", f"{n} rows, {into} to {out}", dict(x=rounded((n, into)), weight=rounded((out, into)), bias=rounded((out,))), lambda x, weight, bias: F.linear(x, weight, bias), {}, ("x", "weight", "bias"))
case("globalNorm", "three tensors", dict(a=rounded((3, 5)), b=rounded((7,)), c=rounded((1,))), lambda **all: torch.sqrt(sum((x**2).sum() for x in all.values())))


def adamw(weight, first, second):
    parameter = torch.nn.Parameter(weight.clone())
    optimizer = torch.optim.AdamW([parameter], lr=0.1, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
    for gradient in (first, second):
        parameter.grad = gradient.clone()
        optimizer.step()
    return parameter.detach(), optimizer.state[parameter]["exp_avg"], optimizer.state[parameter]["exp_avg_sq"]


def lion(weight, first, second, lr=0.1, beta1=0.9, beta2=0.95, decay=0.1):
    m = torch.zeros_like(weight)
    for gradient in (first, second):
        weight = weight - lr * (torch.sign(beta1 * m + (1 - beta1) * gradient) + decay * weight)
        m = beta2 * m + (1 - beta2) * gradient
    return weight, m


for kernel, compute in [("adamw", adamw), ("lion", lion)]:
    case(kernel, "two steps", dict(weight=rounded((3, 7)), first=rounded((3, 7)), second=rounded((3, 7))), compute)

# A cache of keys, documents packed into a row, both under a window.
for t, s, heads, kv, window, packed in [(1, 7, 4, 2, 0, False), (3, 9, 2, 1, 4, False), (1, 5, 1, 1, 0, True), (6, 6, 3, 3, 0, True), (7, 7, 2, 1, 3, True)]:
    segments = torch.tensor([[0] * (s // 2) + [1] * (s - s // 2)] * 2)
    def attend(q, k, v, segments=segments):
        own, key = torch.arange(s - t, s)[:, None], torch.arange(s)[None, :]
        seen = ((key <= own) & (own - key < (window or s))).expand(2, 1, t, s)
        if packed: seen = seen & (segments[:, None, s - t :, None] == segments[:, None, None, :])
        return F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v)), attn_mask=seen, enable_gqa=True).transpose(1, 2)
    given = dict(q=rounded((2, t, heads, 5)), k=rounded((2, s, kv, 5)), v=rounded((2, s, kv, 5)))
    case("attention", f"{t} of {s} tokens, {heads} heads, {kv} of keys{f', window {window}' if window else ''}{', segments' if packed else ''}",
         given | (dict(segments=segments) if packed else {}), attend, {"window": window} if window else {}, ("q", "k", "v"))

# Scores and masks: what Wanda's, PLATON's and ggml's code computes, in the words of PyTorch.
def distinct(rows, columns):
    return (torch.randperm(rows * columns).double() - rows * columns // 2).reshape(rows, columns) / 8


def kept(indices, shape):
    return torch.zeros(shape, dtype=torch.int32).scatter_(-1, indices, 1)


for rows, columns in [(7, 12), (1, 1), (1, 33), (67, 1)]:
    weight, norm = rounded((rows, columns)), rounded((columns,)).abs()
    case("magnitude", f"[{rows}, {columns}]", dict(weight=weight), lambda weight: weight.abs())
    case("columnSums", f"[{rows}, {columns}]", dict(scores=weight), lambda scores: torch.linalg.vector_norm(scores, 1, 0))
    case("rowSums", f"[{rows}, {columns}]", dict(scores=weight), lambda scores: torch.linalg.vector_norm(scores, 1, 1))
    case("wandaScore", f"[{rows}, {columns}]", dict(weight=weight, norm=norm), lambda weight, norm: weight.abs() * norm)
    case("inputNorms", f"{rows} tokens of {columns}", dict(x=weight), lambda x: torch.linalg.vector_norm(x, 2, 0) / rows**0.5)
    for share in [0.5, 0.3]:
        scores = distinct(rows, columns)
        case("keepShare", f"[{rows}, {columns}], {share} go", dict(scores=scores), lambda scores: kept(scores.topk(columns - int(columns * share)).indices, scores.shape), {"share": share})
for rows, groups, n, m in [(5, 3, 2, 4), (1, 1, 1, 1), (1, 7, 4, 8), (3, 1, 1, 3)]:
    case("keepNofM", f"{n} of {m}, [{rows}, {groups * m}]", dict(scores=distinct(rows, groups * m)),
         lambda scores: kept(scores.reshape(rows, groups, m).topk(n).indices, (rows, groups, m)).reshape(rows, -1), {"n": n, "m": m})


def platon(weight, first, second, beta1=0.85, beta2=0.95):
    smooth, uncertain = torch.zeros_like(weight), torch.zeros_like(weight)
    for gradient in (first, second):
        sensitivity = (weight * gradient).abs()
        smooth = beta1 * smooth + (1 - beta1) * sensitivity
        uncertain = beta2 * uncertain + (1 - beta2) * (sensitivity - smooth).abs()
    return smooth * uncertain, smooth, uncertain


for shape in [(3, 7), (1, 1)]:
    case("platon", f"{list(shape)}, two windows", dict(weight=rounded(shape), first=rounded(shape), second=rounded(shape)), platon)

for type, halves, inner in [("Q4_0", 1, 16), ("Q4_1", 2, 16), ("Q8_0", 1, 32)]:
    steps = torch.randn(3, halves).half()
    blocks = torch.cat([steps.view(torch.uint8), torch.randint(0, 256, (3, inner), dtype=torch.uint8)], 1)
    def widened(blocks):
        step, quants = blocks[:, : 2 * halves].contiguous().view(torch.float16).double(), blocks[:, 2 * halves :]
        if type == "Q8_0": return (quants.view(torch.int8) * step).reshape(-1)
        nibbles = torch.cat([quants & 15, quants >> 4], 1).double()
        return ((nibbles - 8) * step if halves == 1 else nibbles * step[:, :1] + step[:, 1:]).reshape(-1)
    case("dequantise", type, dict(blocks=blocks), widened, {"type": type})

# What families need beside: fused matrices in parts, joined vectors, learned positions, numbers that scale and shift.
for shape, start, size in [((2, 3, 7), 2, 5), ((1, 1), 0, 1)]:
    case("part", f"{size} of {list(shape)}", dict(x=rounded(shape)), lambda x: x[..., start : start + size], {"from": start, "size": size}, ("x",))
    case("join", f"{list(shape)} and one more", dict(first=rounded(shape), second=rounded((*shape[:-1], 1))), lambda first, second: torch.cat([first, second], -1), {}, ("first", "second"))
    case("affine", f"{list(shape)}", dict(x=rounded(shape)), lambda x: torch.add(x * 1.5, 0.25), {"scale": 1.5, "shift": 0.25}, ("x",))
for t, context, position in [(3, 5, 2), (1, 1, 0)]:
    case("positionEmbedding", f"{t} tokens from {position}", dict(x=rounded((2, t, 5)), table=rounded((context, 5))),
         lambda x, table: x + F.embedding(torch.arange(position, position + t), table), {"position": position}, ("x", "table"))

# A 2:4 weight as its pairs of values, and their places in words of sixteen times two bits.
def two_of_four(out, into):
    """Its values, its words, and the dense weight of such values."""
    places = torch.stack([torch.randperm(4)[:2].sort().values for _ in range(out * into // 4)]).reshape(out, -1)
    values = rounded((out, into // 2))
    codes = F.pad(places, (0, -places.shape[1] % 16)).reshape(out, -1, 16).long()
    words = ((codes << (2 * torch.arange(16))).sum(-1)).int()
    at = (torch.arange(into // 4).repeat_interleave(2) * 4 + places)
    return values, words, lambda values: torch.zeros(out, into).scatter_(1, at, values)
for rows, into, out in [(3, 36, 5), (1, 4, 1)]:
    values, words, dense = two_of_four(out, into)
    case("packedLinear", f"{rows} rows, {into} to {out}", dict(x=rounded((rows, into)), values=values, positions=words, bias=rounded((out,))),
         lambda x, values, positions, bias: F.linear(x, dense(values), bias))

# Keys that come piece by piece.
k = rounded((2, 7, 3, 5))
case("keyValueCache", "2 tokens, then 1, then 4", dict(k=k), lambda k: torch.cat([k[:, :2], k[:, 2:3], k[:, 3:]], 1))

# Texts in one row that share what they begin with: each token sees its ancestors, the last few of them under a window.
for parents, heads, kv, window in [([-1, 0, 1, 2, 2, 4, 1, -1, 7], 4, 2, 0), ([-1, 0, 0, 2, 3, 3, 5], 3, 1, 3), ([-1], 1, 1, 0)]:
    t = len(parents)
    seen = torch.zeros(t, t, dtype=torch.bool)
    for query in range(t):
        key, back = query, 0
        while key >= 0 and (window == 0 or back < window): seen[query, key], key, back = True, parents[key], back + 1
    def attend(q, k, v, parents, seen=seen):
        return F.scaled_dot_product_attention(*(x.transpose(1, 2) for x in (q, k, v)), attn_mask=seen, enable_gqa=True).transpose(1, 2)
    case("treeAttention", f"{t} tokens, {heads} heads, {kv} of keys{f', window {window}' if window else ''}",
         dict(q=rounded((1, t, heads, 5)), k=rounded((1, t, kv, 5)), v=rounded((1, t, kv, 5)), parents=torch.tensor(parents)), attend, {"window": window} if window else {})

# Two matrices over the same rows, and a mask.
for n, into, out in [(3, 5, 7), (1, 1, 1), (40, 33, 2)]:
    case("gatedLinear", f"{n} rows, {into} to {out}", dict(x=rounded((n, into)), gate=rounded((out, into)), up=rounded((out, into))),
         lambda x, gate, up: F.silu(F.linear(x, gate)) * F.linear(x, up), {}, ("x", "gate", "up"))
for n, into, heads, kv, inner in [(3, 5, 4, 2, 3), (1, 1, 1, 1, 1)]:
    case("queryKeyValue", f"{n} rows, {into} to {heads} heads, {kv} of keys", dict(x=rounded((n, into)), q=rounded((heads * inner, into)), k=rounded((kv * inner, into)), v=rounded((kv * inner, into))),
         lambda x, q, k, v: tuple(F.linear(x, w).reshape(n, -1, inner) for w in (q, k, v)), {"inner": inner}, ("x", "q"))
for shape in [(3, 7), (1, 1)]:
    case("zeroDropped", f"{list(shape)}", dict(weight=rounded(shape), kept=(torch.rand(shape) < 0.5).to(torch.uint8)), lambda weight, kept: weight * kept)
for shape in [(3, 7), (1, 1), (5, 32)]:
    case("packBits", f"{list(shape)}", dict(kept=(torch.rand(shape) < 0.5).to(torch.uint8)), lambda kept: torch.tensor(numpy.packbits(kept.numpy()).astype("int32")))
for rows, into, out in [(3, 36, 5), (1, 4, 1)]:
    (gate, gate_words, gate_dense), (up, up_words, up_dense) = two_of_four(out, into), two_of_four(out, into)
    case("packedGatedLinear", f"{rows} rows, {into} to {out}", dict(x=rounded((rows, into)), gateValues=gate, gatePositions=gate_words, upValues=up, upPositions=up_words),
         lambda x, gateValues, gatePositions, upValues, upPositions: F.silu(F.linear(x, gate_dense(gateValues))) * F.linear(x, up_dense(upValues)))

json.dump({"torch": torch.__version__.split("+")[0], "cases": cases}, open(sys.argv[1], "w"), separators=(",", ":"))
