"""Writes reference.json: what scikit-learn and SciPy compute. Run with scikit-learn 1.9 and SciPy."""

import json
import warnings
from pathlib import Path

import numpy as np
from scipy.optimize import minimize_scalar
from scipy.special import expit, log_softmax, softmax
from scipy.stats import spearmanr
from sklearn import metrics as m

warnings.filterwarnings("ignore")
rng = np.random.default_rng(11)
AVERAGES = ["macro", "micro", "weighted"]


def single(values):
    return np.asarray(values, dtype=np.float32)


def ece(scores, right, bins):
    """Guo et al. 2017, equation 3; bins are open below, the first closed."""
    edges = np.linspace(0, 1, bins + 1)
    found = 0.0
    for low, high in zip(edges[:-1], edges[1:]):
        inside = (scores > low) & (scores <= high) | (scores == 0) & (low == 0)
        if inside.any():
            found += inside.mean() * abs(scores[inside].mean() - right[inside].mean())
    return found


def by_average(truth, chosen, default, **options):
    found = {}
    scores = {"precision": m.precision_score, "recall": m.recall_score, "f1": m.f1_score}
    for name, score in scores.items():
        found[name] = score(truth, chosen, average=default, zero_division=np.nan, **options)
        for average in AVERAGES:
            found[f"{name}-{average}"] = score(truth, chosen, average=average, zero_division=np.nan, **options)
    return found


def choice(truth, chosen):
    return {
        "accuracy": m.accuracy_score(truth, chosen),
        "balanced-accuracy": m.balanced_accuracy_score(truth, chosen),
        "matthews": m.matthews_corrcoef(truth, chosen),
        "kappa": m.cohen_kappa_score(truth, chosen),
    }


def binary(logits, truth, chosen=None):
    p = expit(logits.astype(np.float64))
    chosen = (logits > 0).astype(int) if chosen is None else chosen
    found = choice(truth, chosen) | by_average(truth, chosen, "binary")
    # The averages of both classes, where both are there.
    found |= {
        "log-loss": m.log_loss(truth, p, labels=[0, 1]),
        "brier": m.brier_score_loss(truth, p, labels=[0, 1]),
        "calibration-error-10": ece(p, truth, 10),
    }
    if len(set(truth)) == 2:
        found |= {"auc": m.roc_auc_score(truth, logits), "average-precision": m.average_precision_score(truth, logits)}
    return found


def multiclass(logits, truth):
    classes = logits.shape[1]
    p = softmax(logits.astype(np.float64), axis=1)
    chosen = logits.argmax(axis=1)
    found = choice(truth, chosen) | by_average(truth, chosen, "macro")
    found |= {
        "log-loss": m.log_loss(truth, p, labels=range(classes)),
        "brier": m.brier_score_loss(truth, p, labels=range(classes)),
        "calibration-error-15": ece(p.max(axis=1), (chosen == truth).astype(float), 15),
        "top-2": m.top_k_accuracy_score(truth, logits, k=2, labels=range(classes)),
        "top-3": m.top_k_accuracy_score(truth, logits, k=3, labels=range(classes)),
    }
    present = [c for c in range(classes) if (truth == c).any()]
    areas = [m.roc_auc_score(truth == c, p[:, c]) for c in present]
    counts = [(truth == c).sum() for c in present]
    precisions = [m.average_precision_score(truth == c, p[:, c]) for c in present]
    found |= {
        "auc": np.mean(areas),
        "auc-weighted": np.average(areas, weights=counts),
        "average-precision": np.mean(precisions),
    }
    if len(present) == classes:
        auc = lambda **options: m.roc_auc_score(truth, p, **options)
        assert np.isclose(found["auc"], auc(multi_class="ovr"))
        assert np.isclose(found["auc-weighted"], auc(multi_class="ovr", average="weighted"))
        found["auc-ovo"] = auc(multi_class="ovo")
        found["auc-ovo-weighted"] = auc(multi_class="ovo", average="weighted")
    return found


def multilabel(logits, truth):
    p = expit(logits.astype(np.float64))
    chosen = (logits > 0).astype(int)
    found = by_average(truth, chosen, "macro")
    found |= {
        "accuracy": m.accuracy_score(truth, chosen),
        "auc": m.roc_auc_score(truth, logits),
        "auc-weighted": m.roc_auc_score(truth, logits, average="weighted"),
        "average-precision": m.average_precision_score(truth, logits),
        "log-loss": np.mean([m.log_loss(truth[:, i], p[:, i]) for i in range(truth.shape[1])]),
        "brier": np.mean([m.brier_score_loss(truth[:, i], p[:, i]) for i in range(truth.shape[1])]),
    }
    return found


