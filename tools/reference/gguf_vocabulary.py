"""python gguf_vocabulary.py OUT.json: small SentencePiece vocabularies as a GGUF file holds them, and what SentencePiece cuts with them.

Trains two BPE models with byte fallback (as Llama's, and without the space before the text as Gemma's) on this file, reads them as llama.cpp's converter
does (pieces, scores, kinds), and encodes texts with SentencePiece itself.
"""
import io, json, sys
from pathlib import Path
import sentencepiece as spm

TEXTS = ["The tokens of a vocabulary", "  two spaces, and 3 numbers: 1984", "naïve 東京 🙂\n\ttab", "", " ", "a", "converter converts", "def f(x): return [x]"]
lines = Path(__file__).read_text().splitlines() * 4
out = {}
for name, prefix in [("llama", True), ("gemma", False)]:
    model = io.BytesIO()
    spm.SentencePieceTrainer.train(sentence_iterator=iter(lines), model_writer=model, model_type="bpe", vocab_size=420, byte_fallback=True, add_dummy_prefix=prefix,
                                   remove_extra_whitespaces=False, normalization_rule_name="identity", split_digits=True, pad_id=-1)
    sp = spm.SentencePieceProcessor(model_proto=model.getvalue())
    ids = range(sp.get_piece_size())
    kind = lambda i: 2 if sp.is_unknown(i) else 3 if sp.is_control(i) else 5 if sp.is_unused(i) else 6 if sp.is_byte(i) else 1
    out[name] = {"tokens": [sp.id_to_piece(i) for i in ids], "scores": [sp.get_score(i) for i in ids], "kinds": [kind(i) for i in ids],
                 "cut": [[text, sp.encode(text)] for text in TEXTS]}
    print(name, len(ids), out[name]["cut"][:3])
Path(sys.argv[1]).write_text(json.dumps({"made_with": {"sentencepiece": spm.__version__}} | out, ensure_ascii=False) + "\n")
