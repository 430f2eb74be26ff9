"""Writes evidence.json: what scikit-learn's naive Bayes says of rows that it has not seen.

    python evidence.py
"""

import json
from pathlib import Path

from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import MultinomialNB

WORDS = ["warm", "cold", "room", "bed", "loud", "kind", "desk", "late", "soft", "view"]


def rows():
    """Texts of three to seven words, and a class that some words speak for."""
    state, texts, labels = 7, [], []
    for _ in range(80):
        words = []
        for _ in range(3 + state % 5):
            state = (state * 1103515245 + 12345) % 2**31
            words.append(WORDS[(state >> 16) % len(WORDS)])
        texts.append(" ".join(words))
        labels.append(("warm" in words) + 2 * ("loud" in words))
    return texts, labels


def said(texts, labels, train):
    words = CountVectorizer(binary=True, ngram_range=(1, 2), min_df=2, token_pattern=r"\S+")
    model = MultinomialNB(alpha=0.7).fit(words.fit_transform(texts[:train]), labels[:train])
    logs = model.predict_joint_log_proba(words.transform(texts[train:]))
    if len(model.classes_) == 2:
        return (logs[:, 1:] - logs[:, :1]).tolist()
    return (logs - logs.mean(1, keepdims=True)).tolist()


texts, four = rows()
two = [int(label > 0) for label in four]
found = {
    "texts": texts,
    "two": [str(label) for label in two],
    "four": [str(label) for label in four],
    "said-two": said(texts, two, 60),
    "said-four": said(texts, four, 60),
}
Path(__file__).with_name("evidence.json").write_text(json.dumps(found) + "\n")
