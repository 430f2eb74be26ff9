"""What Keras' TextVectorization does to a few texts: writes vectorizer.json beside this file."""

import json
import pathlib

import keras

TRAIN = [
    "The cat sat on the mat; the dog didn't!",
    "A dog, a cat, and a bird: don't ask.",
    "cat_food (dry) costs $3.50 -- the cat's own",
    "",
    "... !!! ???",
    "zebra apple zebra apple mango\tmango\nkiwi",
]
TEST = ["The unseen cat sat, and sat, and sat on the mat", "never heard", "", "dont ask the ZEBRA"]

cases = []
for tokens, length in [(None, 8), (10, 8), (10, 3), (3, 12)]:
    layer = keras.layers.TextVectorization(max_tokens=tokens, output_sequence_length=length)
    layer.adapt(TRAIN)
    cases.append(
        {
            "max-tokens": tokens,
            "length": length,
            "vocabulary": layer.get_vocabulary(),
            "rows": layer(TRAIN + TEST).numpy().tolist(),
        }
    )

path = pathlib.Path(__file__).with_suffix(".json")
path.write_text(json.dumps({"version": keras.__version__, "train": TRAIN, "test": TEST, "cases": cases}) + "\n")
