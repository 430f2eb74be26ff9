"""Writes find.json: curves of losses, and what fastai's `lr_find` with the rule `valley` makes of them.

fastai: https://github.com/fastai/fastai, `callback/schedule.py` and `learner.py`, version 2.8. Written anew from its
documented behaviour: a loss averaged with 0.98 and debiased, 100 steps of exponentially growing rates, an end at four
times the least loss, ten steps left out at the start and five at the end, and the longest decreasing subsequence.
"""

import bisect
import json
import math
import random
from pathlib import Path

STEPS, FIRST, LAST, BETA = 100, 1e-7, 10.0, 0.98


def smooth(losses):
    mean, smoothed = 0.0, []
    for n, loss in enumerate(losses, 1):
        mean = BETA * mean + (1 - BETA) * loss
        smoothed.append(mean / (1 - BETA**n))
        if smoothed[-1] > 4 * min(smoothed):
            break
    return smoothed


def longest_ends(values):
    """By patience sorting: the length of the longest decreasing subsequence that ends at each value."""
    piles, lengths = [], []
    for value in values:
        at = bisect.bisect_left(piles, -value)
        piles[at : at + 1] = [-value]
        lengths.append(at + 1)
    return lengths


def suggestion(smoothed):
    looked_at = smoothed[STEPS // 10 : -5]
    lengths = longest_ends(looked_at)
    if not lengths or max(lengths) < 2:
        return None
    end = lengths.index(max(lengths))
    start = max(0, end - max(lengths))
    third = max(lengths) / 3
    at = start + int(third) + int(third / 2) + STEPS // 10
    return FIRST * (LAST / FIRST) ** (at / STEPS)


def case(losses):
    smoothed = smooth(losses)
    return {"losses": losses, "smoothed": smoothed, "lr": suggestion(smoothed)}


def main():
    random.seed(0)
    noise = lambda size: random.gauss(0, size)
    falls = lambda i, at, width: 1 / (1 + math.exp((i - at) / width))
    breaks = lambda i, at: math.exp(min((i - at) / 2, 20)) if i > at else 0.0
    curves = [
        [0.2 + 0.5 * falls(i, 60, 5) + breaks(i, 85) for i in range(STEPS)],
        [0.2 + 0.5 * falls(i, 50, 8) + breaks(i, 75) + noise(0.05) for i in range(STEPS)],
        [0.69 + 0.002 * i for i in range(STEPS)],
        [1.0 - 0.005 * i for i in range(STEPS)],
        [0.7, 0.7, 90.0, 100.0],
    ]
    cases = [case([round(loss, 6) for loss in curve]) for curve in curves]
    Path(__file__).with_name("find.json").write_text("[\n" + ",\n".join(map(json.dumps, cases)) + "\n]\n")


if __name__ == "__main__":
    main()
