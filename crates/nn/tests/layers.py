"""Writes layers.json: what PyTorch computes for small networks of each layer. Run with PyTorch 2.11.

A row of a sequence runs alone, without padding: that is what the layers promise whatever its batch.
"""

import json
import math
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence
from torchvision.models.convnext import LayerNorm2d

torch.manual_seed(11)
IMAGES = torch.randn(3, 4, 7, 6)
VECTORS = torch.randn(4, 12)
LENGTHS = [6, 3, 1, 5, 4, 2]
IDS = torch.randint(0, 9, (6, 6))
FEATURES = 6
CASES = []


def flat(tensor):
    values = [float(f"{value:.7g}") for value in tensor.detach().double().flatten().tolist()]
    return {"shape": list(tensor.shape), "values": values}


class Network(nn.Module):
    """Modules by the layers' names, and how they are put together."""

    def __init__(self, modules, run):
        super().__init__()
        for name, module in modules.items():
            setattr(self, name, module)
        self.run = run


def probe(result):
    return (result * torch.arange(result.numel()).reshape(result.shape).cos()).sum()


def case(name, inputs, layers, run, **modules):
    torch.manual_seed(len(CASES))
    model = Network(modules, run)
    for key, value in model.named_parameters():
        if value.dim() == 1 and "bias" not in key:
            nn.init.uniform_(value, 0.5, 1.5)
    found = {"name": name, "inputs": inputs, "layers": layers}
    kept = lambda name: "num_batches" not in name
    found["weights"] = {key: flat(value) for key, value in model.state_dict().items() if kept(key)}
    found["eval"] = flat(model.eval().run(model))
    result = model.train().run(model)
    probe(result).backward()
    found["train"] = flat(result)
    found["gradients"] = {key: flat(value.grad) for key, value in model.named_parameters()}
    found["buffers"] = {key: flat(value) for key, value in model.named_buffers() if kept(key)}
    CASES.append(found)


def image(name, layers, body, **modules):
    """A pointwise convolution, so that gradients flow through what is behind it, then the body."""
    first = {"name": "first", "kind": "conv2d", "units": 4, "kernel": 1, "bias": False}
    run = lambda m: body(m, m.first(IMAGES))
    case(name, "images", [first, *layers], run, first=nn.Conv2d(4, 4, 1, bias=False), **modules)


def vector(name, layers, body, **modules):
    first = {"name": "first", "kind": "dense", "units": 12}
    case(name, "vectors", [first, *layers], lambda m: body(m, m.first(VECTORS)), first=nn.Linear(12, 12), **modules)


def rows(m):
    """Each row alone, [1, features, steps]."""
    return [m.first(IDS[row, :length])[None].transpose(1, 2) for row, length in enumerate(LENGTHS)]


def means(values):
    """The mean of each row's steps, zeros of a row without any; [1, features, steps] each."""
    empty = lambda value: value.new_zeros(value.shape[:2])
    return torch.cat([value.mean(2) if value.shape[2] else empty(value) for value in values])


def sequence(name, layers, body, **modules):
    """An embedding, the body over each row, the mean over its steps."""
    first = {"name": "first", "kind": "embedding", "units": FEATURES}
    last = {"name": "mean", "kind": "mean-pool"}
    run = lambda m: means(body(m, rows(m)))
    case(name, "sequences", [first, *layers, last], run, first=nn.Embedding(9, FEATURES), **modules)


def each(function, least=1):
    """The function over rows that have so many steps; others become empty."""

    def body(m, values):
        units = function(m, torch.zeros(1, FEATURES, 20)).shape[1]
        return [function(m, v) if v.shape[2] >= least else v.new_zeros(1, units, 0) for v in values]

    return body


def layer(name, kind, **keys):
    return {"name": name, "kind": kind, **{key.replace("_", "-"): value for key, value in keys.items()}}


def with_norm(conv, norm):
    conv.batch_norm = norm
    return conv


