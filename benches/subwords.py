"""The step `tokenizer` beside Python's `tokenizers`: 25,000 IMDB reviews as indices of a WordPiece, in alternation.

Trains the WordPiece (30,000 pieces, lower case) on the same reviews first. The twin's seconds are those of `encode_batch`
and of `encode_batch_fast` alone, which leaves out where tokens lie, as our step does. Ours are those between the events
`fit` and `write` of the stage: reading the tokenizer, and encoding. Both use two threads. Prints medians and ratios, and
stops where the two do not give as many tokens. `make bench DATA=folder` starts it.
"""

import argparse
import json
import os
import shutil
import statistics
import struct
import sys
import time
from pathlib import Path

BENCHES = Path(__file__).resolve().parent
RECIPE = BENCHES / "subwords.toml"
WORK = BENCHES.parent / "target" / "bench-subwords"
TOKENIZER, STORE = WORK / "tokenizer.json", WORK / "store"
LENGTH = 512


def reviews(options):
    import pandas as pd

    return pd.read_csv(options.data_dir / "imdb.csv")["review"].tolist()


def train(options):
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=30_000, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(reviews(options), trainer)
    tokenizer.post_processor = processors.TemplateProcessing("[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)])
    tokenizer.save(str(TOKENIZER))


def twin(options):
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(TOKENIZER))
    tokenizer.enable_truncation(LENGTH)
    texts = reviews(options)
    seconds = {}
    for name in ("encode_batch", "encode_batch_fast"):
        start = time.perf_counter()
        encodings = getattr(tokenizer, name)(texts)
        seconds[name] = time.perf_counter() - start
        tokens = sum(len(encoding) for encoding in encodings)
        del encodings
    print(json.dumps({"seconds": seconds, "tokens": tokens}))


def ours(options):
    from run import Finished

    shutil.rmtree(STORE, ignore_errors=True)
    folders = ["--data-dir", options.data_dir, "--data-dir", WORK]
    run = Finished([options.pipeline, "run", RECIPE, *folders, "--store", STORE, "--json"])
    steps = [line for line in run.lines if line.get("event") == "progress" and line["progress"]["what"] == "step"]
    at = {line["progress"]["phase"]: line["time"] for line in steps}
    return at["write"] - at["fit"], tokens_of(run)


def tokens_of(run):
    """The tokens in the encoded rows that a run has stored."""
    for file in (STORE / "blobs").rglob("*"):
        if file.is_file() and file.stat().st_size > 1_000_000:
            with file.open("rb") as stream:
                size = struct.unpack("<Q", stream.read(8))[0]
                header = stream.read(size) if size < 100_000 else b""
            if b"columns.review.values" in header:
                return json.loads(header)["columns.review.values"]["shape"][0]
    sys.exit("error: the run has stored no tokens")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data-dir", type=Path, required=True, help="where imdb.csv is")
    parser.add_argument("--pipeline", type=Path, help="the binary to measure")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--twin", action="store_true", help="only the other side, with the tokenizer that is there")
    options = parser.parse_args()
    if options.twin:
        return twin(options)

    from run import Finished

    options.pipeline = options.pipeline.resolve()
    os.environ["RAYON_NUM_THREADS"] = str(min(2, os.cpu_count() or 1))
    WORK.mkdir(parents=True, exist_ok=True)
    if not TOKENIZER.exists():
        train(options)
    seconds = {"encode_batch": [], "encode_batch_fast": [], "ours": []}
    for repeat in range(options.repeats):
        theirs = Finished([sys.executable, __file__, "--twin", "--data-dir", options.data_dir]).lines[-1]
        own, tokens = ours(options)
        if tokens != theirs["tokens"]:
            sys.exit(f"error: {theirs['tokens']} tokens there, {tokens} here")
        for name, value in {**theirs["seconds"], "ours": own}.items():
            seconds[name].append(value)
        line = ", ".join(f"{name} {values[-1]:.2f} s" for name, values in seconds.items())
        print(f"  {repeat + 1}/{options.repeats}: {line}", flush=True)
    medians = {name: statistics.median(values) for name, values in seconds.items()}
    for name in ("encode_batch", "encode_batch_fast"):
        print(f"{name}: {medians[name]:.2f} s, ours {medians['ours']:.2f} s, ratio {medians[name] / medians['ours']:.2f}")
    print(f"ours: {tokens / medians['ours'] / 1e6:.2f} million tokens a second")


if __name__ == "__main__":
    main()
