"""train.py MODEL BATCH WINDOW RUNS [bf16]: the usual PyTorch training step: forward, backward, clip, AdamW; weights in float32, products too or in bfloat16 by autocast."""
import contextlib
import sys

import torch
from transformers import AutoModelForCausalLM

from tell import DEVICE, ids, tell

folder, batch, window, runs = sys.argv[1], *map(int, sys.argv[2:5])
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(DEVICE).train()
optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.1)
tokens = torch.tensor(ids(batch * window, model.config.vocab_size), device=DEVICE).view(batch, window)

precision = torch.autocast(DEVICE, dtype=torch.bfloat16) if sys.argv[5:] == ["bf16"] else contextlib.nullcontext()


def work():
    optimizer.zero_grad(set_to_none=True)
    with precision:
        loss = model(tokens, labels=tokens, use_cache=False).loss
    loss.backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
    optimizer.step()


tell(runs, work)
