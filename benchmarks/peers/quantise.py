"""quantise.py LIBRARY IN OUT FTYPE OURS: llama.cpp's own quantisation of a GGUF file, by the library (libllama) that stands in a folder with those that it
needs. Prints what OURS has in common with it: { "tensors", "types": those of the same type, "bytes": the share of their bytes that is the same }."""
import ctypes
import glob
import json
import os
import sys

from gguf import GGUFReader

folder, source, out, ftype, ours = sys.argv[1:]
llama = ctypes.CDLL(glob.glob(os.path.join(folder, "libllama.*so*"))[0], mode=ctypes.RTLD_GLOBAL)


class Params(ctypes.Structure):
    """llama_model_quantize_params: its first fields, and more room than the rest of them takes."""

    _fields_ = [("nthread", ctypes.c_int32), ("ftype", ctypes.c_int32), ("rest", ctypes.c_uint8 * 504)]


llama.llama_model_quantize_default_params.restype = Params
llama.llama_model_quantize.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.POINTER(Params)]
llama.llama_model_quantize.restype = ctypes.c_uint32
llama.llama_backend_init()
params = llama.llama_model_quantize_default_params()
params.nthread = 1
params.ftype = int(ftype)
if llama.llama_model_quantize(source.encode(), out.encode(), ctypes.byref(params)) != 0:
    sys.exit(f"llama.cpp does not quantise {source}")

theirs = {tensor.name: tensor for tensor in GGUFReader(out).tensors}
pairs = [(tensor, theirs[tensor.name]) for tensor in GGUFReader(ours).tensors]
alike = [(a, b) for a, b in pairs if a.tensor_type == b.tensor_type]
same = sum(int((a.data.view("u1") == b.data.view("u1")).sum()) for a, b in alike)
print(json.dumps({"tensors": len(pairs), "types": len(alike), "bytes": same / sum(a.n_bytes for a, _ in alike)}))
