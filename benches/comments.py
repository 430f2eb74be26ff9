"""The recipes on 3,000 sentences beside what a person would write with PyTorch and scikit-learn.

Start it through `make comments DATA=folder`. For each of six splits (the recipes' own, and split seeds 1 to 5): run ours,
take its split, train the twins on the same training rows and measure all on the same test rows. The twins have the
recipes' layers, optimisers, epochs, batches and early stopping; tokens are `\\w+|[^\\w\\s]` in lower case, rows are cut and
padded at 80, and padding is masked. Prints the accuracy of each, one JSON object a line, then the table.
"""

import argparse
import copy
import json
import re
import shutil
import statistics
import sys
from collections import Counter
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence

from run import Finished
from splits import PARTS, part_of_rows_by

BENCHES = Path(__file__).resolve().parent
RECIPES = BENCHES.parent / "recipes"
STORE = BENCHES.parent / "target" / "comments-store"
SPLIT = BENCHES.parent / "target" / "comments-split"
# Recipe -> the stage that evaluates its network.
NETWORKS = {"comments-mlp": "mlp", "comments-cnn": "cnn", "comments-lstm": "lstm", "glove-bilstm": "bilstm"}
BEST, LOGISTIC = ("comments-best", "words-and-pieces"), ("comments-mlp", "logistic")
STEPS, BATCH, PAD, UNKNOWN = 80, 32, 0, 1


class Sentences:
    """Padded indices `[rows, 80]`, lengths, labels, and the vocabulary of the training rows."""

    def __init__(self, texts, labels, train):
        tokens = [re.findall(r"\w+|[^\w\s]", text.lower())[:STEPS] for text in texts]
        counts = Counter(token for row in train for token in tokens[row])
        self.words = {token: at + 2 for at, token in enumerate(counts)}
        self.ids = torch.full((len(tokens), STEPS), PAD)
        for row, words in enumerate(tokens):
            found = [self.words.get(word, UNKNOWN) for word in words] or [UNKNOWN]
            self.ids[row, : len(found)] = torch.tensor(found)
        self.lengths = (self.ids != PAD).sum(1)
        self.labels = torch.tensor(labels)

    def mask(self, rows):
        return (self.ids[rows] != PAD).float()[:, :, None]


def table(words, units, bound):
    embedding = nn.Embedding(words + 2, units)
    nn.init.uniform_(embedding.weight, -bound, bound)
    return embedding


