"""Prints what measure.mjs wants to be told: seconds of each run and the peak memory of this process."""
import json
import resource
import time


def tell(runs, work):
    work()
    seconds = []
    for _ in range(runs):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    print(json.dumps({"seconds": seconds, "peakBytes": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024}))


def ids(count, vocab):
    state, out = 12345, []
    for _ in range(count):
        state = (state * 1103515245 + 12345) % 2**32
        out.append(state % vocab)
    return out