# Convolutions
image("conv2d", [layer("conv", "conv2d", units=3, kernel=3)], lambda m, x: m.conv(x), conv=nn.Conv2d(4, 3, 3))
image(
    "conv2d with all its keys",
    [layer("conv", "conv2d", units=6, kernel=[3, 2], stride=[2, 1], padding=[1, 2], dilation=[1, 2], groups=2,
           bias=False, batch_norm=True, activation="silu")],
    lambda m, x: F.silu(m.conv.batch_norm(m.conv(x))),
    conv=with_norm(nn.Conv2d(4, 6, (3, 2), (2, 1), (1, 2), (1, 2), 2, bias=False), nn.BatchNorm2d(6)),
)
image(
    "conv2d of even kernels keeps the size",
    [layer("conv", "conv2d", units=4, kernel=[4, 3], padding="same", groups=4)],
    lambda m, x: m.conv(x),
    conv=nn.Conv2d(4, 4, (4, 3), padding="same", groups=4),
)
sequence(
    "conv1d",
    [layer("conv", "conv1d", units=5, kernel=3)],
    each(lambda m, x: m.conv(x), 3),
    conv=nn.Conv1d(FEATURES, 5, 3),
)
sequence(
    "conv1d with all its keys",
    [layer("conv", "conv1d", units=4, kernel=3, stride=2, padding=1, dilation=2, groups=2, activation="relu")],
    each(lambda m, x: torch.relu(m.conv(x)), 3),
    conv=nn.Conv1d(FEATURES, 4, 3, 2, 1, 2, 2),
)
sequence(
    "conv1d twice, keeping the size",
    [layer("a", "conv1d", units=6, kernel=4, padding="same"), layer("b", "conv1d", units=3, kernel=2, stride=2)],
    lambda m, values: [m.b(m.a(v)) if v.shape[2] > 1 else v.new_zeros(1, 3, 0) for v in values],
    a=nn.Conv1d(FEATURES, 6, 4, padding="same"),
    b=nn.Conv1d(6, 3, 2, 2),
)
vector(
    "conv1d of channels and length",
    [layer("form", "reshape", shape=[3, -1]), layer("conv", "conv1d", units=2, kernel=2, stride=2)],
    lambda m, x: m.conv(x.reshape(4, 3, 4)),
    conv=nn.Conv1d(3, 2, 2, 2),
)

# Pools
for kind, pool in [("max", nn.MaxPool2d), ("average", nn.AvgPool2d)]:
    image(f"{kind}-pool2d", [layer("pool", f"{kind}-pool2d", kernel=2)], lambda m, x: m.pool(x), pool=pool(2))
    keys = {"kernel": [3, 2], "stride": 2, "padding": 1, "ceil": True}
    image(
        f"{kind}-pool2d with all its keys",
        [layer("pool", f"{kind}-pool2d", **keys)],
        lambda m, x: m.pool(x),
        pool=pool((3, 2), 2, 1, ceil_mode=True),
    )
image(
    "average-pool2d without padding",
    [layer("pool", "average-pool2d", kernel=3, stride=2, padding=1, include_padding=False)],
    lambda m, x: m.pool(x),
    pool=nn.AvgPool2d(3, 2, 1, count_include_pad=False),
)
for name, keys, pool, least in [
    ("max-pool1d", {"kernel": 2}, nn.MaxPool1d(2), 2),
    ("max-pool1d", {"kernel": 3, "stride": 2, "padding": 1, "ceil": True}, nn.MaxPool1d(3, 2, 1, ceil_mode=True), 1),
    ("average-pool1d", {"kernel": 2}, nn.AvgPool1d(2), 2),
    ("average-pool1d", {"kernel": 3, "stride": 2, "padding": 1, "ceil": True}, nn.AvgPool1d(3, 2, 1, True), 1),
    ("average-pool1d", {"kernel": 2, "stride": 3, "ceil": True}, nn.AvgPool1d(2, 3, 0, True), 1),
    (
        "average-pool1d",
        {"kernel": 3, "stride": 2, "padding": 1, "ceil": True, "include_padding": False},
        nn.AvgPool1d(3, 2, 1, True, False),
        1,
    ),
]:
    sequence(f"{name} {keys}", [layer("pool", name, **keys)], each(lambda m, x: m.pool(x), least), pool=pool)