class Mlp(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.embed = table(words, 5, 0.05)
        self.head = nn.Sequential(
            nn.Dropout(0.7), nn.Linear(STEPS * 5, 64), nn.ReLU(), nn.Dropout(0.4), nn.Linear(64, 1)
        )

    def forward(self, ids, lengths, mask):
        return self.head((self.embed(ids) * mask).flatten(1))


class Cnn(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.embed = table(words, 50, 0.05)
        widths = [50, 64, 64, 64, 64]
        self.convs = nn.ModuleList(nn.Conv1d(i, o, 3, padding="same") for i, o in zip(widths, widths[1:]))
        self.head = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Dropout(0.5), nn.Linear(32, 1))

    def forward(self, ids, lengths, mask):
        mask = mask.transpose(1, 2)
        x = F.dropout1d((self.embed(ids)).transpose(1, 2) * mask, 0.3, self.training)
        for at, conv in enumerate(self.convs):
            x = F.relu(conv(x)) * mask
            if at < 3:
                x = F.max_pool1d(x, 2, ceil_mode=True)
                mask = F.max_pool1d(mask, 2, ceil_mode=True)
        return self.head(x.amax(2))


class Recurrence(nn.Module):
    """A bidirectional LSTM over the valid steps."""

    def __init__(self, features, units):
        super().__init__()
        self.lstm = nn.LSTM(features, units, batch_first=True, bidirectional=True)

    def forward(self, x, lengths):
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        states, (last, _) = self.lstm(packed)
        return pad_packed_sequence(states, batch_first=True, total_length=STEPS)[0], torch.cat([last[0], last[1]], 1)


class Lstm(nn.Module):
    def __init__(self, words):
        super().__init__()
        self.embed = table(words, 64, 0.05)
        self.lstm = Recurrence(64, 64)
        self.head = nn.Sequential(nn.Linear(128, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 1))

    def forward(self, ids, lengths, mask):
        x = F.dropout1d(self.embed(ids).transpose(1, 2), 0.3, self.training).transpose(1, 2)
        return self.head(self.lstm(x, lengths)[1])


class Bilstm(nn.Module):
    def __init__(self, vectors):
        super().__init__()
        self.embed = nn.Embedding.from_pretrained(vectors, freeze=True)
        self.lstm = Recurrence(vectors.shape[1], 10)
        self.output = nn.Linear(STEPS * 20, 2)

    def forward(self, ids, lengths, mask):
        return self.output(self.lstm(self.embed(ids), lengths)[0].flatten(1))


def vectors(options, words):
    """GloVe's numbers of the words, zeros where it has none."""
    found = torch.zeros(len(words) + 2, 50)
    for line in (options.data_dir / "glove.6B.50d.5k.txt").read_text(encoding="utf-8").split("\n"):
        word, *numbers = line.split(" ")
        if word in words:
            found[words[word]] = torch.tensor([float(number) for number in numbers])
    return found


def loss_of(outputs, labels):
    if outputs.shape[1] == 1:
        return F.binary_cross_entropy_with_logits(outputs[:, 0], labels.float())
    return F.cross_entropy(outputs, labels)


def fit(module, data, parts, rate, epochs, patience=None):
    """Trains; with `patience` until the loss of the valid rows rises that long, and then back to the best epoch."""
    optimizer = torch.optim.Adam([p for p in module.parameters() if p.requires_grad], lr=rate)
    train, valid = (torch.tensor(parts[part]) for part in ("train", "valid"))
    run = lambda rows: module(data.ids[rows], data.lengths[rows], data.mask(rows))
    best, kept, waited = float("inf"), None, 0
    for _ in range(epochs):
        module.train()
        for rows in train[torch.randperm(len(train))].split(BATCH):
            loss = loss_of(run(rows), data.labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        if patience is None:
            continue
        module.eval()
        with torch.no_grad():
            loss = loss_of(run(valid), data.labels[valid]).item()
        waited = 0 if loss < best else waited + 1
        if loss < best:
            best, kept = loss, copy.deepcopy(module.state_dict())
        if waited == patience:
            break
    if kept is not None:
        module.load_state_dict(kept)
    module.eval()
    test = torch.tensor(parts["test"])
    with torch.no_grad():
        outputs = run(test)
    chosen = outputs.argmax(1) if outputs.shape[1] > 1 else (outputs[:, 0] > 0).long()
    return (chosen == data.labels[test]).float().mean().item()


def network(options, name, texts, labels, parts):
    torch.manual_seed(options.seed)
    data = Sentences(texts, labels, parts["train"])
    words = len(data.words)
    match name:
        case "mlp":
            return fit(Mlp(words), data, parts, 1e-3, 30)
        case "cnn":
            return fit(Cnn(words), data, parts, 1e-3, 12)
        case "lstm":
            return fit(Lstm(words), data, parts, 2e-3, 8)
        case "bilstm":
            return fit(Bilstm(vectors(options, data.words)), data, parts, 3e-3, 150, patience=3)


def logistic(texts, labels, parts):
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    words, texts = TfidfVectorizer(), np.asarray(texts, dtype=object)
    model = LogisticRegression(max_iter=1000).fit(words.fit_transform(texts[parts["train"]]), labels[parts["train"]])
    return model.score(words.transform(texts[parts["test"]]), labels[parts["test"]])


def command(options, what, recipe, seed, *more):
    own = [] if seed is None else ["--set", f"data.comments.split.seed={seed}"]
    fixed = ["--data-dir", options.data_dir, "--store", STORE, "--threads", str(options.threads)]
    return [options.pipeline, what, RECIPES / f"{recipe}.toml", *more, *own, *fixed]


def ours(options, recipe, seed):
    """The accuracy of each evaluation of a recipe."""
    run = Finished(command(options, "run", recipe, seed, "--json"))
    ends = [line for line in run.lines if line.get("event") in ("stage-done", "stage-hit")]
    summaries = {line["stage"]: dict(line["summary"]) for line in ends}
    return {stage: summary["accuracy"] for stage, summary in summaries.items() if "accuracy" in summary}


def split(options, recipe, seed):
    """Part -> rows, as our encoded rows have them."""
    stage = "words" if recipe == BEST[0] else "tokens"
    part = part_of_rows_by(command(options, "get", recipe, seed, stage, SPLIT), SPLIT)
    return {name: np.flatnonzero(part == name) for name in PARTS}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="where comments.txt and glove.6B.50d.5k.txt are")
    parser.add_argument("--pipeline", type=Path, required=True, help="the binary to measure")
    parser.add_argument("--seed", type=int, default=7, help="of the twins' weights and batches")
    parser.add_argument("--splits", type=int, default=5, help="split seeds beside the recipes' own")
    parser.add_argument("--threads", type=int, default=1)
    options = parser.parse_args()
    options.pipeline = options.pipeline.resolve()
    torch.set_num_threads(options.threads)
    shutil.rmtree(STORE, ignore_errors=True)

    lines = (options.data_dir / "comments.txt").read_text(encoding="utf-8").split("\n")
    texts, labels = zip(*(line.rsplit("\t", 1) for line in lines if line.strip()))
    labels = np.array([int(label) for label in labels])
    reached = {}
    for seed in [None, *range(1, options.splits + 1)]:
        found = {}
        for recipe, stage in NETWORKS.items():
            own = ours(options, recipe, seed)
            parts = split(options, recipe, seed)
            found[stage] = (own[stage], network(options, stage, texts, labels, parts))
            if recipe == LOGISTIC[0]:
                found["logistic"] = (own["logistic"], logistic(texts, labels, parts))
        found["best"] = (ours(options, BEST[0], seed)[BEST[1]], None)
        print(json.dumps({"split": seed, "ours and twin": found}), flush=True)
        for name, pair in found.items():
            reached.setdefault(name, []).append(pair)

    print(f"\n{'':<12}{'ours, own split':>18}{'mean':>8}{'twin, own split':>18}{'mean':>8}")
    for name, pairs in reached.items():
        cells = []
        for side in zip(*pairs):
            known = [value for value in side if value is not None]
            cells += [f"{known[0]:.3f}", f"{statistics.mean(known):.3f}"] if known else ["", ""]
        print(f"{name:<12}{cells[0]:>18}{cells[1]:>8}{cells[2]:>18}{cells[3]:>8}")


if __name__ == "__main__":
    sys.exit(main())
