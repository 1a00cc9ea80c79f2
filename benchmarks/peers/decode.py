"""decode.py MODEL CONTEXT TOKENS: transformers, float32, one token after another with its key-value cache."""
import sys

import torch
from transformers import AutoModelForCausalLM

from tell import DEVICE, ids, tell

folder, context, tokens = sys.argv[1], *map(int, sys.argv[2:4])
model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).to(DEVICE).eval()
with torch.inference_mode():
    cache = model(torch.tensor([ids(context, model.config.vocab_size)], device=DEVICE), use_cache=True).past_key_values


@torch.inference_mode()
def work():
    model(torch.tensor([[1]], device=DEVICE), past_key_values=cache, use_cache=True)


tell(tokens, work)
