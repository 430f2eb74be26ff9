"""Writes reference.json: what torch.optim computes, and for LAMB and Lion what their papers' algorithms do in numpy.
Run with PyTorch 2.11."""

import json
from pathlib import Path

import numpy as np
import torch

ROWS, UNITS, STEPS = 6, 3, 100
RENAMED = {"eps": "epsilon", "initial_accumulator_value": "initial-accumulator"}
CASES = {
    "adam": ("adam", torch.optim.Adam, dict(lr=1e-2, weight_decay=1e-2)),
    "adam_plain": ("adam", torch.optim.Adam, dict(lr=1e-2)),
    "adam_amsgrad": ("adam", torch.optim.Adam, dict(lr=1e-2, weight_decay=1e-2, amsgrad=True)),
    "adamw": ("adamw", torch.optim.AdamW, dict(lr=1e-2, weight_decay=0.1, betas=(0.8, 0.99))),
    "adamw_amsgrad": ("adamw", torch.optim.AdamW, dict(lr=1e-2, weight_decay=0.1, amsgrad=True)),
    "sgd": ("sgd", torch.optim.SGD, dict(lr=1e-2, momentum=0.9, weight_decay=1e-2)),
    "sgd_plain": ("sgd", torch.optim.SGD, dict(lr=1e-2)),
    "sgd_decay": ("sgd", torch.optim.SGD, dict(lr=1e-2, weight_decay=1e-2)),
    "sgd_dampening": ("sgd", torch.optim.SGD, dict(lr=1e-2, momentum=0.9, dampening=0.5)),
    "sgd_nesterov": ("sgd", torch.optim.SGD, dict(lr=1e-2, momentum=0.9, nesterov=True, weight_decay=1e-2)),
    "rmsprop": ("rmsprop", torch.optim.RMSprop, dict(lr=1e-3)),
    "rmsprop_momentum": ("rmsprop", torch.optim.RMSprop, dict(lr=1e-3, momentum=0.8, weight_decay=1e-2)),
    "rmsprop_centered": ("rmsprop", torch.optim.RMSprop, dict(lr=1e-3, centered=True, alpha=0.9)),
    "rmsprop_both": ("rmsprop", torch.optim.RMSprop, dict(lr=1e-3, centered=True, momentum=0.5, weight_decay=1e-2)),
    "adagrad": ("adagrad", torch.optim.Adagrad, dict(lr=1e-1)),
    "adagrad_all": (
        "adagrad",
        torch.optim.Adagrad,
        dict(lr=1e-1, lr_decay=1e-2, initial_accumulator_value=0.1, weight_decay=1e-2),
    ),
    "adamax": ("adamax", torch.optim.Adamax, dict(lr=1e-2)),
    "adamax_decay": ("adamax", torch.optim.Adamax, dict(lr=1e-2, weight_decay=1e-2, betas=(0.8, 0.99))),
    "nadam": ("nadam", torch.optim.NAdam, dict(lr=1e-2)),
    "nadam_decay": ("nadam", torch.optim.NAdam, dict(lr=1e-2, weight_decay=1e-2, momentum_decay=1e-2)),
    "nadam_decoupled": (
        "nadam",
        torch.optim.NAdam,
        dict(lr=1e-2, weight_decay=1e-1, decoupled_weight_decay=True),
    ),
    "radam": ("radam", torch.optim.RAdam, dict(lr=1e-2)),
    "radam_decay": ("radam", torch.optim.RAdam, dict(lr=1e-2, weight_decay=1e-2, betas=(0.9, 0.99))),
    "radam_decoupled": (
        "radam",
        torch.optim.RAdam,
        dict(lr=1e-2, weight_decay=1e-1, decoupled_weight_decay=True),
    ),
    "lamb": ("lamb", "lamb", dict(lr=1e-2, betas=(0.9, 0.999), eps=1e-6, weight_decay=0.0)),
    "lamb_decay": ("lamb", "lamb", dict(lr=1e-2, betas=(0.8, 0.99), eps=1e-6, weight_decay=1e-1)),
    "lion": ("lion", "lion", dict(lr=1e-3, betas=(0.9, 0.99), weight_decay=0.0)),
    "lion_decay": ("lion", "lion", dict(lr=1e-3, betas=(0.8, 0.95), weight_decay=1e-1)),
}


