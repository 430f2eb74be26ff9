"""Runs the flagship's work on both sides, in alternation, and prints medians and ratios. Standard library only.

Start it through `make bench DATA=folder`. The other side is `twin.py`, run by the Python that runs this file. Each
repetition does the twin's step, then ours, so both see the same weather on the machine. The quality part (the whole
flagship on both sides, then runs that find everything in the store) comes last; `--quick` leaves it out.
"""

import argparse
import json
import os
import shutil
import statistics
import subprocess
import sys
import time
from pathlib import Path

BENCHES = Path(__file__).resolve().parent
RECIPE = BENCHES.parent / "recipes" / "imdb-to-hotel.toml"
STORE = BENCHES.parent / "target" / "bench-store"
PREPROCESS_STAGE = "imdb-tokens"
TRAIN_STAGE = "base"


class Finished:
    """A process that ended well: its JSON lines, wall seconds, peak resident megabytes (children included)."""

    def __init__(self, command):
        start = time.perf_counter()
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        self.lines = [json.loads(line) for line in process.stdout if line.startswith("{")]
        _, status, usage = os.wait4(process.pid, 0)
        self.seconds = time.perf_counter() - start
        self.processor_seconds = usage.ru_utime + usage.ru_stime
        self.megabytes = usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024) / 1e6
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode != 0:
            sys.exit(f"error: this failed with status {process.returncode}: {' '.join(map(str, command))}")


def twin(options, step, *more):
    return Finished([sys.executable, BENCHES / "twin.py", step, "--data-dir", options.data_dir, *more])


def ours(options, *more):
    fixed = ["run", RECIPE, "--data-dir", options.data_dir, "--store", STORE, "--json"]
    return Finished([options.pipeline, *fixed, *more])


def ends_of_stages(run):
    """Stage name -> its `stage-done` or `stage-hit` event."""
    return {line["stage"]: line for line in run.lines if line.get("event") in ("stage-done", "stage-hit")}


def epochs(run, stage):
    """The epoch events of one training stage, epoch 0 (before training) left out."""
    told = (line["progress"] for line in run.lines if line.get("event") == "progress" and line["stage"] == stage)
    return [progress for progress in told if progress["what"] == "epoch" and progress["epoch"] > 0]


def preprocess_seconds(options):
    theirs = twin(options, "preprocess").lines[-1]
    own = ours(options, "--force", "--only", PREPROCESS_STAGE)
    return (
        {"seconds": theirs["seconds"], "megabytes": theirs["peak_megabytes"]},
        {"seconds": ends_of_stages(own)[PREPROCESS_STAGE]["seconds"], "megabytes": own.megabytes},
    )


def epoch_seconds(options):
    threads = sorted({1, min(2, os.cpu_count() or 1)})
    theirs = twin(options, "epoch", "--threads", *map(str, threads)).lines
    own = ours(options, "--set", f"stages.{TRAIN_STAGE}.epochs=1", "--force", "--only", TRAIN_STAGE)
    for line in theirs:
        print(f"    twin with {line['threads']} threads: {line['seconds']:.1f} s", flush=True)
    best = min(theirs, key=lambda line: line["seconds"])
    return (
        {"seconds": best["seconds"], "megabytes": best["peak_megabytes"]},
        {"seconds": epochs(own, TRAIN_STAGE)[0]["seconds"], "megabytes": own.megabytes},
    )


def rows_seconds(file):
    """Reading and splitting a million rows, at two threads on both sides."""

    def once(options):
        theirs = Finished([sys.executable, BENCHES / "twin.py", "rows", "--file", file])
        own = Finished([options.rows, "read", file])
        for side, run in [("twin", theirs), ("ours", own)]:
            line = run.lines[-1]
            print(
                f"    {side}: read {line['read_seconds']:.2f} s, split {line['seconds'] - line['read_seconds']:.2f} s,"
                f" processor {run.processor_seconds:.2f} s",
                flush=True,
            )
        own_line = own.lines[-1]
        print(f"    ours: {own_line['megabytes'] / own_line['seconds']:.0f} MB of cells a second", flush=True)
        return tuple({"seconds": run.lines[-1]["seconds"], "megabytes": run.megabytes} for run in (theirs, own))

    return once


