"""Makes `vectors/` and `vectors.json` beside this file: small files of word vectors as gensim 4 writes them, and what
gensim reads from them. Run with gensim installed: python vectors.py"""

import gzip
import json
import pathlib

import numpy as np
from gensim.models import FastText, KeyedVectors
from gensim.models.fasttext import load_facebook_model, save_facebook_model

folder = pathlib.Path(__file__).parent / "vectors"
folder.mkdir(exist_ok=True)
words = ["the", "great", "café", "hotel", "日本", "12", "don't"]
rng = np.random.default_rng(5)
table = KeyedVectors(3)
table.add_vectors(words, rng.normal(size=(len(words), 3)).astype(np.float32))
table.save_word2vec_format(folder / "word2vec.txt", binary=False)
table.save_word2vec_format(folder / "word2vec.bin", binary=True)
lines = (folder / "word2vec.txt").read_text().splitlines(keepends=True)[1:]
(folder / "glove.txt").write_text("".join(lines) + "at name . 0.25 -1e-3 2\n")
with gzip.GzipFile(folder / "glove.txt.gz", "wb", mtime=0) as file:
    file.write((folder / "glove.txt").read_bytes())

sentences = [["the", "great", "hotel", "café"], ["the", "bad", "hotel", "日本", "don't"]] * 20
model = FastText(sentences, vector_size=4, bucket=40, min_n=2, max_n=4, min_count=1, epochs=2, seed=3, workers=1)
save_facebook_model(model, str(folder / "fasttext.bin"))
model = load_facebook_model(str(folder / "fasttext.bin"))
asked = ["the", "great", "hotels", "日本語", "don't", "zzz"]

read = lambda file, binary: KeyedVectors.load_word2vec_format(folder / file, binary=binary)
values = {
    "words": words,
    "word2vec.txt": [read("word2vec.txt", False)[word].tolist() for word in words],
    "word2vec.bin": [read("word2vec.bin", True)[word].tolist() for word in words],
    "asked": asked,
    "known": [word in model.wv.key_to_index for word in asked],
    "fasttext.bin": [model.wv[word].tolist() for word in asked],
}
(folder.parent / "vectors.json").write_text(json.dumps(values))
