"""python lm_eval_tasks.py ROWS_FOLDER OUT.json: what lm-eval 0.4.9 asks and counts (libs/eval/test/lm-eval.golden.json).

Needs lm-eval 0.4.9; runs its own YAML files on rows written for the test (ROWS_FOLDER/TASK.jsonl, in the data set's raw schema). No model: an answer is
made of the texts of its request, the same way here and in the test, so that prompts, requests, metrics and standard errors are compared by themselves.
"""
import json, sys

sys.path.pop(0)  # beside this file stands a kernels.py, and transformers looks for a package of that name
from pathlib import Path
import datasets
import lm_eval
from lm_eval import evaluator
from lm_eval.api.model import LM
from lm_eval.tasks import TaskManager

rows, out = Path(sys.argv[1]), Path(sys.argv[2])


def score(*texts):
    """A number made of texts: the test has the same formula."""
    sum = 7
    for text in texts:
        for point in map(ord, text):
            sum = (sum * 31 + point) % 65521
    return -sum / 1000 - 1


class Fake(LM):
    def loglikelihood(self, requests):
        return [(score(*request.args), int(-score(*request.args) * 1000) % 3 == 0) for request in requests]

    def loglikelihood_rolling(self, requests):
        return [score(*request.args) for request in requests]

    def generate_until(self, requests):
        return [f" The answer is #### {int(-score(request.args[0]) * 1000) % 4} or 1. " for request in requests]


local = {}
load = datasets.load_dataset


def from_rows(path=None, name=None, **_):
    task = local["task"]
    whole = datasets.Dataset.from_list([json.loads(line) for line in (rows / f"{task}.jsonl").read_text().splitlines()])
    return datasets.DatasetDict({split: whole for split in ("train", "validation", "test", "dev", "train_r1", "dev_r1", "test_r1")})


datasets.load_dataset = from_rows
results = {}
manager = TaskManager()
for file in sorted(rows.glob("*.jsonl")):
    for shots in (0, 2):
        task = local["task"] = file.stem
        report = evaluator.simple_evaluate(model=Fake(), tasks=[task], num_fewshot=shots, task_manager=manager, log_samples=True, bootstrap_iters=2000, verbosity="ERROR")
        samples = report["samples"][task]
        keep = lambda values: {key: value for key, value in values.items() if key not in ("alias", "samples", "name") and value != "N/A"}
        results.setdefault(task, {})[str(shots)] = {
            "scores": keep(report["results"][task]),
            "samples": [{"filter": s["filter"], "target": s["target"], "arguments": [[a if isinstance(a, str) else None for a in args] for args in s["arguments"]], "metrics": {m: s[m] for m in s["metrics"]},
                         "doc_hash": s["doc_hash"], "prompt_hash": s["prompt_hash"], "target_hash": s["target_hash"]} for s in samples],
        }
json.dump({"made_with": {"lm_eval": lm_eval.__version__ if hasattr(lm_eval, "__version__") else "0.4.9"}, "tasks": results}, out.open("w"), indent=0, default=lambda value: value.item() if hasattr(value, "item") else str(value))
print({task: {shots: each["scores"] for shots, each in by.items()} for task, by in results.items()})