for kind, one, two in [
    ("max", nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d),
    ("average", nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d),
]:
    image(
        f"adaptive-{kind}-pool2d",
        [layer("pool", f"adaptive-{kind}-pool2d", size=[3, 4])],
        lambda m, x: m.pool(x),
        pool=two((3, 4)),
    )
    first = {"name": "first", "kind": "embedding", "units": FEATURES}
    case(
        f"adaptive-{kind}-pool1d",
        "sequences",
        [first, layer("pool", f"adaptive-{kind}-pool1d", size=4)],
        lambda m: torch.cat([m.pool(row) for row in rows(m)]),
        first=nn.Embedding(9, FEATURES),
        pool=one(4),
    )
image("mean-pool", [layer("pool", "mean-pool")], lambda m, x: x.mean((2, 3)))
image("max-pool", [layer("pool", "max-pool")], lambda m, x: x.amax((2, 3)))


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.projection = nn.Linear(FEATURES, 3)
        self.score = nn.Linear(3, 1, bias=False)

    def forward(self, values):
        values = values.transpose(1, 2)
        return (self.score(torch.tanh(self.projection(values))).softmax(1) * values).sum(1)


case(
    "attention-pool",
    "sequences",
    [{"name": "first", "kind": "embedding", "units": FEATURES}, layer("pool", "attention-pool", units=3)],
    lambda m: torch.cat([m.pool(row) for row in rows(m)]),
    first=nn.Embedding(9, FEATURES),
    pool=Attention(),
)

# Norms
image("batch-norm of images", [layer("norm", "batch-norm")], lambda m, x: m.norm(x), norm=nn.BatchNorm2d(4))


def over_steps(m, values):
    found = m.norm(torch.cat([value[0].T for value in values]))
    return [part.T[None] for part in found.split(LENGTHS)]


sequence("batch-norm of sequences", [layer("norm", "batch-norm")], over_steps, norm=nn.BatchNorm1d(FEATURES))
vector("batch-norm", [layer("norm", "batch-norm", epsilon=1e-3, momentum=0.3)], lambda m, x: m.norm(x),
       norm=nn.BatchNorm1d(12, 1e-3, 0.3))
vector("layer-norm", [layer("norm", "layer-norm")], lambda m, x: m.norm(x), norm=nn.LayerNorm(12))
image("layer-norm of images", [layer("norm", "layer-norm", affine=False, epsilon=1e-3)], lambda m, x: m.norm(x),
      norm=nn.LayerNorm(6, 1e-3, False))
sequence("layer-norm of sequences", [layer("norm", "layer-norm")],
         each(lambda m, x: m.norm(x.transpose(1, 2)).transpose(1, 2)), norm=nn.LayerNorm(FEATURES))
image("group-norm of images", [layer("norm", "group-norm", groups=2)], lambda m, x: m.norm(x), norm=nn.GroupNorm(2, 4))
vector("group-norm", [layer("norm", "group-norm", groups=3)], lambda m, x: m.norm(x), norm=nn.GroupNorm(3, 12))
sequence("group-norm of sequences", [layer("norm", "group-norm", groups=2)], each(lambda m, x: m.norm(x)),
         norm=nn.GroupNorm(2, FEATURES))
image("instance-norm", [layer("norm", "instance-norm", affine=True)], lambda m, x: m.norm(x),
      norm=nn.InstanceNorm2d(4, affine=True))
sequence("instance-norm of sequences", [layer("norm", "instance-norm"), layer("act", "relu")],
         each(lambda m, x: torch.relu(F.instance_norm(x) if x.shape[2] > 1 else x * 0)))


