"""forward.py MODEL BATCH WINDOW RUNS: transformers' Llama in float32, logits of every token, log probability of the next."""
import sys

import torch
from transformers import AutoModelForCausalLM

from tell import DEVICE, ids, tell

folder, batch, window, runs = sys.argv[1], *map(int, sys.argv[2:5])
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(DEVICE).eval()
tokens = torch.tensor(ids(batch * window, model.config.vocab_size), device=DEVICE).view(batch, window)


@torch.inference_mode()
def work():
    logits = model(tokens, use_cache=False).logits
    torch.nn.functional.cross_entropy(logits.view(-1, logits.shape[-1]), tokens.view(-1), reduction="none")


tell(runs, work)
