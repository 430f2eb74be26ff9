"""Writes reference.json: what scikit-learn 1.9 fits on the rows that `rows` of the test makes too.

    python reference.py
"""

import json
import warnings
from pathlib import Path

import numpy as np
from scipy.sparse import csr_matrix, hstack
from scipy.spatial.distance import cdist
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import ElasticNet, LogisticRegression, Ridge
from sklearn.metrics import adjusted_rand_score, normalized_mutual_info_score, silhouette_score
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.preprocessing import StandardScaler

ROWS, DENSE, SPARSE = 240, 4, 12


def cell(row, column):
    """Integer arithmetic, so that both languages have the same numbers."""
    return ((row * 7919 + column * 104_729 + row * column * 31) % 1009) / 1009


def rows():
    scale = np.array([1.0, 20.0, 0.5, 3.0])
    offset = np.array([0.0, 40.0, -1.0, 0.0])
    dense = np.array([[cell(r, c) for c in range(DENSE)] for r in range(ROWS)]) * scale + offset
    sparse = np.array([[cell(r, 50 + c) for c in range(SPARSE)] for r in range(ROWS)])
    return dense.astype(np.float32), np.where(sparse > 0.75, sparse, 0).astype(np.float32)


def target(dense, sparse):
    noise = np.array([cell(r, 99) for r in range(ROWS)])
    return dense[:, 0] * 2 + dense[:, 1] / 10 - sparse[:, 0] * 2 + sparse[:, 3] + noise


def linear(model):
    coefficients = np.atleast_2d(model.coef_)
    return {"coefficients": coefficients.tolist(), "intercepts": np.atleast_1d(model.intercept_).tolist()}


def neighbours(x, number, three):
    """What 140 rows say of the others, equal rows among them."""
    x = x.copy()
    x[100:140] = x[0:40]
    train, label = x[:140], three[:140]
    # Where the seventh and the eighth are equally far, rounding decides there which of them is asked.
    apart = lambda row, metric: np.diff(np.sort(cdist(x[row : row + 1], train, metric)[0])[6:8])[0] > 1e-9
    metrics = {"euclidean": "euclidean", "cosine": "cosine", "manhattan": "cityblock"}
    asked = [row for row in range(130, ROWS) if all(apart(row, metric) for metric in metrics.values())]
    rest = x[asked]
    found = {"asked": asked}
    for metric in metrics:
        for weights in ("uniform", "distance"):
            how = dict(n_neighbors=7, metric=metric, weights=weights, algorithm="brute")
            shares = KNeighborsClassifier(**how).fit(train, label).predict_proba(rest)
            means = KNeighborsRegressor(**how).fit(train, number[:140]).predict(rest)
            found[f"{metric} {weights}"] = {"shares": shares.ravel().round(8).tolist(), "means": means.round(8).tolist()}
    return found


def clusters(x, three):
    """From rows 3, 50, 120 and 200 as centres; and one start whose second cluster loses all its rows."""
    start = x[[3, 50, 120, 200]]
    fitted = KMeans(4, init=start, n_init=1, tol=0, max_iter=300, algorithm="lloyd").fit(x)
    far = np.vstack([x[[3]], x[[3]] + 1e4, x[[120, 200]]])
    mended = KMeans(4, init=far, n_init=1, tol=0, max_iter=300, algorithm="lloyd").fit(x)
    pca = PCA(3).fit(x)
    return {
        "own": fitted.labels_.tolist(),
        "inertia": fitted.inertia_,
        "steps": fitted.n_iter_,
        "mended": mended.inertia_,
        "silhouette": silhouette_score(x, fitted.labels_),
        "adjusted-rand": adjusted_rand_score(three, fitted.labels_),
        "mutual-information": normalized_mutual_info_score(three, fitted.labels_),
        "variances": pca.explained_variance_.tolist(),
        "shares": pca.explained_variance_ratio_.tolist(),
        "places": pca.transform(x[:4]).ravel().tolist(),
    }


def main():
    warnings.simplefilter("error")
    dense, sparse = rows()
    number = target(dense.astype(float), sparse.astype(float))
    two = (number > np.quantile(number, 0.7)).astype(int)
    three = np.digitize(number, np.quantile(number, [0.3, 0.7]))
    x = hstack([csr_matrix(dense.astype(float)), csr_matrix(sparse.astype(float))]).tocsr()
    exact = dict(tol=1e-12, max_iter=200_000)
    logistic = lambda y, **more: linear(LogisticRegression(**{**exact, **more}).fit(x.toarray(), y))
    slow = dict(solver="saga", tol=1e-9, max_iter=200_000, random_state=0)
    scaled = StandardScaler().fit(x.toarray())
    standardized = linear(LogisticRegression(**exact).fit(scaled.transform(x.toarray()), two))
    standardized["coefficients"] = (np.array(standardized["coefficients"]) / scaled.scale_).tolist()
    shift = np.array(standardized["coefficients"]) @ scaled.mean_
    standardized["intercepts"] = (np.array(standardized["intercepts"]) - shift).tolist()
    # saga wants columns of one size: those of the test's sparse half.
    small = sparse.astype(float)
    found = {
        "number": number.tolist(),
        "binary": logistic(two, C=0.7),
        "balanced": logistic(two, class_weight="balanced"),
        "bare": logistic(two, fit_intercept=False, C=3.0),
        "multinomial": logistic(three, C=2.0),
        "standardized": standardized,
        "sparse-elastic": linear(LogisticRegression(l1_ratio=0.5, C=1.0, **slow).fit(small, two)),
        "sparse-lasso": linear(LogisticRegression(l1_ratio=1.0, C=0.5, **slow).fit(small, three)),
        "ridge": linear(Ridge(alpha=2.5, solver="cholesky").fit(x.toarray(), number)),
        "elastic": linear(ElasticNet(alpha=0.02, l1_ratio=0.6, tol=1e-12, max_iter=1_000_000).fit(x.toarray(), number)),
    }
    found["neighbours"] = neighbours(x.toarray(), number, three)
    found["clusters"] = clusters(x.toarray(), three)
    text = json.dumps(found)
    Path(__file__).with_name("reference.json").write_text(text + "\n")


main()
