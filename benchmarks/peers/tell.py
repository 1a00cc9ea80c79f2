"""Prints what measure.mjs wants to be told: seconds of each run and the peak memory of this process."""
import json
import os
import resource
import time

import torch

# `cuda`: on an NVIDIA GPU.
DEVICE = os.environ.get("CHOP_BENCH_DEVICE", "cpu")


def timed(work):
    started = time.perf_counter()
    work()
    if DEVICE == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - started


def report(seconds):
    print(json.dumps({"seconds": seconds, "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def tell(runs, work):
    timed(work)
    report([timed(work) for _ in range(runs)])


def ids(count, vocab):
    state, out = 12345, []
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2**32
        out.append(state % vocab)
    return out