def numbers(values, truth):
    return {
        "mae": m.mean_absolute_error(truth, values),
        "mse": m.mean_squared_error(truth, values),
        "rmse": m.root_mean_squared_error(truth, values),
        "r2": m.r2_score(truth, values),
        "mape": m.mean_absolute_percentage_error(truth, values),
        "spearman": spearmanr(values, truth).statistic,
        "max-error": m.max_error(truth, values),
        "explained-variance": m.explained_variance_score(truth, values),
    }


def temperature(logits, truth):
    """The minimum of the mean log-loss, by SciPy."""
    if logits.ndim == 1:
        logits = np.stack([np.zeros_like(logits), logits], axis=1)
    loss = lambda t: -log_softmax(logits.astype(np.float64) / t, axis=1)[np.arange(len(truth)), truth].mean()
    return minimize_scalar(loss, bounds=(0.05, 20), method="bounded", options={"xatol": 1e-12}).x


def threshold(logits, truth, score):
    """The best value over all thresholds that are scores."""
    p = expit(logits.astype(np.float64))
    return max(score(truth, (p >= t).astype(int)) for t in set(p))


def weighted(kind, logits, truth, w):
    """What scikit-learn gives with a sample_weight."""
    if kind == "numbers":
        scores = {"mae": m.mean_absolute_error, "mse": m.mean_squared_error, "rmse": m.root_mean_squared_error,
                  "r2": m.r2_score, "mape": m.mean_absolute_percentage_error,
                  "explained-variance": m.explained_variance_score}
        return {name: score(truth, logits, sample_weight=w) for name, score in scores.items()} | {
            "spearman": np.nan, "max-error": np.nan}
    p = expit(logits.astype(np.float64))
    if kind == "labels":
        chosen, labels = (logits > 0).astype(int), range(truth.shape[1])
        return by_average(truth, chosen, "macro", sample_weight=w) | {
            "accuracy": m.accuracy_score(truth, chosen, sample_weight=w),
            "auc": m.roc_auc_score(truth, logits, sample_weight=w),
            "auc-weighted": m.roc_auc_score(truth, logits, average="weighted", sample_weight=w),
            "average-precision": m.average_precision_score(truth, logits, sample_weight=w),
            "log-loss": np.mean([m.log_loss(truth[:, i], p[:, i], sample_weight=w) for i in labels]),
            "brier": np.mean([m.brier_score_loss(truth[:, i], p[:, i], sample_weight=w) for i in labels]),
        }
    binary = logits.ndim == 1
    chosen = (logits > 0).astype(int) if binary else logits.argmax(axis=1)
    found = by_average(truth, chosen, "binary" if binary else "macro", sample_weight=w) | {
        "accuracy": m.accuracy_score(truth, chosen, sample_weight=w),
        "balanced-accuracy": m.balanced_accuracy_score(truth, chosen, sample_weight=w),
        "matthews": m.matthews_corrcoef(truth, chosen, sample_weight=w),
        "kappa": m.cohen_kappa_score(truth, chosen, sample_weight=w),
    }
    if binary:
        return found | {
            "auc": m.roc_auc_score(truth, logits, sample_weight=w),
            "average-precision": m.average_precision_score(truth, logits, sample_weight=w),
            "log-loss": m.log_loss(truth, p, sample_weight=w),
            "brier": m.brier_score_loss(truth, p, sample_weight=w),
        }
    p = softmax(logits.astype(np.float64), axis=1)
    classes = range(logits.shape[1])
    areas = {"multi_class": "ovr", "sample_weight": w}
    return found | {
        "auc": m.roc_auc_score(truth, p, **areas),
        "auc-weighted": np.average([m.roc_auc_score(truth == c, p[:, c], sample_weight=w) for c in classes],
                                   weights=[w[truth == c].sum() for c in classes]),
        "auc-ovo": np.nan,
        "average-precision": np.mean(
            [m.average_precision_score(truth == c, p[:, c], sample_weight=w) for c in classes]),
        "log-loss": m.log_loss(truth, p, sample_weight=w),
        "brier": m.brier_score_loss(truth, p, sample_weight=w),
        "top-2": m.top_k_accuracy_score(truth, logits, k=2, sample_weight=w),
    }


