"""Writes leaks.json: rows of three parts, and which of them are alike by comparing every pair.

    python leaks.py
"""

import json
import random
import re
from pathlib import Path

SHINGLE, NEAR = 3, 0.8
WORDS = [
    "the", "a", "room", "staff", "was", "were", "very", "not", "clean", "dirty", "bed", "view", "lobby", "friendly",
    "rude", "breakfast", "late", "night", "street", "noise", "we", "stayed", "again", "never", "price", "pool", "quiet",
    "Zürich", "naïve", "καλό", "очень", "3", "2019", "don't", "check-in", "desk", "water", "cold", "warm", "towel",
]


def text(rng):
    return [rng.choice(WORDS) for _ in range(rng.choice([0, 1, 2, 3, 5, 8, 12, 20, 30, 45]))]


def changed(words, rng):
    """A copy in which so many words are others, gone, or more."""
    words = list(words)
    for _ in range(rng.choice([0, 0, 1, 1, 2, 3, 5])):
        at = rng.randrange(len(words) + 1)
        words[at : at + rng.randrange(2)] = rng.sample(WORDS, rng.randrange(2))
    return words


def written(words, rng):
    """The words as a sentence: case and marks say nothing."""
    style = rng.randrange(3)
    text = " ".join(words) if style < 2 else ", ".join(words).upper()
    return text + rng.choice(["", "", ".", " !"])


def elements(row):
    """What a row holds: shingles of its text, and its other cell."""
    words = re.findall(r"[^\W_]+", row["text"].lower())
    shingles = [tuple(words[at : at + SHINGLE]) for at in range(max(1, len(words) - SHINGLE + 1))] if words else []
    return set(shingles) | ({("kind", row["kind"])} if row["kind"] else set())


def has_words(row):
    return re.search(r"[^\W_]", row["text"]) is not None


def likes(row, others):
    """The rows that a row is like: those of the same inputs, else those that are near, likest first."""
    same = [other for other in others if (other["text"], other["kind"]) == (row["text"], row["kind"])]
    if same:
        return "same", same
    own = elements(row)
    scored = [(len(own & elements(other)) / len(own | elements(other)), other) for other in others]
    return "near", [other for score, other in sorted(scored, key=lambda pair: -pair[0]) if score >= NEAR]


rng = random.Random(11)
base = [(text(rng), rng.choice(["", "a", "b"])) for _ in range(110)]
rows = []
for part, count in [("train", 180), ("valid", 60), ("test", 80)]:
    for _ in range(count):
        words, kind = rng.choice(base)
        kind = kind if rng.random() < 0.9 else "c"
        rows.append({"part": part, "text": written(changed(words, rng), rng), "kind": kind})
rng.shuffle(rows)
for number, row in enumerate(rows):
    row["row"] = number

of_part = {part: [row for row in rows if row["part"] == part and has_words(row)] for part in ["train", "valid", "test"]}
found, leaking = {}, set()
for of, among in [("test", "train"), ("valid", "train"), ("test", "valid")]:
    counts = {"same": 0, "near": 0}
    for row in of_part[of]:
        how, like = likes(row, of_part[among])
        counts[how] += bool(like)
    back = [row["row"] for row in of_part[among] if likes(row, of_part[of])[1]]
    rows_of = sum(row["part"] == of for row in rows)
    found[f"{of} in {among}"] = {**counts, "rows": rows_of, "among-rows": len(back)}
    leaking |= set(back)

out = {"rows": [[row["text"], row["kind"], row["part"]] for row in rows], "found": found, "leaking": sorted(leaking)}
Path(__file__).with_suffix(".json").write_text(json.dumps(out, ensure_ascii=False, separators=(",", ":")) + "\n")
print(found, len(leaking))
