"""Writes backbones.json: what torchvision's networks give for weights and pictures that a formula makes, and how the
parameters of their usual sizes are called and shaped. Run with PyTorch 2.11 and torchvision 0.26.
"""

import json
import math
from pathlib import Path

import numpy
import torch
import torchvision
from torch import nn
from torch.nn import functional as F

CLASSES, HIDDEN = 10, 32
MASK = (1 << 64) - 1


def fnv(text):
    """FNV-1a, 64 bits."""
    found = 0xCBF29CE484222325
    for byte in text.encode():
        found = ((found ^ byte) * 0x100000001B3) & MASK
    return found


def uniform(name, count):
    """Values in [-1, 1): SplitMix64 of the name's hash plus the index, its upper 24 bits."""
    with numpy.errstate(over="ignore"):
        z = numpy.uint64(fnv(name)) + numpy.arange(1, count + 1, dtype=numpy.uint64) * numpy.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> numpy.uint64(30))) * numpy.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> numpy.uint64(27))) * numpy.uint64(0x94D049BB133111EB)
        z = z ^ (z >> numpy.uint64(31))
    return (z >> numpy.uint64(40)).astype(numpy.float64) / (1 << 23) - 1.0


def values(name, shape):
    """Matrices and kernels as He et al. 2015 draw them, so that nothing dies out; all else near where it starts."""
    draw = uniform(name, math.prod(shape))
    if name.endswith("running_var") or len(shape) == 1 and name.endswith("weight"):
        draw = 1.0 + 0.25 * draw
    elif len(shape) == 1 or name.endswith("layer_scale"):
        draw = 0.25 * draw
    else:
        draw = draw * math.sqrt(6.0 / math.prod(shape[1:]))
    return torch.from_numpy(draw.astype(numpy.float32)).reshape(shape)


class Basic(nn.Module):
    """He et al. 2016 for CIFAR-10, option A, named as akamaster's pytorch_resnet_cifar10 names it."""

    def __init__(self, before, units, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(before, units, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(units)
        self.conv2 = nn.Conv2d(units, units, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(units)
        self.pad = (units - before) // 2

    def forward(self, x):
        short = F.pad(x[:, :, ::2, ::2], (0, 0, 0, 0, self.pad, self.pad)) if self.pad else x
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + short)


class Cifar(nn.Module):
    def __init__(self, depth, num_classes=10):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, 1, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(16)
        self.layer1 = nn.Sequential(*[Basic(16, 16, 1) for _ in range(depth)])
        self.layer2 = nn.Sequential(*[Basic(32 if at else 16, 32, 1 if at else 2) for at in range(depth)])
        self.layer3 = nn.Sequential(*[Basic(64 if at else 32, 64, 1 if at else 2) for at in range(depth)])
        self.linear = nn.Linear(64, num_classes)

    def forward(self, x):
        x = self.layer3(self.layer2(self.layer1(F.relu(self.bn1(self.conv1(x))))))
        return self.linear(x.mean((2, 3)))


CIFAR = {"resnet20": 3, "resnet32": 5, "resnet44": 7, "resnet56": 9}
NAMES = [
    "resnet18", "resnet34", "resnet50", "resnet101", *CIFAR,
    *[f"vgg{depth}{norm}" for depth in (11, 13, 16, 19) for norm in ("", "_bn")],
    "mobilenet_v2", "mobilenet_v3_small", "mobilenet_v3_large", *[f"efficientnet_b{size}" for size in range(5)],
    "inception_v3", "squeezenet1_0", "squeezenet1_1", "densenet121", "convnext_tiny",
]


def make(name, **keys):
    if name in CIFAR:
        return Cifar(CIFAR[name], **keys)
    if name == "inception_v3":
        model = torchvision.models.inception_v3(init_weights=False, **keys)
        model.AuxLogits = None
        return model
    return getattr(torchvision.models, name)(**keys)


def small(name):
    """Few classes, and few hidden units where most weights would be."""
    model = make(name, num_classes=CLASSES)
    if name.startswith("vgg"):
        model.classifier[0] = nn.Linear(512 * 49, HIDDEN)
        model.classifier[3] = nn.Linear(HIDDEN, HIDDEN)
        model.classifier[6] = nn.Linear(HIDDEN, CLASSES)
    return model


def kept(model):
    return {name: value for name, value in model.state_dict().items() if "num_batches" not in name}


def size(name):
    return 32 if name in CIFAR else 75 if name == "inception_v3" else 64


def main():
    found = {}
    for name in NAMES:
        with torch.device("meta"):
            tensors = kept(make(name))
        lines = sorted(f"{key} {list(value.shape)}\n" for key, value in tensors.items())
        count = sum(value.numel() for key, value in tensors.items() if "running" not in key)
        with torch.device("meta"):
            model = small(name)
        weights = {key: values(key, value.shape) for key, value in kept(model).items()}
        missing = model.load_state_dict(weights, strict=False, assign=True)
        assert not missing.unexpected_keys and all("num_batches" in key for key in missing.missing_keys)
        pictures = torch.from_numpy(uniform("pictures", 2 * 3 * size(name) ** 2).astype(numpy.float32))
        with torch.no_grad():
            logits = model.eval()(pictures.reshape(2, 3, size(name), size(name)))
        found[name] = {
            "parameters": count, "tensors": len(lines), "names": f"{fnv(''.join(lines)):016x}",
            "size": size(name), "logits": [float(f"{value:.8g}") for value in logits.flatten().tolist()],
        }
        print(name, count, len(lines), logits[0, :4].tolist())
    text = ",\n".join(f"{json.dumps(name)}: {json.dumps(case)}" for name, case in found.items())
    Path(__file__).with_name("backbones.json").write_text(f"{{\n{text}\n}}\n")


if __name__ == "__main__":
    main()
