"""Writes schedules.json: the learning rates that torch.optim.lr_scheduler and SWALR give. Run with PyTorch 2.11."""

import json
import warnings
from pathlib import Path

import torch
from torch.optim import lr_scheduler as lrs
from torch.optim.swa_utils import SWALR

warnings.simplefilter("ignore")
LR, EPOCHS, STEPS = 0.5, 8, 5
ALL = EPOCHS * STEPS
# Our settings, and PyTorch's class with its own.
CASES = [
    ({"kind": "step", "every": 3, "gamma": 0.5}, lrs.StepLR, dict(step_size=3, gamma=0.5)),
    ({"kind": "step", "every": 7, "by": "step"}, lrs.StepLR, dict(step_size=7)),
    ({"kind": "multi-step", "milestones": [2, 5]}, lrs.MultiStepLR, dict(milestones=[2, 5])),
    ({"kind": "multi-step", "milestones": [20, 4, 4], "gamma": 0.7, "by": "step"}, lrs.MultiStepLR, dict(milestones=[20, 4, 4], gamma=0.7)),
    ({"kind": "exponential", "gamma": 0.8}, lrs.ExponentialLR, dict(gamma=0.8)),
    ({"kind": "exponential", "gamma": 0.95, "by": "step"}, lrs.ExponentialLR, dict(gamma=0.95)),
    ({"kind": "cosine"}, lrs.CosineAnnealingLR, dict(T_max=EPOCHS)),
    ({"kind": "cosine", "min-lr": 0.01, "by": "step"}, lrs.CosineAnnealingLR, dict(T_max=ALL, eta_min=0.01)),
    ({"kind": "cosine", "total": 3}, lrs.CosineAnnealingLR, dict(T_max=3)),
    ({"kind": "cosine-restarts", "period": 3}, lrs.CosineAnnealingWarmRestarts, dict(T_0=3)),
    ({"kind": "cosine-restarts", "period": 6, "multiply": 2, "min-lr": 0.02, "by": "step"}, lrs.CosineAnnealingWarmRestarts, dict(T_0=6, T_mult=2, eta_min=0.02)),
    ({"kind": "one-cycle"}, lrs.OneCycleLR, dict(max_lr=LR, total_steps=ALL, cycle_momentum=False)),
    ({"kind": "one-cycle", "rise": 0.4, "div": 10.0, "final-div": 100.0, "anneal": "linear"}, lrs.OneCycleLR, dict(max_lr=LR, total_steps=ALL, pct_start=0.4, div_factor=10.0, final_div_factor=100.0, anneal_strategy="linear", cycle_momentum=False)),
    ({"kind": "one-cycle", "three-phase": True}, lrs.OneCycleLR, dict(max_lr=LR, total_steps=ALL, three_phase=True, cycle_momentum=False)),
    ({"kind": "polynomial", "power": 2.0}, lrs.PolynomialLR, dict(total_iters=EPOCHS, power=2.0)),
    ({"kind": "polynomial", "by": "step", "total": 30}, lrs.PolynomialLR, dict(total_iters=30)),
    ({"kind": "linear"}, lrs.LinearLR, dict(start_factor=1.0, end_factor=0.0, total_iters=EPOCHS)),
    ({"kind": "linear", "from": 0.2, "to": 0.9, "total": 10, "by": "step"}, lrs.LinearLR, dict(start_factor=0.2, end_factor=0.9, total_iters=10)),
    ({"kind": "constant", "factor": 0.3, "total": 2}, lrs.ConstantLR, dict(factor=0.3, total_iters=2)),
]
# Warm-ups of so many steps, before schedules that count the steps that are left.
WARM = [
    ({"steps": 7, "from": 0.1}, None, None, {}),
    ({"epochs": 2, "from": 0.25}, {"kind": "cosine", "by": "step"}, lrs.CosineAnnealingLR, dict(T_max=ALL - 2 * STEPS)),
    ({"steps": 4, "from": 0.01}, {"kind": "exponential", "gamma": 0.9, "by": "step"}, lrs.ExponentialLR, dict(gamma=0.9)),
    ({"steps": 12, "from": 0.5}, {"kind": "linear", "by": "step"}, lrs.LinearLR, dict(start_factor=1.0, end_factor=0.0, total_iters=ALL - 12)),
]
# Averages from an epoch on, with PyTorch's SWALR after it and another schedule before.
SWA = [
    (3, {"lr": 0.05, "epochs": 3}, dict(swa_lr=0.05, anneal_epochs=3), None, None, {}),
    (1, {"lr": 0.9}, dict(swa_lr=0.9), None, None, {}),
    (4, {"lr": 0.02, "epochs": 2, "anneal": "linear"}, dict(swa_lr=0.02, anneal_epochs=2, anneal_strategy="linear"),
     {"kind": "exponential", "gamma": 0.8}, lrs.ExponentialLR, dict(gamma=0.8)),
]
LOSSES = [1.0, 0.9, 0.9, 0.95, 0.8, 0.81, 0.8, 0.79999, 0.85, 0.9, 0.9, 0.9, 0.9, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7, 0.7]
PLATEAUS = [
    ({"patience": 1}, dict(patience=1)),
    ({"patience": 2, "factor": 0.5, "cooldown": 2}, dict(patience=2, factor=0.5, cooldown=2)),
    ({"patience": 0, "factor": 0.3, "min-lr": 0.05}, dict(patience=0, factor=0.3, min_lr=0.05)),
    ({"patience": 1, "threshold": 0.15, "threshold-mode": "abs", "metric": "auc"}, dict(patience=1, threshold=0.15, threshold_mode="abs", mode="max")),
    ({"patience": 1, "threshold": 0.05, "metric": "auc", "factor": 0.9}, dict(patience=1, threshold=0.05, mode="max", factor=0.9)),
]