# Recurrence
def recurrent(m, values):
    padded = nn.utils.rnn.pad_sequence([value[0].T for value in values], batch_first=True)
    packed = pack_padded_sequence(padded, torch.tensor(LENGTHS), batch_first=True, enforce_sorted=False)
    found, _ = pad_packed_sequence(m.rnn(packed)[0], batch_first=True)
    return [found[row, :length].T[None] for row, length in enumerate(LENGTHS)]


sequence("rnn", [layer("rnn", "rnn", units=4)], recurrent, rnn=nn.RNN(FEATURES, 4, batch_first=True))
sequence("rnn with all its keys", [layer("rnn", "rnn", units=3, activation="relu", layers=2, bidirectional=True)],
         recurrent, rnn=nn.RNN(FEATURES, 3, 2, "relu", batch_first=True, bidirectional=True))

# Activations, as layers and as keys
for kind, function in {
    "relu": torch.relu, "relu6": F.relu6, "leaky-relu": F.leaky_relu, "elu": F.elu, "gelu": F.gelu,
    "gelu-tanh": lambda x: F.gelu(x, approximate="tanh"), "silu": F.silu, "softplus": F.softplus, "tanh": torch.tanh,
    "sigmoid": torch.sigmoid, "hard-swish": F.hardswish, "hard-sigmoid": F.hardsigmoid,
    "softmax": lambda x: x.softmax(-1), "log-softmax": lambda x: x.log_softmax(-1),
}.items():
    vector(kind, [layer("act", kind), layer("out", "dense", units=12, activation=kind)],
           lambda m, x, function=function: function(m.out(function(x))), out=nn.Linear(12, 12))
vector("leaky-relu of a slope", [layer("act", "leaky-relu", slope=0.3)], lambda m, x: F.leaky_relu(x, 0.3))
vector("elu of an alpha", [layer("act", "elu", alpha=0.4)], lambda m, x: F.elu(x, 0.4))

# Forms and joins
image("flatten", [layer("flat", "flatten"), layer("out", "dense", units=2)], lambda m, x: m.out(x.flatten(1)),
      out=nn.Linear(168, 2))
image("permute", [layer("order", "permute", order=[2, 3, 1]), layer("norm", "layer-norm")],
      lambda m, x: m.norm(x.permute(0, 2, 3, 1)), norm=nn.LayerNorm(4))
image(
    "squeeze and excite",
    [
        layer("pool", "adaptive-average-pool2d", size=1),
        layer("gate", "conv2d", units=4, kernel=1, activation="sigmoid"),
        layer("scaled", "multiply", input=["first", "gate"]),
        layer("sum", "add", input=["scaled", "first", "gate"]),
        layer("all", "concat", input=["sum", "first"]),
    ],
    lambda m, x: (lambda gate: torch.cat([x * gate + x + gate, x], 1))(torch.sigmoid(m.gate(x.mean((2, 3), True)))),
    gate=nn.Conv2d(4, 4, 1),
)
sequence(
    "a residual sequence",
    [layer("conv", "conv1d", units=6, kernel=3, padding="same"), layer("sum", "add", input=["conv", "first"]),
     layer("all", "concat", input=["sum", "conv"])],
    lambda m, values: [torch.cat([m.conv(v) + v, m.conv(v)], 1) for v in values],
    conv=nn.Conv1d(FEATURES, 6, 3, padding="same"),
)

# Gates
vector("glu", [layer("out", "dense", units=6), layer("gate", "glu")], lambda m, x: F.glu(m.out(x)), out=nn.Linear(12, 6))
image("glu of images", [layer("gate", "glu")], lambda m, x: F.glu(x, 1))
sequence("glu of a sequence", [layer("gate", "glu")], lambda m, values: [F.glu(v, 1) for v in values])

# What backbones have besides
image("layer-norm of channels", [layer("norm", "layer-norm", channels=True, epsilon=1e-6)],
      lambda m, x: m.norm(x), norm=LayerNorm2d(4, 1e-6))
image("layer-scale of images", [layer("scale", "layer-scale", initial=0.5)], lambda m, x: m.scale * x,
      scale=nn.Parameter(torch.rand(4, 1, 1)))
