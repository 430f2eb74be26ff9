"""Measures what running a frozen part once saves: the flagship's head over its frozen encoder, with the encoder run in
every epoch and with its stored values, in alternation. Standard library only. `make bench DATA=folder` starts it.
"""

import argparse
import json
import statistics
import subprocess
import sys
from pathlib import Path

BENCHES = Path(__file__).resolve().parent
RECIPE = BENCHES.parent / "recipes" / "imdb-to-hotel.toml"
STORE = BENCHES.parent / "target" / "bench-store"
TRAINING, FROZEN = "hotel-frozen", "hotel-frozen.frozen"


def stages(options, *more):
    """Seconds of every stage that ran, by name."""
    # How good the encoder is does not matter here: one epoch.
    sets = ["--set", "stages.base.epochs=1", "--set", f"vars.hotel-epochs={options.epochs}"]
    command = [options.pipeline, "run", RECIPE, "--data-dir", options.data_dir, "--store", STORE, "--json", *sets, *more]
    run = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    if run.returncode != 0:
        sys.exit(f"error: this failed with status {run.returncode}: {' '.join(map(str, command))}")
    events = [json.loads(line) for line in run.stdout.splitlines()]
    return {event["stage"]: event["seconds"] for event in events if event["event"] == "stage-done"}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True)
    parser.add_argument("--pipeline", type=Path, required=True, help="the binary to measure")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=100)
    options = parser.parse_args()
    options.pipeline = options.pipeline.resolve()

    stages(options, "--only", TRAINING)
    whole, frozen, training = [], [], []
    for _ in range(options.repeats):
        off = ("--set", f"stages.{TRAINING}.hoist=false")
        whole.append(stages(options, "--only", TRAINING, "--force", TRAINING, *off)[TRAINING])
        both = stages(options, "--only", TRAINING, "--force", f"{FROZEN},{TRAINING}")
        frozen.append(both[FROZEN])
        training.append(both[TRAINING])
    whole, frozen, training = map(statistics.median, (whole, frozen, training))
    print(f"{options.epochs} epochs over a frozen encoder, run in every epoch: {whole:.2f} s")
    print(f"the same with its stored values: {training:.2f} s, and {frozen:.2f} s once")
    print(f"ratio {whole / (training + frozen):.1f}, and {whole / training:.1f} where they are stored already")


if __name__ == "__main__":
    main()
