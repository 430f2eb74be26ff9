"""Writes losses.json: losses and their gradients as PyTorch and torchvision compute them, in double precision.

Run with PyTorch 2.11 and torchvision.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

torch.manual_seed(0)

BINARY = dict(logits=[[0.3], [-1.2], [100.0], [-100.0], [0.0], [2.5]], labels=[1, 0, 0, 1, 1, 1])
SEVERAL = dict(
    logits=[[0.1, -0.2, 0.3], [100.0, -100.0, 0.0], [1.0, 2.0, 3.0], [-1.0, 0.5, 0.25]], labels=[2, 1, 0, 2]
)


def case(name, kind, data, compute, settings=None, classes=None, counts=None, one=False):
    """`one` keeps the first row alone."""
    rows = slice(0, 1) if one else slice(None)
    logits = torch.tensor(data["logits"], dtype=torch.float64)[rows].requires_grad_()
    labels = torch.tensor(data["labels"])[rows]
    loss = compute(logits, labels)
    (gradient,) = torch.autograd.grad(loss, logits)
    width = logits.shape[1]
    return {
        "name": name,
        "loss": {"kind": kind, **(settings or {})},
        "classes": classes or [str(c) for c in range(max(2, width))],
        "counts": counts or [1] * max(2, width),
        "logits": logits.detach().flatten().tolist(),
        "width": width,
        "labels": labels.tolist(),
        "value": loss.item(),
        "gradient": gradient.flatten().tolist(),
    }


def bce(**options):
    return lambda x, y: F.binary_cross_entropy_with_logits(x[:, 0], y.double(), **options)


def ce(**options):
    return lambda x, y: F.cross_entropy(x, y, **options)


def two(**options):
    """A logit against 0 is two logits: this gives what PyTorch's binary loss has no options for."""
    return lambda x, y: F.cross_entropy(torch.cat([torch.zeros_like(x), x], 1), y, **options)


def weights(*values):
    return torch.tensor(values, dtype=torch.float64)


def main():
    binary, several = "binary-cross-entropy", "categorical-cross-entropy"
    cases = [
        case("plain", binary, BINARY, bce()),
        case("one row", binary, BINARY, bce(), one=True),
        case("pos-weight", binary, BINARY, bce(pos_weight=weights(3.0)), {"pos-weight": 3.0}),
        case("smoothed", binary, BINARY, two(label_smoothing=0.1), {"label-smoothing": 0.1}),
        case("by name", binary, BINARY, two(weight=weights(1.0, 2.5)), {"class-weights": {"b": 2.5}}, ["a", "b"]),
        # 100 rows of 2 classes: 100 / (2 * 80) and 100 / (2 * 20)
        case(
            "balanced, smoothed", binary, BINARY, two(weight=weights(0.625, 2.5), label_smoothing=0.2),
            {"class-weights": "balanced", "label-smoothing": 0.2}, counts=[80, 20],
        ),
        case("plain", several, SEVERAL, ce()),
        case("one row", several, SEVERAL, ce(), one=True),
        case("smoothed", several, SEVERAL, ce(label_smoothing=0.1), {"label-smoothing": 0.1}),
        case(
            "by name", several, SEVERAL, ce(weight=weights(0.5, 1.0, 3.0)), {"class-weights": {"a": 0.5, "c": 3.0}},
            ["a", "b", "c"],
        ),
        # class 1 has no training rows: 12 / (2 * 9), 12 / (2 * 3)
        case(
            "balanced without rows of a class", several, SEVERAL, ce(weight=weights(12 / 18, 1.0, 2.0)),
            {"class-weights": "balanced"}, counts=[9, 0, 3],
        ),
        case(
            "balanced, smoothed", several, SEVERAL, ce(weight=weights(12 / 9, 1.0, 12 / 15), label_smoothing=0.3),
            {"class-weights": "balanced", "label-smoothing": 0.3}, counts=[3, 4, 5],
        ),
    ]
    path = Path(__file__).with_name("losses.json")
    path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
