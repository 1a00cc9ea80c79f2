"""wanda.py MODEL SAMPLES WINDOW: Wanda 2:4 as its users run it in PyTorch: sample by sample through each block, hooks that sum squares, prune, and again."""
import sys

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from tell import DEVICE, ids, report, timed

folder, samples, window = sys.argv[1], *map(int, sys.argv[2:4])
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(DEVICE).eval()
tokens = torch.tensor(ids(samples * window, model.config.vocab_size), device=DEVICE).view(samples, window)


class Norm:
    """Running squared norm of each input feature of a linear layer."""

    def __init__(self, linear):
        self.squares, self.count = torch.zeros(linear.in_features, device=DEVICE), 0

    def add(self, x):
        x = x.reshape(-1, x.shape[-1])
        self.squares += x.pow(2).sum(0)
        self.count += x.shape[0]


@torch.inference_mode()
def prune():
    rotary = model.model.rotary_emb(model.model.embed_tokens(tokens[:1]), torch.arange(window, device=DEVICE)[None])
    hidden = [model.model.embed_tokens(tokens[i : i + 1]) for i in range(samples)]
    run = lambda block, x: block(x, position_embeddings=rotary, attention_mask=None)
    tensor = lambda out: out[0] if isinstance(out, tuple) else out
    for block in model.model.layers:
        linears = [m for m in block.modules() if isinstance(m, nn.Linear)]
        norms = {linear: Norm(linear) for linear in linears}
        hooks = [linear.register_forward_hook(lambda m, x, _: norms[m].add(x[0])) for linear in linears]
        for x in hidden:
            run(block, x)
        for hook in hooks:
            hook.remove()
        for linear, norm in norms.items():
            score = linear.weight.abs() * (norm.squares / norm.count).sqrt()
            mask = torch.zeros_like(score, dtype=torch.bool)
            for column in range(0, score.shape[1], 4):
                group = score[:, column : column + 4]
                mask.scatter_(1, column + torch.topk(group, 2, dim=1, largest=False)[1], True)
            linear.weight[mask] = 0
        hidden = [tensor(run(block, x)) for x in hidden]


report([timed(prune)])
