"""python gguf_blocks.py OUT.json: what the package gguf (llama.cpp's own) reads from and writes into quantised blocks (libs/formats/test/reference/gguf-blocks.json).

Needs gguf and numpy. `read`: random bytes of three blocks with small scales, and their floats; `written`: rows of floats, and their blocks. Bytes are base64.
"""
import base64, json, sys
import numpy as np
from gguf import GGML_QUANT_SIZES, GGMLQuantizationType as Types, quants

random = np.random.default_rng(1)
# Where a block has its float16 numbers: random bytes there would be infinite or NaN now and then.
HALVES = {"Q2_K": [80, 82], "Q3_K": [108], "Q4_K": [0, 2], "Q5_K": [0, 2], "Q6_K": [208], "Q4_1": [0, 2], "Q5_1": [0, 2]}
READ = ["Q4_0", "Q4_1", "Q5_0", "Q5_1", "Q8_0", "Q2_K", "Q3_K", "Q4_K", "Q5_K", "Q6_K", "IQ4_NL", "IQ4_XS"]
text = lambda array: base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def read(name):
    kind = Types[name]
    blocks = random.integers(0, 256, (3, GGML_QUANT_SIZES[kind][1]), dtype=np.uint8)
    for at in HALVES.get(name, [0]):
        blocks[:, at : at + 2] = (random.standard_normal(3) * 0.1).astype(np.float16).view(np.uint8).reshape(3, 2)
    return {"blocks": text(blocks), "values": text(quants.dequantize(blocks, kind).astype("<f4"))}


rows = (random.standard_normal((6, 64)) * 0.05).astype("<f4")
rows[1] = 0
rows[2, 5] = -3
rows[3] = 0.25
written = {name: text(quants.quantize(rows, Types[name])) for name in ["Q8_0", "Q4_0", "Q5_0"]}
json.dump({"read": {name: read(name) for name in READ}, "rows": text(rows), "written": written}, open(sys.argv[1], "w"), indent=1)
