"""Writes files/ and reference.json: small state dicts as PyTorch saves them, and what torch.load reads. PyTorch 2.11."""

import argparse
import collections
import io
import json
import os
import zipfile
from pathlib import Path

import torch
from torch import nn

HERE = Path(__file__).parent
FILES = HERE / "files"
FILES.mkdir(exist_ok=True)
torch.manual_seed(7)


def dtypes():
    values = torch.tensor([[0.0, 1.0, -2.5], [3.0, 65.25, -7.0]])
    whole = torch.tensor([[0, 1, 2], [3, 100, 7]])
    state = collections.OrderedDict()
    for name in ("float32", "float64", "float16", "bfloat16"):
        state[name] = values.to(getattr(torch, name))
    for name in ("int64", "int32", "int16", "int8", "uint8"):
        state[name] = whole.to(getattr(torch, name))
    state["bool"] = whole > 2
    state["scalar"] = torch.tensor(41)
    state["none"] = torch.zeros(0, 3)
    return state


def views():
    base = torch.arange(24, dtype=torch.float32)
    grid = base.view(4, 6)
    return {
        "whole": base,
        "transposed": grid.t(),
        "rows": grid[1:3],
        "columns": grid[:, 2:5],
        "stepped": base[1::5],
        "broadcast": base[3:4].expand(3, 5),
        "one": grid[2:3, 4:5],
        "channels-last": base.view(1, 2, 3, 4).contiguous(memory_format=torch.channels_last),
    }


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 2, 3)
        self.bn = nn.BatchNorm2d(2)
        self.fc = nn.Linear(4, 3)


def checkpoint(net):
    optimizer = torch.optim.SGD(net.parameters(), 0.1, momentum=0.9)
    scheduler = torch.optim.lr_scheduler.MultiStepLR(optimizer, [30, 60])
    return {
        "epoch": 12,
        "arch": "net",
        "state_dict": {f"module.{name}": value for name, value in net.state_dict().items()},
        "best_prec1": torch.tensor(91.5),
        "optimizer": optimizer.state_dict(),
        "scheduler": scheduler.state_dict(),
    }


class Evil:
    def __reduce__(self):
        return os.system, ("touch /tmp/pickle-was-run",)


def describe(value):
    value = value.detach()
    return {
        "dtype": str(value.dtype).removeprefix("torch."),
        "shape": list(value.shape),
        "values": value.to(torch.float64).flatten().tolist(),
    }


net = Net()
nested = {"encoder": {"w": torch.ones(2)}, "decoder": {"w": torch.zeros(3), "layers": [torch.ones(1), 3, torch.zeros(2)]}}
cases = {
    "dtypes": (dtypes(), None),
    "views": (views(), None),
    "net": (net.state_dict(), None),
    "parameters": (dict(net.named_parameters()), None),
    "checkpoint": (checkpoint(net), net.state_dict()),
    "nested": (
        nested,
        {
            "encoder.w": nested["encoder"]["w"],
            "decoder.w": nested["decoder"]["w"],
            "decoder.layers.0": nested["decoder"]["layers"][0],
            "decoder.layers.2": nested["decoder"]["layers"][2],
        },
    ),
}
expected = {}
for name, (saved, read) in cases.items():
    for form, is_zip in (("zip", True), ("legacy", False)):
        file = f"{name}-{form}.pth"
        torch.save(saved, FILES / file, _use_new_zipfile_serialization=is_zip)
        expected[file] = {key: describe(value) for key, value in (read or saved).items()}
untyped = {"u16": torch.tensor([1, 65535], dtype=torch.uint16), "u32": torch.tensor([7], dtype=torch.uint32)}
torch.save(untyped, FILES / "untyped-zip.pth")
expected["untyped-zip.pth"] = {key: describe(value.to(torch.int64)) | {"dtype": str(value.dtype)[6:]} for key, value in untyped.items()}
torch.save(cases["net"][0], FILES / "net-protocol4.pth", pickle_protocol=4)
expected["net-protocol4.pth"] = expected["net-zip.pth"]
buffer = io.BytesIO()
torch.save(net.state_dict(), buffer)
with zipfile.ZipFile(buffer) as source, zipfile.ZipFile(FILES / "net-deflated.pth", "w", zipfile.ZIP_DEFLATED) as target:
    for entry in source.namelist():
        target.writestr(zipfile.ZipInfo(entry), source.read(entry), zipfile.ZIP_DEFLATED)
expected["net-deflated.pth"] = expected["net-zip.pth"]

for form, is_zip in (("zip", True), ("legacy", False)):
    torch.save({"w": torch.ones(2), "x": Evil()}, FILES / f"evil-{form}.pth", _use_new_zipfile_serialization=is_zip)
torch.save({"args": argparse.Namespace(lr=0.1), "w": torch.ones(1)}, FILES / "namespace.pth")
torch.save(nn.Linear(1, 1), FILES / "module.pth")
torch.save({"epoch": 3, "name": "x"}, FILES / "no-tensors.pth")
bomb = zipfile.ZipFile(FILES / "bomb.pth", "w", zipfile.ZIP_DEFLATED)
buffer = io.BytesIO()
torch.save({"w": torch.zeros(1 << 18)}, buffer)
with zipfile.ZipFile(buffer) as source, bomb:
    for entry in source.namelist():
        bomb.writestr(zipfile.ZipInfo(entry), source.read(entry), zipfile.ZIP_DEFLATED)

lines = ",\n".join(f"  {json.dumps(file)}: {json.dumps(tensors)}" for file, tensors in expected.items())
(HERE / "reference.json").write_text("{\n" + lines + "\n}\n")
