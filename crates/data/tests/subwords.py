"""Writes subwords/ and subwords.json: small tokenizers, and what Hugging Face's own code makes of some texts.

python subwords.py    (transformers, tokenizers)
"""

import json
import pathlib

from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers
from transformers import BertTokenizerFast, GPT2TokenizerFast, RobertaTokenizerFast

here = pathlib.Path(__file__).parent
folder = here / "subwords"
folder.mkdir(exist_ok=True)

corpus = ["the film was not good, but the music was", "a great hotel near the sea", "unaffable and unaffordable"] * 3

word_piece = "[PAD] [UNK] [CLS] [SEP] [MASK] , . ! ' the film was not good a great hotel un ##aff ##able ##ord sea cafe 東 京".split()
(folder / "vocab.txt").write_text("\n".join(word_piece) + "\n")

bpe = Tokenizer(models.BPE())
bpe.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
special = ["<s>", "<pad>", "</s>", "<unk>", "<mask>"]
bpe.train_from_iterator(corpus, trainers.BpeTrainer(
    vocab_size=300, special_tokens=special, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False))
bpe.model.save(str(folder))
vocabulary = json.loads((folder / "vocab.json").read_text())

unigram = Tokenizer(models.Unigram())
unigram.normalizer = normalizers.NFKC()
unigram.pre_tokenizer = pre_tokenizers.Metaspace()
unigram.train_from_iterator(corpus, trainers.UnigramTrainer(
    vocab_size=60, special_tokens=["<pad>", "</s>", "<unk>"], unk_token="<unk>", show_progress=False))
unigram.post_processor = processors.TemplateProcessing(
    single="$A </s>", pair="$A </s> $B </s>", special_tokens=[("</s>", unigram.token_to_id("</s>"))])
unigram.enable_padding(pad_id=0, pad_token="<pad>", length=64)
unigram.enable_truncation(4)
unigram.save(str(folder / "unigram.json"))
unigram.no_padding()
unigram.no_truncation()

texts = [
    "The film was NOT good!",
    "unaffable, unaffordable hotel near the sea",
    "",
    "   ",
    "Café naïve cafe\u0301 東京",
    "🙂👍🏽 good 🙂",
    "مرحبا the sea שלום",
    "nul \0 byte\tand\nlines",
    "<s> [SEP] </s> [MASK]",
    "a" * 120,
]


def rows(encode):
    out = []
    for text in texts:
        encoding = encode(text)
        out.append({"ids": encoding.ids, "tokens": encoding.tokens, "offsets": encoding.offsets,
                    "words": encoding.word_ids})
    return out


def fast(tokenizer, **options):
    def encode(text):
        back = tokenizer._tokenizer
        back.no_padding()
        if "length" in options:
            back.enable_truncation(options["length"])
        else:
            back.no_truncation()
        return back.encode(text, add_special_tokens=options.get("special", True))

    return encode


files = {"vocab_file": str(folder / "vocab.json"), "merges_file": str(folder / "merges.txt")}
plain = {token: index for token, index in vocabulary.items() if token not in special}
plain = {token: index for index, token in enumerate(plain)}
plain["<|endoftext|>"] = len(plain)
(folder / "gpt2.json").write_text(json.dumps(plain, ensure_ascii=False))
bert = BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), vocab=str(folder / "vocab.txt"))
cased = BertTokenizerFast(vocab_file=str(folder / "vocab.txt"), vocab=str(folder / "vocab.txt"), do_lower_case=False)
cases = [
    ("word-piece", {"path": "vocab.txt"}, fast(bert), 0),
    ("cased", {"path": "vocab.txt", "lowercase": False}, fast(cased), 0),
    ("cut", {"path": "vocab.txt", "length": 5}, fast(bert, length=5), 0),
    ("bare", {"path": "vocab.txt", "special-tokens": False, "length": 3}, fast(bert, special=False, length=3), 0),
    ("roberta", {"path": "vocab.json", "merges": "merges.txt"},
     fast(RobertaTokenizerFast(**files, vocab=files["vocab_file"], merges=files["merges_file"])), 1),
    ("gpt2", {"path": "gpt2.json", "merges": "merges.txt"},
     fast(GPT2TokenizerFast(vocab_file=str(folder / "gpt2.json"), merges_file=files["merges_file"],
                            vocab=str(folder / "gpt2.json"), merges=files["merges_file"])), 0),
    ("unigram", {"path": "unigram.json"}, unigram.encode, 0),
]
out = {"texts": texts, "cases": [
    {"name": name, "step": step, "pad": pad, "rows": rows(encode)} for name, step, encode, pad in cases]}
(here / "subwords.json").write_text(json.dumps(out, ensure_ascii=False))
