"""eval.py MODEL DATA LIMIT BATCH: lm-eval 0.4.9's own six tasks on the first rows of DATA/TASK.jsonl, with PyTorch, float32; opening the model counts."""
import json
import sys
from pathlib import Path

import datasets
from lm_eval import simple_evaluate
from lm_eval.models.huggingface import HFLM
from lm_eval.tasks import TaskManager

from tell import DEVICE, report, timed

folder, data, limit, batch = sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:5])
TASKS = {"ybisk/piqa": "piqa", "Rowan/hellaswag": "hellaswag", "openbookqa": "openbookqa", "winogrande": "winogrande", "allenai/sciq": "sciq", "allenai/ai2_arc": "arc_easy"}


def raw(task, row):
    """hellaswag.jsonl was preprocessed: what lm-eval makes of this is the same again."""
    if task != "hellaswag":
        return row
    activity, context = row["query"].split(": ", 1)
    return {"activity_label": activity, "ctx_a": context, "ctx_b": "", "endings": row["choices"], "label": str(row["gold"])}


def local(path, *_, **__):
    task = TASKS.get(path) or next(name for key, name in TASKS.items() if key.split("/")[-1] == path.split("/")[-1])
    rows = [raw(task, json.loads(line)) for line in (data / f"{task}.jsonl").read_text().splitlines()]
    whole = datasets.Dataset.from_list(rows)
    return datasets.DatasetDict({split: whole for split in ("train", "validation", "test")})


datasets.load_dataset = local


def evaluate():
    model = HFLM(pretrained=folder, device=DEVICE, dtype="float32", batch_size=batch)
    scores = simple_evaluate(model=model, tasks=list(TASKS.values()), limit=limit, bootstrap_iters=0, task_manager=TaskManager(), verbosity="ERROR")["results"]
    print({task: (own["acc,none"], own.get("acc_norm,none")) for task, own in scores.items()}, file=sys.stderr)


report([timed(evaluate)])
