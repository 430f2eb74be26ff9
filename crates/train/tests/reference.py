"""Writes reference.json: what torch.optim computes. Run with PyTorch 2.11."""

import json
from pathlib import Path

import numpy as np
import torch

ROWS, UNITS, STEPS = 6, 3, 100


def optimizers():
    """Row `r` of a table has a gradient in every (r + 2)th step; row 5 never."""
    settings = {
        "adam": (torch.optim.Adam, dict(lr=1e-2, weight_decay=1e-2)),
        "adam_plain": (torch.optim.Adam, dict(lr=1e-2)),
        "adamw": (torch.optim.AdamW, dict(lr=1e-2, weight_decay=0.1, betas=(0.8, 0.99))),
        "sgd": (torch.optim.SGD, dict(lr=1e-2, momentum=0.9, weight_decay=1e-2)),
        "sgd_plain": (torch.optim.SGD, dict(lr=1e-2)),
    }
    found = {}
    for name, (kind, options) in settings.items():
        table = torch.tensor([[np.cos(r * UNITS + u) for u in range(UNITS)] for r in range(ROWS)], dtype=torch.float32)
        dense = torch.tensor([np.cos(100 + i) for i in range(4)], dtype=torch.float32)
        table.requires_grad_(), dense.requires_grad_()
        optimizer = kind([table, dense], **options)
        for step in range(STEPS):
            table.grad = torch.zeros(ROWS, UNITS)
            for r in range(ROWS - 1):
                if step % (r + 2) == 0:
                    table.grad[r] = torch.tensor([np.sin(step + r * UNITS + u) for u in range(UNITS)])
            dense.grad = torch.tensor([np.sin(step * 0.1 + i) for i in range(4)], dtype=torch.float32)
            optimizer.step()
        found[name] = {"table": table.flatten().tolist(), "dense": dense.tolist()}
    return found


if __name__ == "__main__":
    reference = {"optimizers": optimizers()}
    Path(__file__).with_name("reference.json").write_text(json.dumps(reference) + "\n")
