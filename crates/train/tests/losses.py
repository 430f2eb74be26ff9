"""Writes losses.json: losses and their gradients as PyTorch and torchvision compute them, in double precision.

Run with PyTorch 2.11 and torchvision.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torchvision.ops import sigmoid_focal_loss

torch.manual_seed(0)

BINARY = dict(logits=[[0.3], [-1.2], [100.0], [-100.0], [0.0], [2.5]], labels=[1, 0, 0, 1, 1, 1])
SEVERAL = dict(
    logits=[[0.1, -0.2, 0.3], [100.0, -100.0, 0.0], [1.0, 2.0, 3.0], [-1.0, 0.5, 0.25]], labels=[2, 1, 0, 2]
)
LABELS = dict(
    logits=[[0.3, -1.2, 0.0], [50.0, -50.0, 2.0], [-0.5, 0.25, -3.0], [1.0, 1.5, -1.0]],
    labels=[[1, 0, 1], [0, 1, 1], [0, 0, 0], [1, 1, 0]],
)
TOKENS = dict(
    logits=[
        [[0.0, 1.0, 2.0], [0.3, -0.2, 0.1], [4.0, -4.0, 0.0], [9.0, 9.0, 9.0]],
        [[-7.0, 0.0, 7.0], [1.0, 1.5, -1.0], [0.5, 0.25, 2.0], [60.0, -60.0, 0.0]],
    ],
    labels=[[-100, 0, 2, -100], [-100, 1, -100, 1]],
)
NUMBERS = dict(
    logits=[[0.5], [2.0], [-30.0], [4.0], [1.0], [-2.5]], labels=[1.0, -0.5, 20.0, 4.0, 0.25, -1.0]
)


def case(name, kind, data, compute, settings=None, classes=None, counts=None, one=False, unit=None, weights=None):
    """`one` keeps the first row alone; `unit` is what errors of numbers are counted in; `weights` are of rows."""
    rows = slice(0, 1) if one else slice(None)
    logits = torch.tensor(data["logits"], dtype=torch.float64)[rows].requires_grad_()
    labels = torch.tensor(data["labels"])[rows]
    if unit:
        loss = compute(logits / unit, labels / unit)
    elif weights:
        w = torch.tensor(weights, dtype=torch.float64)
        loss = (compute(logits, labels) * w).sum() / w.sum()
    else:
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
        **({"unit": unit} if unit else {}),
        **({"weights": weights} if weights else {}),
        "value": loss.item(),
        "gradient": gradient.flatten().tolist(),
    }


def tokens(name, options, settings, classes=None, counts=None):
    """Logits of three tags at each of four steps of two texts; -100 marks steps that stand for no word."""
    logits = torch.tensor(TOKENS["logits"], dtype=torch.float64).requires_grad_()
    labels = torch.tensor(TOKENS["labels"])
    loss = F.cross_entropy(logits.flatten(0, 1), labels.flatten(), ignore_index=-100, **options)
    (gradient,) = torch.autograd.grad(loss, logits)
    return {
        "name": name,
        "loss": {"kind": "tokenwise-cross-entropy", **settings},
        "classes": classes or ["0", "1", "2"],
        "counts": counts or [1, 1, 1],
        "logits": logits.detach().flatten().tolist(),
        "width": 3,
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


def number(function, **options):
    return lambda x, y: function(x[:, 0], y.double(), **options)


def log_cosh(x, y, reduction="mean"):
    """Of large errors cosh itself is infinite."""
    size = (x - y).abs()
    each = torch.where(size < 10, torch.log(torch.cosh((x - y).clamp(-10, 10))), size - torch.log(torch.tensor(2.0).double()))
    return each.mean() if reduction == "mean" else each


def focal(alpha=-1, gamma=2.0, reduction="mean"):
    """torchvision's, of `[rows]` or `[rows, labels]`; -1 is no alpha."""
    return lambda x, y: sigmoid_focal_loss(
        x[:, 0] if y.dim() == 1 else x, y.double(), alpha=alpha, gamma=gamma, reduction=reduction
    )


def focal_of_classes(gamma=2.0, weight=None):
    """(1 - p)^gamma times the cross-entropy, whose own weights are of its mean."""

    def compute(x, y):
        each = F.cross_entropy(x, y, reduction="none")
        w = torch.ones_like(each) if weight is None else weight[y]
        p = F.softmax(x, 1).gather(1, y[:, None])[:, 0]
        return (w * (1 - p) ** gamma * each).sum() / w.sum()

    return compute


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
        tokens("plain", {}, {}),
        tokens("smoothed", dict(label_smoothing=0.1), {"label-smoothing": 0.1}),
        tokens(
            "by name, smoothed", dict(weight=weights(0.5, 1.0, 3.0), label_smoothing=0.2),
            {"class-weights": {"a": 0.5, "c": 3.0}, "label-smoothing": 0.2}, ["a", "b", "c"],
        ),
        case("plain", "binary-focal", BINARY, focal()),
        case("alpha and gamma", "binary-focal", BINARY, focal(0.25, 1.5), {"alpha": 0.25, "gamma": 1.5}),
        case("of several labels", "binary-focal", LABELS, focal(0.75), {"alpha": 0.75}),
        case("plain", "categorical-focal", SEVERAL, focal_of_classes()),
        case(
            "by name", "categorical-focal", SEVERAL, focal_of_classes(0.5, weights(1.0, 2.0, 0.25)),
            {"gamma": 0.5, "class-weights": {"1": 2.0, "2": 0.25}},
        ),
        case("of several labels", binary, LABELS, lambda x, y: F.binary_cross_entropy_with_logits(x, y.double())),
        case(
            "of several labels, pos-weight", binary, LABELS,
            lambda x, y: F.binary_cross_entropy_with_logits(x, y.double(), pos_weight=weights(3.0)), {"pos-weight": 3.0},
        ),
        case("plain", "mse", NUMBERS, number(F.mse_loss)),
        case("plain", "mae", NUMBERS, number(F.l1_loss)),
        case("plain", "huber", NUMBERS, number(F.huber_loss)),
        case("delta", "huber", NUMBERS, number(F.huber_loss, delta=2.5), {"delta": 2.5}),
        case("plain", "log-cosh", NUMBERS, number(log_cosh)),
        case("in units", "huber", NUMBERS, number(F.huber_loss), unit=4.0),
        case("in units", "mse", NUMBERS, number(F.mse_loss), unit=4.0),
        case("rows that weigh", binary, BINARY, bce(reduction="none"), weights=[1.0, 0.5, 2.0, 0.0, 3.0, 1.0]),
        case("rows that weigh", several, SEVERAL, ce(reduction="none"), weights=[1.0, 0.0, 2.0, 0.5]),
        case("rows that weigh", "mae", NUMBERS, number(F.l1_loss, reduction="none"), weights=[1, 0.5, 2, 0, 3, 1]),
        case(
            "rows that weigh", "binary-focal", BINARY, focal(reduction="none"), weights=[1.0, 0.5, 2.0, 0.0, 3.0, 1.0]
        ),
    ]
    path = Path(__file__).with_name("losses.json")
    path.write_text("[\n" + ",\n".join(json.dumps(case) for case in cases) + "\n]\n")


if __name__ == "__main__":
    main()
