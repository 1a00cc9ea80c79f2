"""adamw.py WEIGHTS RUNS: torch.optim.AdamW, its fused kernel, over so many weights."""
import sys

import torch

from tell import DEVICE, tell

weights, runs = map(int, sys.argv[1:3])
weight = torch.zeros(weights, device=DEVICE, requires_grad=True)
weight.grad = torch.ones(weights, device=DEVICE)
optimizer = torch.optim.AdamW([weight], lr=1e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
tell(runs, optimizer.step)
