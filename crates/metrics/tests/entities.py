"""Writes entities.json: entities and their scores as seqeval reads random tags where it is not strict. Run with seqeval
1.2.2.
"""

import json
import random
import warnings
from pathlib import Path

from seqeval.metrics import accuracy_score, classification_report
from seqeval.metrics.sequence_labeling import get_entities, precision_recall_fscore_support

warnings.filterwarnings("ignore")
draw = random.Random(3)

SETS = {
    "iob": ["O"] + [f"{place}-{kind}" for place in "BI" for kind in ("LOC", "PER", "made-up")],
    "bioes": ["O"] + [f"{place}-{kind}" for place in "BIES" for kind in ("LOC", "PER")],
    "untyped": ["O", "B", "I"],
    "inside": ["O", "I-LOC", "I-PER"],
}


def case(name, tags):
    texts = [[draw.choice(tags) for _ in range(draw.randint(1, 9))] for _ in range(40)]
    # A model that is right in most words.
    chosen = [[tag if draw.random() < 0.75 else draw.choice(tags) for tag in text] for text in texts]
    values = {"accuracy": accuracy_score(texts, chosen)}
    for average in ("micro", "macro", "weighted"):
        scores = precision_recall_fscore_support(texts, chosen, average=average)
        for metric, score in zip(("precision", "recall", "f1"), scores):
            values[f"{metric}-{average}"] = float(score)
            if average == "micro":
                values[metric] = float(score)
    report = classification_report(texts, chosen, output_dict=True)
    types = {kind: [float(of[key]) for key in ("precision", "recall", "f1-score")] for kind, of in report.items()
             if not kind.endswith(" avg")}
    index = {tag: at for at, tag in enumerate(tags)}
    coded = lambda all: [" ".join(str(index[tag]) for tag in text) for text in all]
    entities = [[[kind, start, end + 1] for kind, start, end in get_entities(text)] for text in texts]
    return {"name": name, "tags": tags, "texts": coded(texts), "chosen": coded(chosen), "entities": entities,
            "values": values, "types": types}


cases = [case(name, tags) for name, tags in SETS.items()]
lines = ",\n".join(json.dumps(case, separators=(",", ":")) for case in cases)
Path(__file__).with_suffix(".json").write_text(f"[\n{lines}\n]\n")