def optimizer():
    return torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=LR)


def rates(make, by):
    sgd = optimizer()
    schedule = make(sgd)
    found = []
    for _ in range(EPOCHS):
        for _ in range(STEPS):
            found.append(sgd.param_groups[0]["lr"])
            sgd.step()
            if by == "step":
                schedule.step()
        if by == "epoch":
            schedule.step()
    return found


def averaged(start, options, kind, own):
    """The loop of the documentation of torch.optim.swa_utils, epochs counted from 1."""
    sgd = optimizer()
    schedule = kind(sgd, **own) if kind else None
    swa = SWALR(sgd, **options)
    found = []
    for epoch in range(1, EPOCHS + 1):
        found += [sgd.param_groups[0]["lr"]] * STEPS
        sgd.step()
        if epoch >= start:
            swa.step()
        elif schedule:
            schedule.step()
    return found


def cases():
    for settings, kind, options in CASES:
        by = "step" if settings["kind"] == "one-cycle" else settings.get("by", "epoch")
        yield {"schedule": settings}, rates(lambda sgd: kind(sgd, **options), by)
    for warm_up, settings, kind, options in WARM:
        count = warm_up.get("steps", 0) + warm_up.get("epochs", 0) * STEPS

        def make(sgd):
            warm = lrs.LinearLR(sgd, start_factor=warm_up["from"], total_iters=count)
            rest = kind(sgd, **options) if kind else lrs.ConstantLR(sgd, factor=1.0, total_iters=0)
            return lrs.SequentialLR(sgd, [warm, rest], milestones=[count])

        own = {"warm-up": warm_up} | ({"schedule": settings} if settings else {})
        yield own, rates(make, "step")
    for start, settings, options, schedule, kind, own in SWA:
        average = {"average": {"kind": "swa", "from": start, "schedule": settings}}
        yield average | ({"schedule": schedule} if schedule else {}), averaged(start, options, kind, own)


def plateau(options):
    sgd = optimizer()
    schedule = lrs.ReduceLROnPlateau(sgd, **options)
    found = []
    for loss in LOSSES:
        found.append(sgd.param_groups[0]["lr"])
        sgd.step()
        schedule.step(loss)
    return found


if __name__ == "__main__":
    rounded = lambda values: [round(value, 12) for value in values]
    lines = [
        {"training": {"epochs": EPOCHS, **own}, "steps": STEPS, "rates": rounded(found)} for own, found in cases()
    ]
    for settings, options in PLATEAUS:
        training = {"epochs": len(LOSSES), "schedule": {"kind": "on-plateau", **settings}}
        lines.append({"training": training, "losses": LOSSES, "rates": rounded(plateau(options))})
    text = "[\n" + ",\n".join(json.dumps(line) for line in lines) + "\n]\n"
    Path(__file__).with_name("schedules.json").write_text(text)
