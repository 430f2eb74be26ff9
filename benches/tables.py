"""The recipes on tables of text beside what a person would write with scikit-learn, CatBoost and PyTorch.

Start it through `make tables DATA=folder`. For each recipe: run ours, take the split that it made out of its
encoded rows (`pipeline get`), then train on the same training rows and measure on the same test rows

    logistic    TF-IDF of words and pairs, one-hot categories, scaled numbers; LogisticRegression, C by valid rows
    catboost    CatBoostClassifier with the texts as text features and the categories as categories; valid rows stop it
    network     a mean of word embeddings a text, embedded categories, numbers; two dense layers; best epoch by valid

and print test AUC and seconds, one JSON object a line, then the table.
"""

import argparse
import json
import shutil
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import pandas as pd

from splits import PARTS, part_of_rows

BENCHES = Path(__file__).resolve().parent
RECIPES = BENCHES.parent / "recipes"
STORE = BENCHES.parent / "target" / "tables-store"
SPLITS = BENCHES.parent / "target" / "tables-splits"


class Table:
    """One recipe's rows: columns by kind, labels, and the part of each row."""

    def __init__(self, frame, label, part, texts, categories=(), numbers=()):
        self.label, self.part = np.asarray(label), np.asarray(part)
        self.texts, self.categories, self.numbers = list(texts), list(categories), list(numbers)
        self.frame = frame.copy()
        for column in [*texts, *categories]:
            self.frame[column] = self.frame[column].fillna("").astype(str)
        for column in numbers:
            if column == "Positive Feedback Count":
                self.frame[column] = np.log1p(self.frame[column])

    def rows(self, part):
        return np.flatnonzero(self.part == part)


def split_of(options, recipe, stage):
    """Row of the source -> part, as our encoded rows have it."""
    folder = SPLITS / recipe / stage
    shutil.rmtree(folder, ignore_errors=True)
    pipeline(options, "get", recipe, stage, str(folder))
    return part_of_rows(folder)


def clothing(options):
    frame = pd.read_csv(options.data_dir / "clothing-reviews.csv")
    return Table(
        frame,
        frame["Recommended IND"],
        split_of(options, "clothing", "words"),
        ["Title", "Review Text"],
        ["Division Name", "Department Name", "Class Name"],
        ["Age", "Positive Feedback Count"],
    )


def drug_reviews(options):
    train = pd.read_csv(options.data_dir / "drug-reviews-train.tsv", sep="\t")
    test = pd.read_csv(options.data_dir / "drug-reviews-test.tsv", sep="\t").rename(columns={"urlDrugName": "DrugName"})
    frame = pd.concat([train, test], ignore_index=True)
    part = [*split_of(options, "drug-reviews", "words"), *["test"] * len(test)]
    texts = ["benefitsReview", "sideEffectsReview", "commentsReview"]
    return Table(frame, frame["rating"] > 5, part, texts, ["DrugName", "condition"])


def hotel_opinions(options):
    frame = pd.read_csv(options.data_dir / "hotel-opinions.csv")
    part = split_of(options, "hotel-opinions", "words")
    return Table(frame, frame["deceptive"] == "truthful", part, ["text"], ["hotel", "polarity"])


TABLES = {"clothing": clothing, "drug-reviews": drug_reviews, "hotel-opinions": hotel_opinions}


def logistic(table, seed):
    from scipy.sparse import csr_matrix
    from sklearn.compose import ColumnTransformer
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    words = lambda: TfidfVectorizer(ngram_range=(1, 2), min_df=2, sublinear_tf=True)
    parts = [(column, words(), column) for column in table.texts]
    parts.append(("categories", OneHotEncoder(handle_unknown="ignore"), table.categories))
    parts.append(("numbers", StandardScaler(), table.numbers))
    columns = ColumnTransformer([part for part in parts if part[2]])
    train, valid, test = (table.rows(part) for part in PARTS)
    seen = csr_matrix(columns.fit_transform(table.frame.iloc[train]))
    checked = csr_matrix(columns.transform(table.frame.iloc[valid]))
    fits = [LogisticRegression(C=c, max_iter=1000).fit(seen, table.label[train]) for c in (0.3, 1, 3, 10)]
    best = max(fits, key=lambda fit: roc_auc_score(table.label[valid], fit.decision_function(checked)))
    print(json.dumps({"C": best.C}), flush=True)
    return best.decision_function(csr_matrix(columns.transform(table.frame.iloc[test])))


def catboost(table, seed):
    from catboost import CatBoostClassifier, Pool

    columns = [*table.texts, *table.categories, *table.numbers]
    pool = lambda rows: Pool(
        table.frame.iloc[rows][columns],
        table.label[rows],
        cat_features=table.categories,
        text_features=table.texts,
    )
    model = CatBoostClassifier(
        iterations=1000,
        eval_metric="AUC",
        early_stopping_rounds=100,
        random_seed=seed,
        verbose=False,
        thread_count=2,
        allow_writing_files=False,
    )
    model.fit(pool(table.rows("train")), eval_set=pool(table.rows("valid")))
    return model.predict_proba(pool(table.rows("test")))[:, 1]


