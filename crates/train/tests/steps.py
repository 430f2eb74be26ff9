"""Writes steps.json: what PyTorch makes of a training whose every epoch is one step over all rows, so that the order of
the rows plays no part. Run with PyTorch 2.11.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F

ROWS, EPOCHS = 10, 6


def data():
    x = torch.tensor([[torch.cos(torch.tensor(3.0 * i)), torch.sin(torch.tensor(5.0 * i))] for i in range(ROWS)])
    # written with three digits, as a user's file has them
    x = (x * 1000).round() / 1000
    y = torch.tensor([i % 3 == 0 for i in range(ROWS)]).long()
    return x, y


def network():
    hidden, output = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
    with torch.no_grad():
        for layer, start in ((hidden, 0.0), (output, 50.0)):
            count = layer.weight.numel()
            layer.weight.copy_(torch.cos(start + torch.arange(count)).reshape(layer.weight.shape))
            layer.bias.copy_(torch.sin(start + torch.arange(layer.bias.numel())))
    return torch.nn.Sequential(hidden, torch.nn.Tanh(), output)


def named(model):
    names = {"0.weight": "hidden.weight", "0.bias": "hidden.bias", "2.weight": "output.weight", "2.bias": "output.bias"}
    return {names[name]: tensor.flatten().tolist() for name, tensor in model.state_dict().items() if name in names}


def accumulated():
    """Rows of the second class weigh 3: the loss is sum(w l) / sum(w) over all rows."""
    (x, y), model = data(), network()
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    weights = torch.tensor([1.0, 3.0])[y]
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy_with_logits(model(x)[:, 0], y.float(), reduction="none")
        ((weights * loss).sum() / weights.sum()).backward()
        optimizer.step()
    return named(model)


if __name__ == "__main__":
    x, y = data()
    reference = {
        "rows": [[*map(lambda v: round(v, 3), row), label] for row, label in zip(x.tolist(), y.tolist())],
        "start": named(network()),
        "accumulated": accumulated(),
    }
    Path(__file__).with_name("steps.json").write_text(json.dumps(reference) + "\n")
