"""The flagship's work as a person writes it with pandas, PyTorch and scikit-learn: the benchmark's other side.

Three steps, each printing one JSON object a line on standard output:

    preprocess   the tutorial's text chain on IMDB, timed
    epoch        one training epoch of the flagship's network, timed (not: reading, encoding, validation)
    quality      the whole flagship: base network, then every way of transfer to the hotel reviews

Same data, split sizes, network, batches and optimiser as `recipes/imdb-to-hotel.toml`; draws differ.
"""

import argparse
import json
import re
import resource
import string
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

CLIP = 555
BATCH = 64
BUCKETS = 5
PAD, UNK = 0, 1
PUNCTUATION = re.compile("([" + re.escape(string.punctuation) + "])")


def say(**fields):
    """One result line."""
    print(json.dumps(fields), flush=True)


def peak_megabytes():
    """Peak resident memory of this process (macOS counts bytes, Linux kilobytes)."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6


# ---- preprocessing ------------------------------------------------------------------------------------------


def split(labels, sizes, seed):
    """Row numbers of each part, stratified by label; `sizes` are fractions that add to one."""
    rng = np.random.default_rng(seed)
    parts = [[] for _ in sizes]
    for value in np.unique(labels):
        rows = rng.permutation(np.flatnonzero(labels == value))
        cuts = np.round(np.cumsum(sizes)[:-1] * len(rows)).astype(int)
        for part, chunk in zip(parts, np.split(rows, cuts)):
            part.append(chunk)
    return [np.sort(np.concatenate(part)) for part in parts]


def tokens_of(texts):
    """Impute, lowercase, every punctuation mark its own token."""
    return texts.fillna("null").str.lower().str.replace(PUNCTUATION, r" \1 ", regex=True).str.split()


def vocabulary_of(tokens):
    """Token -> index by falling count (minimum count 1), after `<pad>` and `<unk>`."""
    counts = Counter()
    for row in tokens:
        counts.update(row)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return {token: index + 2 for index, (token, _) in enumerate(ranked)}


def encode(tokens, vocabulary):
    """Index, then clip. An empty text becomes one `<unk>`."""
    return tokens.apply(lambda row: [vocabulary.get(token, UNK) for token in row][:CLIP] or [UNK])


def load_imdb(data_dir, seed):
    """The whole chain: file -> indices per row, labels, the three parts, vocabulary."""
    table = pd.read_csv(data_dir / "imdb.csv")
    labels = table["label"].to_numpy()
    parts = split(labels, [0.64, 0.16, 0.20], seed)
    tokens = tokens_of(table["review"])
    vocabulary = vocabulary_of(tokens.iloc[parts[0]])
    return encode(tokens, vocabulary), labels, parts, vocabulary


def step_preprocess(options):
    start = time.perf_counter()
    rows, _, _, vocabulary = load_imdb(options.data_dir, options.seed)
    seconds = time.perf_counter() - start
    say(
        step="preprocess",
        seconds=seconds,
        rows=len(rows),
        vocabulary=len(vocabulary) + 2,
        tokens=int(rows.str.len().sum()),
        text_megabytes=(options.data_dir / "imdb.csv").stat().st_size / 1e6,
        peak_megabytes=peak_megabytes(),
    )


# ---- network and training -----------------------------------------------------------------------------------


def step_rows(options):
    """A table read as text, then split 80 to 20 within each label by the hash of the row, as `rows read` does."""
    import polars

    start = time.perf_counter()
    if options.file.suffix == ".csv":
        table = polars.read_csv(options.file, infer_schema=False)
    else:
        table = polars.read_parquet(options.file).cast(polars.String)
    read = time.perf_counter() - start
    keys = table.select("label", hash=table.hash_rows(options.seed))
    rank, of_label = polars.col("hash").rank("ordinal").over("label"), polars.len().over("label")
    parts = keys.select(train=rank <= 0.8 * of_label)
    say(rows=parts.height, train=int(parts["train"].sum()), read_seconds=read, seconds=time.perf_counter() - start)


def build_network(torch, vocabulary_size, recurrence):
    """Embedding 64, bidirectional GRU 50, its last states, dense 100-100-10 with batch norm, one logit.

    Padding never reaches a state in either way of running the recurrence:

    packed     packed sequences, as the documentation teaches; on a CPU its backward pass takes time that grows with
               the square of the length (each step's slice of the packed input gets a gradient of the whole)
    reversed   each row reversed within its length, two one-way GRUs over the padded batch, the output at the last
               valid step; linear in the length
    """
    nn = torch.nn

    class Flagship(nn.Module):
        def __init__(self):
            super().__init__()
            self.token_embed = nn.Embedding(vocabulary_size, 64)
            if recurrence == "packed":
                self.review_gru = nn.GRU(64, 50, bidirectional=True, batch_first=True)
            else:
                self.onward_gru = nn.GRU(64, 50, batch_first=True)
                self.backward_gru = nn.GRU(64, 50, batch_first=True)
            widths = [100, 100, 100, 10]
            blocks = []
            for width_in, width_out in zip(widths, widths[1:]):
                blocks += [nn.Linear(width_in, width_out), nn.BatchNorm1d(width_out), nn.ReLU(), nn.Dropout(0.2)]
            self.dense = nn.Sequential(*blocks)
            self.output = nn.Linear(10, 1)

        def features(self, rows, lengths):
            """[batch, 100]: the forward state at the last valid step and the backward state at the first."""
            if recurrence == "packed":
                packed = nn.utils.rnn.pack_padded_sequence(
                    self.token_embed(rows), lengths, batch_first=True, enforce_sorted=False
                )
                _, state = self.review_gru(packed)
                return torch.cat([state[0], state[1]], dim=1)
            last = lengths[:, None] - 1
            steps = (last - torch.arange(rows.shape[1])).clamp(min=0)
            onward, _ = self.onward_gru(self.token_embed(rows))
            backward, _ = self.backward_gru(self.token_embed(rows.gather(1, steps)))
            at = torch.arange(len(rows))
            return torch.cat([onward[at, lengths - 1], backward[at, lengths - 1]], dim=1)

        def forward(self, rows, lengths):
            return self.output(self.dense(self.features(rows, lengths))).squeeze(1)

    return Flagship()


def batches(lengths, rng):
    """Row numbers per batch. Five buckets of equal count by length; drawn anew for each epoch when `rng` is given."""
    order = np.argsort(lengths, kind="stable")
    found = []
    for bucket in np.array_split(order, BUCKETS):
        rows = rng.permutation(bucket) if rng is not None else bucket
        found += [rows[start : start + BATCH] for start in range(0, len(rows), BATCH)]
    if rng is not None:
        found = [found[index] for index in rng.permutation(len(found)) if len(found[index]) > 1]
    return found


class Split:
    """Encoded rows of one part."""

    def __init__(self, rows, labels):
        self.rows = [np.asarray(row, dtype=np.int64) for row in rows]
        self.labels = np.asarray(labels, dtype=np.float32)
        self.lengths = np.array([len(row) for row in self.rows])

    def batch(self, torch, chosen):
        width = self.lengths[chosen].max()
        padded = np.full((len(chosen), width), PAD, dtype=np.int64)
        for line, row in enumerate(chosen):
            padded[line, : self.lengths[row]] = self.rows[row]
        return (
            torch.from_numpy(padded),
            torch.from_numpy(self.lengths[chosen]),
            torch.from_numpy(self.labels[chosen]),
        )


def train_epoch(torch, network, optimizer, data, rng, frozen_encoder=False):
    network.train()
    loss_of = torch.nn.BCEWithLogitsLoss()
    for chosen in batches(data.lengths, rng):
        rows, lengths, labels = data.batch(torch, chosen)
        optimizer.zero_grad(set_to_none=True)
        if frozen_encoder:
            with torch.no_grad():
                features = network.features(rows, lengths)
            logits = network.output(network.dense(features)).squeeze(1)
        else:
            logits = network(rows, lengths)
        loss_of(logits, labels).backward()
        optimizer.step()


def run_over(torch, data, forward):
    """Rows of `forward(rows, lengths)` in the order of the data."""
    found = [None] * len(data.rows)
    with torch.no_grad():
        for chosen in batches(data.lengths, None):
            rows, lengths, _ = data.batch(torch, chosen)
            for row, value in zip(chosen, forward(rows, lengths).numpy()):
                found[row] = value
    return np.array(found)


def measure(torch, network, data):
    """Loss, accuracy and area under the ROC curve."""
    from sklearn.metrics import roc_auc_score

    network.eval()
    logits = run_over(torch, data, network)
    loss = np.mean(np.logaddexp(0, logits) - data.labels * logits)
    return {
        "loss": float(loss),
        "accuracy": float(np.mean((logits > 0) == (data.labels > 0.5))),
        "auc": float(roc_auc_score(data.labels, logits)),
    }


def adam(torch, parameters, lr):
    return torch.optim.Adam(parameters, lr=lr, weight_decay=1e-5)


def step_epoch(options):
    import torch

    rows, labels, parts, vocabulary = load_imdb(options.data_dir, options.seed)
    data = Split(rows.iloc[parts[0]], labels[parts[0]])
    for threads in options.threads:
        torch.set_num_threads(threads)
        torch.manual_seed(options.seed)
        network = build_network(torch, len(vocabulary) + 2, options.recurrence)
        optimizer = adam(torch, network.parameters(), 1e-2)
        start = time.perf_counter()
        train_epoch(torch, network, optimizer, data, np.random.default_rng(options.seed))
        say(
            step="epoch",
            threads=threads,
            recurrence=options.recurrence,
            seconds=time.perf_counter() - start,
            rows=len(data.rows),
            peak_megabytes=peak_megabytes(),
        )


# ---- quality ------------------------------------------------------------------------------------------------


def step_quality(options):
    import copy

    import torch

    torch.set_num_threads(options.threads[0])
    torch.manual_seed(options.seed)
    rng = np.random.default_rng(options.seed)

    rows, labels, parts, vocabulary = load_imdb(options.data_dir, options.seed)
    train, valid, test = (Split(rows.iloc[part], labels[part]) for part in parts)
    network = build_network(torch, len(vocabulary) + 2, options.recurrence)
    optimizer = adam(torch, network.parameters(), 1e-2)
    best, best_weights = -1.0, None
    say(step="base", epoch=0, valid=measure(torch, network, valid))
    for epoch in range(1, options.epochs + 1):
        start = time.perf_counter()
        train_epoch(torch, network, optimizer, train, rng)
        seconds = time.perf_counter() - start
        scores = measure(torch, network, valid)
        say(step="base", epoch=epoch, seconds=seconds, valid=scores)
        if scores["auc"] > best:
            best, best_weights = scores["auc"], copy.deepcopy(network.state_dict())
    network.load_state_dict(best_weights)
    say(step="base", epoch="best", valid=measure(torch, network, valid), test=measure(torch, network, test))

    hotel = pd.read_csv(options.data_dir / "hotel-reviews.csv")
    hotel_labels = hotel["Positive"].to_numpy()
    hotel_rows = encode(tokens_of(hotel["Description"]), vocabulary)
    whole = Split(hotel_rows, hotel_labels)
    say(step="as-is", rows="all", **measure(torch, network, whole))
    features = run_over(torch, whole, lambda rows, lengths: network.eval().features(rows, lengths))

    found = {}
    for seed in range(options.seed, options.seed + options.hotel_splits):
        torch.manual_seed(seed)
        parts = split(hotel_labels, [0.8, 0.2], seed)
        for name, auc in transfer(torch, options, network, hotel, hotel_rows, features, parts, seed).items():
            found.setdefault(name, []).append(auc)
            say(step=name, split=seed, auc=auc)
    for name, values in found.items():
        say(step=name, split="mean", auc=float(np.mean(values)), sd=float(np.std(values)), splits=len(values))


def transfer(torch, options, network, hotel, hotel_rows, features, parts, seed):
    """Area under the curve on one split's held-out hotel reviews, by way of transfer."""
    import copy

    labels = hotel["Positive"].to_numpy()
    train, valid = (Split(hotel_rows.iloc[part], labels[part]) for part in parts)
    own_vocabulary = vocabulary_of(tokens_of(hotel["Description"]).iloc[parts[0]])
    own_rows = encode(tokens_of(hotel["Description"]), own_vocabulary)
    own_train, own_valid = (Split(own_rows.iloc[part], labels[part]) for part in parts)

    def tuned(model, train, valid, parameters, lr, epochs, frozen_encoder=False):
        rng = np.random.default_rng(seed)
        optimizer = adam(torch, parameters, lr)
        for _ in range(epochs):
            train_epoch(torch, model, optimizer, train, rng, frozen_encoder)
        return measure(torch, model, valid)["auc"]

    result = {"as-is": measure(torch, network, valid)["auc"]}
    model = copy.deepcopy(network)
    head = [*model.dense.parameters(), *model.output.parameters()]
    result["fine-tuned, encoder frozen"] = tuned(model, train, valid, head, 3e-3, options.hotel_epochs, True)
    model = copy.deepcopy(network)
    result["fine-tuned, all"] = tuned(model, train, valid, model.parameters(), 3e-3, options.hotel_epochs)
    model = build_network(torch, len(own_vocabulary) + 2, options.recurrence)
    result["from scratch"] = tuned(model, own_train, own_valid, model.parameters(), 1e-2, options.scratch_epochs)

    table = pd.DataFrame(features, columns=[f"f{index}" for index in range(features.shape[1])])
    categories = ["Browser_Used", "Device_Used"]
    for name in categories:
        table[name] = hotel[name].fillna("null").astype("category")
    result["LightGBM on features"] = lightgbm_auc(table, labels, parts, seed)
    result["CatBoost on features"] = catboost_auc(table, labels, parts, seed, categories)
    return result


def lightgbm_auc(table, labels, parts, seed):
    import lightgbm
    from sklearn.metrics import roc_auc_score

    model = lightgbm.LGBMClassifier(random_state=seed, n_jobs=1, deterministic=True, force_row_wise=True, verbose=-1)
    model.fit(table.iloc[parts[0]], labels[parts[0]])
    return float(roc_auc_score(labels[parts[1]], model.predict_proba(table.iloc[parts[1]])[:, 1]))


def catboost_auc(table, labels, parts, seed, categories):
    import catboost
    from sklearn.metrics import roc_auc_score

    model = catboost.CatBoostClassifier(
        iterations=300, random_seed=seed, thread_count=1, cat_features=categories, verbose=0, allow_writing_files=False
    )
    model.fit(table.iloc[parts[0]], labels[parts[0]])
    return float(roc_auc_score(labels[parts[1]], model.predict_proba(table.iloc[parts[1]])[:, 1]))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    steps = {"preprocess": step_preprocess, "epoch": step_epoch, "quality": step_quality, "rows": step_rows}
    parser.add_argument("step", choices=steps)
    parser.add_argument("--data-dir", type=Path)
    parser.add_argument("--file", type=Path, help="what `rows` reads")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--threads", type=int, nargs="+", default=[1], help="torch threads; `epoch` runs once for each")
    parser.add_argument("--recurrence", choices=["reversed", "packed"], default="reversed", help="see build_network")
    parser.add_argument("--epochs", type=int, default=5, help="of the base network")
    parser.add_argument("--hotel-epochs", type=int, default=3, help="of fine-tuning")
    parser.add_argument("--scratch-epochs", type=int, default=5, help="of the hotel network from scratch")
    parser.add_argument("--hotel-splits", type=int, default=5, help="seeded 80/20 splits of the hotel reviews")
    options = parser.parse_args()
    steps[options.step](options)


if __name__ == "__main__":
    main()