def rows_of(options):
    """The medians for each format of a file of a million rows, which stays for the next time."""
    folder = BENCHES.parent / "target" / "bench-rows"
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for ending in ["csv", "parquet"]:
        file = folder / f"rows.{ending}"
        if not file.exists():
            subprocess.run([options.rows, "write", file], check=True)
        rows.append(alternate(options, f"1,000,000 rows, {ending}", rows_seconds(file)))
    return rows


def alternate(options, name, once):
    pairs = []
    for repeat in range(options.repeats):
        pairs.append(once(options))
        theirs, own = (side["seconds"] for side in pairs[-1])
        print(f"  {name} {repeat + 1}/{options.repeats}: twin {theirs:.2f} s, ours {own:.2f} s", flush=True)
    median = lambda side, what: statistics.median(pair[side][what] for pair in pairs)
    return [name, median(0, "seconds"), median(1, "seconds"), median(0, "megabytes"), median(1, "megabytes")]


def print_table(rows):
    print(f"\n{'median':<24}{'twin':>10}{'ours':>10}{'ratio':>8}{'twin':>12}{'ours':>12}")
    for name, theirs, own, their_memory, own_memory in rows:
        print(
            f"{name:<24}{theirs:>8.2f} s{own:>8.2f} s{theirs / own:>7.1f}x"
            f"{their_memory:>9.0f} MB{own_memory:>9.0f} MB"
        )


def quality(options):
    print("\nthe whole flagship, the twin:", flush=True)
    for line in twin(options, "quality").lines:
        name = line.pop("step")
        if name == "base" or line.get("split", "mean") == "mean":
            print(f"  {name}: {json.dumps(line)}", flush=True)
    print("the whole flagship, ours:", flush=True)
    own = ours(options)
    for epoch in epochs(own, TRAIN_STAGE):
        print(f"  {TRAIN_STAGE}: epoch {epoch['epoch']}, {epoch['seconds']:.1f} s, {json.dumps(epoch['metrics'])}")
    for name, end in ends_of_stages(own).items():
        if end["summary"]:
            print(f"  {name}: " + ", ".join(f"{what} {value:.4f}" for what, value in end["summary"]))
    again = [ours(options) for _ in range(10)]
    missed = [line["stage"] for run in again for line in run.lines if line.get("event") == "stage-started"]
    if missed:
        sys.exit(f"error: a second run was not all hits: {sorted(set(missed))}")
    seconds = statistics.median(run.seconds for run in again)
    print(f"  a run with everything stored: {seconds * 1000:.0f} ms, {max(run.megabytes for run in again):.0f} MB")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, help="where imdb.csv and hotel-reviews.csv are")
    parser.add_argument("--pipeline", type=Path, help="the binary to measure")
    parser.add_argument("--rows", type=Path, help="the example `rows` of `data`")
    parser.add_argument("--only-rows", action="store_true", help="nothing but reading and splitting rows")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="without the quality part")
    options = parser.parse_args()
    options.rows = options.rows.resolve()
    os.environ["POLARS_MAX_THREADS"] = os.environ["RAYON_NUM_THREADS"] = str(min(2, os.cpu_count() or 1))
    if options.only_rows:
        return print_table(rows_of(options))
    options.pipeline = options.pipeline.resolve()

    shutil.rmtree(STORE, ignore_errors=True)
    rows = rows_of(options)
    rows += [alternate(options, "preprocess IMDB", preprocess_seconds)]
    rows.append(alternate(options, "one epoch", epoch_seconds))
    print_table(rows)
    if not options.quick:
        quality(options)


if __name__ == "__main__":
    main()
