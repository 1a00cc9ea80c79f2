"""same_rows.py MODEL ROWS: lm-eval 0.4.9 with its own YAML files on ROWS/TASK.jsonl, with PyTorch, float32; what every example came to, as one line of JSON."""
import json
import sys
from pathlib import Path

import datasets
import torch
import lm_eval.tasks
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

model, rows = HFLM(pretrained=sys.argv[1], device="cpu", dtype="float32", batch_size=8), Path(sys.argv[2])
now = {}
torch.set_num_threads(1)  # a small model: threads would wait for one another


def local(*_, **__):
    whole = datasets.Dataset.from_list([json.loads(line) for line in (rows / f"{now['task']}.jsonl").read_text().splitlines()])
    return datasets.DatasetDict({split: whole for split in ("train", "validation", "test", "dev")})


def number(value):
    """Perplexities are told as [log-likelihood, words]: the first counts."""
    while isinstance(value, (list, tuple)):
        value = value[0]
    return float(value)


def told(sample):
    answers = [answer for (answer,) in sample["resps"]]
    likelihoods = [float(answer[0] if isinstance(answer, (list, tuple)) else answer) for answer in answers if not isinstance(answer, str)]
    return {"ll": likelihoods, "metrics": {name: number(sample[name]) for name in sample["metrics"]}}


datasets.load_dataset = local
manager = TaskManager()
tasks = {}
for file in sorted(rows.glob("*.jsonl")):
    task = now["task"] = file.stem
    samples = simple_evaluate(model=model, tasks=[task], task_manager=manager, log_samples=True, bootstrap_iters=0, verbosity="ERROR")["samples"][task]
    first = samples[0]["filter"]
    tasks[task] = [told(sample) for sample in sorted(samples, key=lambda sample: sample["doc_id"]) if sample["filter"] == first]
print(json.dumps({"folder": str(Path(lm_eval.tasks.__file__).parent), "tasks": tasks}))