def network(table, seed):
    import re

    import torch
    from torch import nn
    from sklearn.metrics import roc_auc_score

    torch.manual_seed(seed)
    torch.set_num_threads(2)
    train, valid, test = (table.rows(part) for part in PARTS)
    inputs = []
    for column in table.texts:
        tokens = [re.findall(r"\w+|[^\w\s]", text.lower())[:200] for text in table.frame[column]]
        counts = Counter(token for row in train for token in tokens[row])
        known = {token: at + 2 for at, token in enumerate(t for t, count in counts.items() if count > 1)}
        longest = max(map(len, tokens)) or 1
        ids = np.zeros((len(tokens), longest), dtype=np.int64)
        for row, words in enumerate(tokens):
            ids[row, : len(words)] = [known.get(word, 1) for word in words]
        inputs.append(("text", torch.tensor(ids), len(known) + 2))
    for column in table.categories:
        known = {value: at + 1 for at, value in enumerate(sorted(set(table.frame[column].iloc[train])))}
        inputs.append(("category", torch.tensor([known.get(v, 0) for v in table.frame[column]]), len(known) + 1))
    for column in table.numbers:
        values = table.frame[column].to_numpy(float)
        values = (values - values[train].mean()) / values[train].std()
        inputs.append(("number", torch.tensor(values, dtype=torch.float32)[:, None], 1))
    label = torch.tensor(table.label.astype(np.float32))

    class Network(nn.Module):
        def __init__(self):
            super().__init__()
            sizes = {"text": 64, "category": 8, "number": 1}
            self.embeds = nn.ModuleList(
                nn.Identity() if kind == "number" else nn.Embedding(size, sizes[kind], padding_idx=0)
                for kind, _, size in inputs
            )
            width = sum(sizes[kind] for kind, _, _ in inputs)
            self.head = nn.Sequential(nn.Linear(width, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 1))

        def forward(self, rows):
            seen = []
            for (kind, values, _), embed in zip(inputs, self.embeds):
                value = embed(values[rows])
                if kind == "text":
                    mask = (values[rows] > 0).float()
                    value = value.sum(1) / mask.sum(1, keepdim=True).clamp(min=1)
                seen.append(value)
            return self.head(torch.cat(seen, 1))[:, 0]

    module = Network()
    optimizer = torch.optim.Adam(module.parameters(), lr=2e-3, weight_decay=1e-5)
    best = (0.0, None)
    for _ in range(15):
        module.train()
        order = torch.randperm(len(train))
        for start in range(0, len(order), 64):
            rows = torch.tensor(train)[order[start : start + 64]]
            loss = nn.functional.binary_cross_entropy_with_logits(module(rows), label[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        module.eval()
        with torch.no_grad():
            auc = roc_auc_score(table.label[valid], module(torch.tensor(valid)).numpy())
            if auc > best[0]:
                best = (auc, module(torch.tensor(test)).numpy())
    return best[1]


def pipeline(options, command, recipe, *more):
    own = ["--data-dir", options.data_dir, "--store", STORE]
    fixed = [options.pipeline, command, RECIPES / f"{recipe}.toml", *more, *own]
    run = subprocess.run([str(part) for part in fixed], stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode != 0:
        sys.exit(f"error: this failed with status {run.returncode}: {' '.join(map(str, fixed))}")
    return run.stdout


def ours(options, recipe):
    """What each evaluation of the recipe reached, and the seconds of each stage."""
    reached, seconds = {}, {}
    for line in pipeline(options, "run", recipe, "--json").splitlines():
        event = json.loads(line)
        if event.get("event") == "stage-done":
            seconds[event["stage"]] = event["seconds"]
            summary = dict(event["summary"])
            if "auc" in summary:
                reached[event["stage"]] = summary["auc"]
    return reached, seconds


def main():
    from sklearn.metrics import roc_auc_score

    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--pipeline", type=Path, required=True, help="the binary to measure")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only", choices=TABLES, nargs="*", default=list(TABLES))
    options = parser.parse_args()
    options.pipeline = options.pipeline.resolve()
    shutil.rmtree(STORE, ignore_errors=True)
    lines = []
    for name in options.only:
        reached, seconds = ours(options, name)
        for stage, auc in reached.items():
            lines.append((name, f"ours: {stage}", auc, None))
        print(json.dumps({"recipe": name, "auc": reached, "seconds": seconds}), flush=True)
        table = TABLES[name](options)
        truth = table.label[table.rows("test")]
        for twin in (logistic, network, catboost):
            start = time.perf_counter()
            auc = roc_auc_score(truth, twin(table, options.seed))
            lines.append((name, twin.__name__, auc, time.perf_counter() - start))
            print(json.dumps({"recipe": name, "twin": twin.__name__, "auc": auc, "seconds": lines[-1][3]}), flush=True)
    print(f"\n{'recipe':<16}{'model':<24}{'test AUC':>10}{'seconds':>10}")
    for name, model, auc, took in lines:
        print(f"{name:<16}{model:<24}{auc:>10.4f}{'' if took is None else f'{took:10.1f}'}")


if __name__ == "__main__":
    main()