def start():
    table = np.array([[np.cos(r * UNITS + u) for u in range(UNITS)] for r in range(ROWS)], np.float32)
    return [table, np.array([np.cos(100 + i) for i in range(4)], np.float32)]


def gradients(step):
    """Row `r` of a table has a gradient in every (r + 2)th step; row 5 never."""
    table = np.zeros((ROWS, UNITS), np.float32)
    for r in range(ROWS - 1):
        if step % (r + 2) == 0:
            table[r] = [np.sin(step + r * UNITS + u) for u in range(UNITS)]
    return [table, np.array([np.sin(step * 0.1 + i) for i in range(4)], np.float32)]


def by_torch(kind, options):
    weights = [torch.tensor(values, requires_grad=True) for values in start()]
    optimizer = kind(weights, **options)
    for step in range(STEPS):
        for weight, gradient in zip(weights, gradients(step)):
            weight.grad = torch.tensor(gradient)
        optimizer.step()
    return [weight.detach().numpy() for weight in weights]


def lamb(lr, betas, eps, weight_decay):
    """Algorithm 2 of You et al. 2020; phi is the identity."""
    weights = [values.astype(np.float64) for values in start()]
    first, second = [np.zeros_like(w) for w in weights], [np.zeros_like(w) for w in weights]
    for step in range(STEPS):
        for i, gradient in enumerate(gradients(step)):
            first[i] = betas[0] * first[i] + (1 - betas[0]) * gradient
            second[i] = betas[1] * second[i] + (1 - betas[1]) * gradient.astype(np.float64) ** 2
            mean, square = first[i] / (1 - betas[0] ** (step + 1)), second[i] / (1 - betas[1] ** (step + 1))
            along = mean / (np.sqrt(square) + eps) + weight_decay * weights[i]
            lengths = np.linalg.norm(weights[i]), np.linalg.norm(along)
            ratio = lengths[0] / lengths[1] if min(lengths) > 0 else 1.0
            weights[i] = weights[i] - lr * ratio * along
    return weights


def lion(lr, betas, weight_decay):
    """Algorithm 2 of Chen et al. 2023."""
    weights = [values.astype(np.float64) for values in start()]
    momentum = [np.zeros_like(w) for w in weights]
    for step in range(STEPS):
        for i, gradient in enumerate(gradients(step)):
            update = np.sign(betas[0] * momentum[i] + (1 - betas[0]) * gradient)
            momentum[i] = betas[1] * momentum[i] + (1 - betas[1]) * gradient
            weights[i] = weights[i] - lr * (update + weight_decay * weights[i])
    return weights


def optimizers():
    found = {}
    for name, (kind, rule, options) in CASES.items():
        table, dense = {"lamb": lamb, "lion": lion}[rule](**options) if isinstance(rule, str) else by_torch(rule, options)
        settings = {RENAMED.get(key, key).replace("_", "-"): value for key, value in options.items()}
        rounded = lambda values: [round(float(value), 7) for value in values.flatten()]
        found[name] = {"settings": {"kind": kind, **settings}, "table": rounded(table), "dense": rounded(dense)}
    return found


def groups():
    """Parameter groups under a schedule; the table is frozen, without gradients, for the first 40 steps."""
    weights = [torch.tensor(values) for values in start()]
    settings = [dict(lr=2e-3, weight_decay=1e-1), dict(lr=1e-2, weight_decay=0.0)]
    optimizer = torch.optim.AdamW([dict(params=[w], **own) for w, own in zip(weights, settings)], lr=1e-2)
    schedule = torch.optim.lr_scheduler.StepLR(optimizer, step_size=30, gamma=0.5)
    for step in range(STEPS):
        table, dense = gradients(step)
        weights[0].grad = torch.tensor(table) if step >= 40 else None
        weights[1].grad = torch.tensor(dense)
        optimizer.step()
        schedule.step()
    rounded = lambda values: [round(float(value), 7) for value in values.flatten()]
    return {"table": rounded(weights[0]), "dense": rounded(weights[1])}


if __name__ == "__main__":
    lines = [f"{json.dumps(name)}: {json.dumps(case)}" for name, case in optimizers().items()]
    text = '{"optimizers": {\n' + ",\n".join(lines) + '\n},\n"groups": ' + json.dumps(groups()) + "}\n"
    Path(__file__).with_name("reference.json").write_text(text)
