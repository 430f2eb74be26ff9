"""TF-IDF and logistic regression on IMDB reviews beside scikit-learn's, text to score, in alternation.

Ours is one `pipeline run` of tfidf.toml with an empty store, which reads, splits, encodes, fits, scores and stores all
of it. The twin is a Python process that reads the same file with pandas, takes the rows of our split, and fits and scores
with scikit-learn; it stores nothing. Both may use two threads. Prints each repetition, then the medians: whole processes,
and the twin without Python's start and imports, which ours has no counterpart to. `make bench DATA=folder` starts it.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from pathlib import Path

BENCHES = Path(__file__).resolve().parent
RECIPE = BENCHES / "tfidf.toml"
STORE = BENCHES.parent / "target" / "tfidf-store"
SPLIT = BENCHES.parent / "target" / "tfidf-split"


def twin(options):
    """Reads, fits and scores; prints seconds from here on, and the test AUC."""
    import numpy as np
    import pandas as pd
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score

    start = time.perf_counter()
    lap = lambda: time.perf_counter() - start
    frame = pd.read_csv(options.data_dir / "imdb.csv")
    train, test = (np.load(SPLIT / f"{part}.npy") for part in ("train", "test"))
    reviews, labels = frame["review"].to_numpy(), frame["label"].to_numpy()
    laps = {"read": lap()}
    vectorizer = TfidfVectorizer()
    seen = vectorizer.fit_transform(reviews[train])
    laps["words"] = lap()
    model = LogisticRegression(max_iter=1000).fit(seen, labels[train])
    laps["fit"] = lap()
    auc = roc_auc_score(labels[test], model.decision_function(vectorizer.transform(reviews[test])))
    print(json.dumps({"auc": auc, "seconds": lap(), "laps": laps}))


def ours(options):
    from run import Finished

    shutil.rmtree(STORE, ignore_errors=True)
    own = Finished([options.pipeline, "run", RECIPE, "--data-dir", options.data_dir, "--store", STORE, "--json"])
    summary = next(line["summary"] for line in own.lines if line.get("event") == "stage-done" and line["stage"] == "score")
    return own, dict(summary)["auc"]


def keep_split(options):
    """The rows of our split, where the twin finds them."""
    import numpy as np
    from splits import part_of_rows_by

    ours(options)
    get = [options.pipeline, "get", RECIPE, "words", SPLIT, "--data-dir", options.data_dir, "--store", STORE]
    parts = part_of_rows_by(get, SPLIT)
    for part in ("train", "test"):
        np.save(SPLIT / f"{part}.npy", np.flatnonzero(parts == part))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="where imdb.csv is")
    parser.add_argument("--pipeline", type=Path, help="the binary to measure")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--twin", action="store_true", help="only the other side, on the split that is there")
    options = parser.parse_args()
    if options.twin:
        return twin(options)

    from run import Finished

    options.pipeline = options.pipeline.resolve()
    threads = str(min(2, os.cpu_count() or 1))
    for variable in ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.environ[variable] = threads
    keep_split(options)
    whole, within, own_seconds = [], [], []
    for repeat in range(options.repeats):
        theirs = Finished([sys.executable, __file__, "--twin", "--data-dir", options.data_dir])
        own, own_auc = ours(options)
        line = theirs.lines[-1]
        whole.append(theirs.seconds)
        within.append(line["seconds"])
        own_seconds.append(own.seconds)
        print(
            f"  {repeat + 1}/{options.repeats}: scikit-learn {theirs.seconds:.2f} s, {line['seconds']:.2f} s of it without"
            f" start and imports; ours {own.seconds:.2f} s, processor {own.processor_seconds:.2f} s",
            flush=True,
        )
    print(f"test AUC: scikit-learn {line['auc']:.4f}, ours {own_auc:.4f}")
    whole, within, own_seconds = map(statistics.median, (whole, within, own_seconds))
    print(f"medians: scikit-learn {whole:.2f} s, ours {own_seconds:.2f} s, ratio {whole / own_seconds:.1f}")
    print(f"scikit-learn without start and imports {within:.2f} s, ratio {within / own_seconds:.1f}")


if __name__ == "__main__":
    main()