vector("layer-scale", [layer("scale", "layer-scale")], lambda m, x: m.scale * x, scale=nn.Parameter(torch.rand(12)))
image("pad-channels", [layer("pad", "pad-channels", before=2, behind=1)], lambda m, x: F.pad(x, (0, 0, 0, 0, 2, 1)))
vector("pad-channels of vectors", [layer("pad", "pad-channels", behind=3)], lambda m, x: F.pad(x, (0, 3)))

weight_norm = nn.utils.parametrizations.weight_norm


class Bias(nn.Module):
    """What a tied layer has of its own."""

    def __init__(self, units):
        super().__init__()
        self.bias = nn.Parameter(torch.rand(units))


vector("dense with weight norm", [layer("out", "dense", units=5, weight_norm=True)], lambda m, x: m.out(x),
       out=weight_norm(nn.Linear(12, 5)))
image("conv2d with weight norm", [layer("conv", "conv2d", units=6, kernel=3, groups=2, bias=False, weight_norm=True)],
      lambda m, x: m.conv(x), conv=weight_norm(nn.Conv2d(4, 6, 3, groups=2, bias=False)))
sequence("conv1d with weight norm", [layer("conv", "conv1d", units=4, kernel=3, padding=1, weight_norm=True)],
         each(lambda m, x: m.conv(x)), conv=weight_norm(nn.Conv1d(FEATURES, 4, 3, padding=1)))
sequence("tied", [layer("act", "tanh"), layer("out", "dense", tied="first")],
         each(lambda m, x: F.linear(x.tanh().transpose(1, 2), m.first.weight, m.out.bias).transpose(1, 2)), out=Bias(9))

# Attention
def attended(function):
    """The function over rows laid out [1, steps, features]."""
    return lambda m, values: [function(m, value.transpose(1, 2)).transpose(1, 2) for value in values]


def heads(x, count):
    return x.unflatten(-1, (count, -1)).transpose(1, 2)


def attend(query, key, value, count):
    found = F.scaled_dot_product_attention(heads(query, count), heads(key, count), heads(value, count))
    return found.transpose(1, 2).flatten(2)


ATTENTION = dict(embed_dim=FEATURES, batch_first=True)
sequence("multi-head-attention", [layer("attention", "multi-head-attention", heads=3)],
         attended(lambda m, x: m.attention(x, x, x, need_weights=False)[0]),
         attention=nn.MultiheadAttention(num_heads=3, **ATTENTION))
sequence("multi-head-attention without bias", [layer("attention", "multi-head-attention", heads=1, bias=False)],
         attended(lambda m, x: m.attention(x, x, x, need_weights=False)[0]),
         attention=nn.MultiheadAttention(num_heads=1, bias=False, **ATTENTION))
sequence(
    "attention of three inputs",
    [layer("query", "dense", units=4), layer("key", "dense", units=4, input=["first"]),
     layer("value", "dense", units=8, input=["first"]),
     layer("attention", "attention", heads=2, input=["query", "key", "value"])],
    attended(lambda m, x: attend(m.query(x), m.key(x), m.value(x), 2)),
    query=nn.Linear(FEATURES, 4), key=nn.Linear(FEATURES, 4), value=nn.Linear(FEATURES, 8),
)
sequence(
    "a transformer's encoder layer",
    [layer("layer.self_attn", "multi-head-attention", heads=2),
     layer("layer.sum1", "add", input=["layer.self_attn", "first"]), layer("layer.norm1", "layer-norm"),
     layer("layer.linear1", "dense", units=10, activation="gelu"), layer("layer.linear2", "dense", units=FEATURES),
     layer("layer.sum2", "add", input=["layer.linear2", "layer.norm1"]), layer("layer.norm2", "layer-norm")],
    attended(lambda m, x: m.layer(x)),
    layer=nn.TransformerEncoderLayer(FEATURES, 2, 10, dropout=0, activation="gelu", batch_first=True),
)