def case(kind, logits, truth, values, **more):
    clean = {name: None if np.isnan(value) else float(value) for name, value in values.items()}
    return {"kind": kind, "width": 1 if logits.ndim == 1 else logits.shape[1], "logits": logits.ravel().tolist(),
            "truth": np.asarray(truth).ravel().tolist(), "values": clean, **more}


cases = {}
truth = (rng.random(80) < 0.35).astype(int)
logits = single(2.5 * (truth - 0.8) + 1.5 * rng.normal(size=80))
extra = {"temperature": temperature(logits, truth), "thresholds": {
    "f1": threshold(logits, truth, m.f1_score),
    "balanced-accuracy": threshold(logits, truth, m.balanced_accuracy_score),
    "matthews": threshold(logits, truth, m.matthews_corrcoef),
    "kappa": threshold(logits, truth, m.cohen_kappa_score)}}
cases["binary"] = case("classes", logits, truth, binary(logits, truth), **extra)
ties = single(np.round(logits))
cases["ties"] = case("classes", ties, truth, binary(ties, truth))
high = (expit(logits.astype(np.float64)) >= 0.8).astype(int)
chosen = {k: v for k, v in (choice(truth, high) | by_average(truth, high, "binary")).items()}
cases["high-threshold"] = case("classes", logits, truth, chosen, threshold=0.8)
none = single(np.zeros(6))
ones = np.ones(6, dtype=int)
one = {"accuracy": 0.0, "log-loss": np.log(2), "brier": 0.25, "recall": 0.0, "f1": 0.0}
one |= {name: np.nan for name in ["auc", "average-precision", "precision", "matthews"]}
cases["one-class"] = case("classes", none, ones, one)
constant = {"matthews": 0.0, "kappa": 0.0, "auc": 0.5, "precision": np.nan, "f1": 0.0, "balanced-accuracy": 0.5}
cases["constant"] = case("classes", none, [0, 1, 0, 1, 1, 0], constant)
truth = rng.choice(4, size=120, p=[0.4, 0.3, 0.2, 0.1])
logits = single(rng.normal(size=(120, 4)) + 1.5 * np.eye(4)[truth])
cases["multiclass"] = case("classes", logits, truth, multiclass(logits, truth), temperature=temperature(logits, truth))
logits = np.concatenate([logits, single(rng.normal(size=(120, 1)) - 0.5)], axis=1)
cases["absent"] = case("classes", logits, truth, multiclass(logits, truth))
truth = (rng.random((60, 3)) < [0.5, 0.3, 0.15]).astype(int)
logits = single(2 * (truth - 0.6) + rng.normal(size=truth.shape))
cases["multi-label"] = case("labels", logits, truth, multilabel(logits, truth))
truth = np.round(rng.gamma(2, 3, size=50), 1) + 0.1
values = np.round(truth + rng.normal(size=50) + 0.3)
cases["numbers"] = case("numbers", values, truth, numbers(values, truth))
constant = np.full(5, 2.0)
flat = {"r2": np.nan, "spearman": np.nan, "explained-variance": np.nan, "mae": 1.0}
cases["flat"] = case("numbers", constant + 1, constant, flat)
zero = {"mape": np.nan, "mae": 1.0}
cases["zero"] = case("numbers", np.array([1.0, 2.0]), np.array([0.0, 1.0]), zero)

rng = np.random.default_rng(12)
for name in ["binary", "ties", "multiclass", "multi-label", "numbers"]:
    of = cases[name]
    shape = (-1,) if of["width"] == 1 else (-1, of["width"])
    dtype = np.float64 if of["kind"] == "numbers" else np.float32
    logits = np.asarray(of["logits"], dtype=dtype).reshape(shape)
    truth = np.asarray(of["truth"])
    truth = truth.reshape(shape) if of["kind"] == "labels" else truth
    # Whole weights, parts, and rows that do not count.
    w = np.round(rng.gamma(1.5, 1, size=len(logits)), 1) * (rng.random(len(logits)) > 0.1)
    values = weighted(of["kind"], logits, truth, w)
    of["weights"] = w.tolist()
    of["weighted"] = {name: None if np.isnan(value) else float(value) for name, value in values.items()}

path = Path(__file__).parent / "reference.json"
path.write_text(json.dumps(cases, indent=None).replace(', "', ',\n"') + "\n")
