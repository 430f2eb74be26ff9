"""Writes reference.json: what PyTorch computes for two small networks. Run with PyTorch 2.11."""

import json
from pathlib import Path

import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

torch.manual_seed(5)
IDS = torch.tensor([[3, 1, 4, 1, 5, 9], [2, 6, 5, 0, 0, 0], [8, 0, 0, 0, 0, 0], [7, 9, 3, 2, 3, 0], [1, 2, 10, 4, 0, 0]])
LENGTHS = torch.tensor([6, 3, 1, 5, 4])


def flat(tensor):
    return {"shape": list(tensor.shape), "values": tensor.detach().double().flatten().tolist()}


def packed(layer, values):
    rows = pack_padded_sequence(values, LENGTHS, batch_first=True, enforce_sorted=False)
    output, state = layer(rows)
    return pad_packed_sequence(output, batch_first=True)[0], state


class Gru(nn.Module):
    network = [
        {"name": "embed", "kind": "embedding", "units": 5},
        {"name": "gru", "kind": "gru", "units": 3, "bidirectional": True},
        {"name": "last", "kind": "sequence-last"},
        {"name": "dense0", "kind": "dense", "units": 4, "batch-norm": True, "activation": "relu"},
        {"name": "output", "kind": "dense", "units": 1},
    ]

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 5)
        self.gru = nn.GRU(5, 3, bidirectional=True, batch_first=True)
        self.dense0 = nn.Linear(6, 4)
        self.dense0.batch_norm = nn.BatchNorm1d(4)
        self.output = nn.Linear(4, 1)

    def forward(self):
        _, state = packed(self.gru, self.embed(IDS))
        values = self.dense0(torch.cat([state[0], state[1]], 1))
        return self.output(torch.relu(self.dense0.batch_norm(values)))

    labels = [1, 0, 1, 1, 0]

    def loss(self, result):
        return nn.functional.binary_cross_entropy_with_logits(result.squeeze(1), torch.tensor(self.labels).float())


class Lstm(nn.Module):
    network = [
        {"name": "embed", "kind": "embedding", "units": 4},
        {"name": "lstm", "kind": "lstm", "units": 3, "bidirectional": True, "layers": 2},
        {"name": "mean", "kind": "mean-pool"},
        {"name": "max", "kind": "max-pool", "input": ["lstm"]},
        {"name": "last", "kind": "sequence-last", "input": ["lstm"]},
        {"name": "all", "kind": "concat", "input": ["mean", "max", "last"]},
        {"name": "output", "kind": "dense", "units": 3},
    ]

    def __init__(self):
        super().__init__()
        self.embed = nn.Embedding(11, 4)
        self.lstm = nn.LSTM(4, 3, num_layers=2, bidirectional=True, batch_first=True)
        self.output = nn.Linear(18, 3)

    def forward(self):
        values, (state, _) = packed(self.lstm, self.embed(IDS))
        valid = (torch.arange(6)[None] < LENGTHS[:, None])[:, :, None]
        mean = values.sum(1) / LENGTHS[:, None]
        highest = values.masked_fill(~valid, -torch.inf).max(1).values
        return self.output(torch.cat([mean, highest, state[2], state[3]], 1))

    labels = [0, 2, 1, 1, 0]

    def loss(self, result):
        return nn.functional.cross_entropy(result, torch.tensor(self.labels))


def case(model):
    weights = {name: flat(value) for name, value in model.state_dict().items() if "num_batches" not in name}
    found = {"layers": model.network, "weights": weights, "labels": model.labels}
    found["eval"] = flat(model.eval()())
    result = model.train()()
    loss = model.loss(result)
    loss.backward()
    found["train"] = flat(result)
    found["loss"] = loss.item()
    found["gradients"] = {name: flat(value.grad) for name, value in model.named_parameters()}
    found["buffers"] = {name: flat(value) for name, value in model.named_buffers() if "running" in name}
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2, weight_decay=1e-2)
    for _ in range(5):
        optimizer.zero_grad()
        model.loss(model()).backward()
        optimizer.step()
    found["after_adam"] = {name: flat(value) for name, value in model.named_parameters()}
    return found


if __name__ == "__main__":
    reference = {"ids": IDS.tolist(), "lengths": LENGTHS.tolist(), "gru": case(Gru()), "lstm": case(Lstm())}
    Path(__file__).with_name("reference.json").write_text(json.dumps(reference) + "\n")
