"""Writes tags.json: the step of each word's first token, as Hugging Face's `word_ids` give it for words that are parted
beforehand.

python tags.py    (tokenizers, transformers; after subwords.py)
"""

import json
import pathlib

from tokenizers import Tokenizer
from transformers import BertTokenizerFast

here = pathlib.Path(__file__).parent
folder = here / "subwords"

texts = [
    "The film, was NOT good!",
    "unaffable unaffordable\thotel",
    "cafe\u0301 naïve 🙂👍🏽 (東京) good",
    "مرحبا the sea שלום",
    "a \0 great [MASK] film",
]


def steps(encode, text):
    words = text.split()
    found = encode(words).word_ids
    return [found.index(word) if word in found else None for word in range(len(words))]


def bert(**options):
    back = BertTokenizerFast(vocab=str(folder / "vocab.txt"))._tokenizer
    back.no_padding()
    if options:
        back.enable_truncation(**options)
    return lambda words: back.encode(words, is_pretokenized=True)


def unigram(words):
    back = Tokenizer.from_file(str(folder / "unigram.json"))
    back.no_padding()
    back.no_truncation()
    return back.encode(words, is_pretokenized=True)


cases = [
    ({"path": "vocab.txt"}, bert()),
    ({"path": "vocab.txt", "length": 6}, bert(max_length=6)),
    ({"path": "unigram.json"}, unigram),
]
rows = [{"step": step, "steps": [steps(encode, text) for text in texts]} for step, encode in cases]
(here / "tags.json").write_text(json.dumps({"texts": texts, "cases": rows}, indent=1) + "\n")
