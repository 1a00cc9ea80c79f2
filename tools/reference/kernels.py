"""python kernels.py OUT.json: what PyTorch says of each kernel, forward and gradients, on small awkward shapes (libs/kernels/test/reference/pytorch.json).

Needs torch. A case: { kernel, title, options, inputs, results, gradients }; a tensor is { shape, values, dtype? }. Gradients are those of
sum(results[0] * cotangent), where cotangent[i] = sin(i + 1); losses have none. Computed in float64, written with 6 digits.
"""
import json, sys
import torch
import torch.nn.functional as F

torch.manual_seed(5)
torch.set_default_dtype(torch.float64)
cases = []


def rounded(shape, scale=1.5):
    return torch.round(torch.randn(shape) * scale, decimals=3)


def told(x):
    values = x.detach().reshape(-1).tolist()
    if not x.dtype.is_floating_point: return {"shape": list(x.shape), "values": values, "dtype": "int32"}
    return {"shape": list(x.shape), "values": [float(f"{value:.6g}") for value in values]}


def case(kernel, title, inputs, compute, options={}, differentiable=()):
    given = {name: x.clone().requires_grad_(name in differentiable) for name, x in inputs.items()}
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

json.dump({"torch": torch.__version__.split("+")[0], "cases": cases}, open(sys.argv[1], "w"), separators=(",", ":"))