# Places
positions = lambda x, offset=0: torch.arange(offset, offset + x.shape[1])
sequence("position-embedding",
         [layer("places", "position-embedding", length=8), layer("sum", "add", input=["places", "first"])],
         attended(lambda m, x: m.places(positions(x)) + x), places=nn.Embedding(8, FEATURES))
sequence("position-embedding of indices, from an offset",
         [layer("places", "position-embedding", length=8, units=4, offset=2, input=["x"]),
          layer("all", "concat", input=["first", "places"])],
         attended(lambda m, x: torch.cat([x, m.places(positions(x, 2))[None]], 2)), places=nn.Embedding(8, 4))


def sinusoids(x):
    """Vaswani et al. 2017, 3.5, word by word."""
    steps, features = x.shape[1:]
    table = torch.zeros(steps, features)
    for place in range(steps):
        for feature in range(features):
            angle = place / 10000 ** (feature // 2 * 2 / features)
            table[place, feature] = math.cos(angle) if feature % 2 else math.sin(angle)
    return table


sequence("sinusoidal-positions",
         [layer("places", "sinusoidal-positions"), layer("sum", "add", input=["places", "first"])],
         attended(lambda m, x: x + sinusoids(x)))


def parts(m, values):
    """Tokens of each row's ids behind one, two and more separators, which are tokens 4."""
    found = []
    for row, (value, length) in enumerate(zip(values, LENGTHS)):
        before = [min((IDS[row, :step] == 4).sum().item(), 2) for step in range(length)]
        found.append(value + m.parts(torch.tensor(before)).T)
    return found


sequence("segment-embedding",
         [layer("parts", "segment-embedding", units=FEATURES, segments=3, separator=4, input=["x"]),
          layer("sum", "add", input=["parts", "first"])],
         parts, parts=nn.Embedding(3, FEATURES))
sequence("segment-embedding of one part",
         [layer("parts", "segment-embedding", units=FEATURES, input=["x"]),
          layer("sum", "add", input=["parts", "first"])],
         lambda m, values: [value + m.parts(torch.tensor([0])).T for value in values], parts=nn.Embedding(2, FEATURES))
firsts = lambda m: torch.cat([value[:, :, 0] for value in rows(m)])
case("sequence-first", "sequences",
     [{"name": "first", "kind": "embedding", "units": FEATURES}, layer("cls", "sequence-first")], firsts,
     first=nn.Embedding(9, FEATURES))


class LabelScale(nn.Module):
    def __init__(self, deviation, mean):
        super().__init__()
        self.register_buffer("deviation", torch.tensor([deviation]))
        self.register_buffer("mean", torch.tensor([mean]))

    def forward(self, x):
        return x * self.deviation + self.mean


vector("label-scale", [layer("scale", "label-scale")], lambda m, x: m.scale(x), scale=LabelScale(2.5, -40.0))
vector("unit-norm", [layer("norm", "unit-norm")], lambda m, x: F.normalize(x))
image("unit-norm of channels", [layer("norm", "unit-norm")], lambda m, x: F.normalize(x))

for steps in [4, 9]:
    # Every row alone, cut or with zeros behind it.
    fixed = lambda m, steps=steps: torch.cat(
        [F.pad(v[:, :, :steps], (0, max(0, steps - v.shape[2]))).transpose(1, 2).flatten(1) for v in rows(m)])
    case(f"flatten {steps} steps", "sequences",
         [layer("first", "embedding", units=FEATURES), layer("flat", "flatten", steps=steps),
          layer("out", "dense", units=2)],
         lambda m, fixed=fixed: m.out(fixed(m)), first=nn.Embedding(9, FEATURES), out=nn.Linear(steps * FEATURES, 2))

if __name__ == "__main__":
    reference = {
        "images": flat(IMAGES), "vectors": flat(VECTORS), "ids": IDS.tolist(), "lengths": LENGTHS, "cases": CASES,
    }
    Path(__file__).with_name("layers.json").write_text(json.dumps(reference, separators=(",", ":")) + "\n")
