"""Writes steps.json: what PyTorch makes of a training whose every epoch is one step over all rows, so that the order of
the rows plays no part. Run with PyTorch 2.11.
"""

import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn, update_bn

ROWS, EPOCHS = 10, 6


def data():
    x = torch.tensor([[torch.cos(torch.tensor(3.0 * i)), torch.sin(torch.tensor(5.0 * i))] for i in range(ROWS)])
    # written with three digits, as a user's file has them
    x = (x * 1000).round() / 1000
    y = torch.tensor([i % 3 == 0 for i in range(ROWS)]).long()
    return x, y


def network(batch_norm=False):
    hidden, output = torch.nn.Linear(2, 3), torch.nn.Linear(3, 1)
    with torch.no_grad():
        for layer, start in ((hidden, 0.0), (output, 50.0)):
            count = layer.weight.numel()
            layer.weight.copy_(torch.cos(start + torch.arange(count)).reshape(layer.weight.shape))
            layer.bias.copy_(torch.sin(start + torch.arange(layer.bias.numel())))
    between = [torch.nn.BatchNorm1d(3), torch.nn.Tanh()] if batch_norm else [torch.nn.Tanh()]
    return torch.nn.Sequential(hidden, *between, output)


def named(model):
    layers = {"0": "hidden"} | ({"2": "output"} if len(model) == 3 else {"1": "hidden.batch_norm", "3": "output"})
    found = {}
    for name, tensor in model.state_dict().items():
        layer, parameter = name.split(".")
        if parameter != "num_batches_tracked":
            found[f"{layers[layer]}.{parameter}"] = tensor.flatten().tolist()
    return found


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


def averaged(after_step, batch_norm, **options):
    """`after_step` is called with the epoch, the model and its average."""
    (x, y), model = data(), network(batch_norm)
    average = AveragedModel(model, **options)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    for epoch in range(1, EPOCHS + 1):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(x)[:, 0], y.float()).backward()
        optimizer.step()
        after_step(epoch, model, average)
    if batch_norm:
        update_bn([x], average)
    return named(average.module)


class Bfloat16(torch.nn.Module):
    """A linear layer whose product alone is of 16 bits."""

    def __init__(self, layer):
        super().__init__()
        self.weight, self.bias = layer.weight, layer.bias

    def forward(self, x):
        return F.linear(x.bfloat16(), self.weight.bfloat16(), self.bias.bfloat16()).float()


def bfloat16():
    (x, y), model = data(), network()
    model = torch.nn.Sequential(Bfloat16(model[0]), model[1], Bfloat16(model[2]))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.5, momentum=0.9)
    for _ in range(EPOCHS):
        optimizer.zero_grad()
        F.binary_cross_entropy_with_logits(model(x)[:, 0], y.float()).backward()
        optimizer.step()
    return named(model)


def swa(epoch, model, average):
    if epoch >= 3:
        average.update_parameters(model)


if __name__ == "__main__":
    x, y = data()
    reference = {
        "rows": [[*map(lambda v: round(v, 3), row), label] for row, label in zip(x.tolist(), y.tolist())],
        "start": named(network()),
        "accumulated": accumulated(),
        "ema": averaged(
            lambda _, model, average: average.update_parameters(model), False, multi_avg_fn=get_ema_multi_avg_fn(0.8)
        ),
        "swa": averaged(swa, True),
        "bfloat16": bfloat16(),
        "float32": averaged(lambda _, model, average: average.update_parameters(model), False, avg_fn=lambda _, p, n: p),
    }
    Path(__file__).with_name("steps.json").write_text(json.dumps(reference) + "\n")
