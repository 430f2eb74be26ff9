"""Writes tagging/: a small random BERT with a head for tags as `transformers` saves it, tagged sentences, and what
transformers and seqeval make of them. Run with transformers 5, PyTorch 2.11 and seqeval 1.2.2.
"""

import json
import random
import shutil
from pathlib import Path

import torch
from seqeval.metrics import accuracy_score, f1_score, precision_score, recall_score
from transformers import BertConfig, BertForTokenClassification, BertTokenizerFast

HERE = Path(__file__).with_name("tagging")
# As models have them, which is not the order of a label: that sorts tags by their bytes.
TAGS = ["O", "B-PER", "I-PER", "B-LOC", "I-LOC"]
WORDS = "[PAD] [UNK] [CLS] [SEP] [MASK] . , ' u s anna omar ##r new york pa ##ris won un ##do ##able the in d cafe".split()
TEXTS = ["Anna won in the U.S. .", "Omar in New York , undoable", "Parisr won the Café d'Anna 👍🏽", "the U.S.", "Omarr Anna"]


def tokenized(tokenizer, text, length):
    found = tokenizer(text.split(), is_split_into_words=True, truncation=True, max_length=length, return_tensors="pt")
    words = found.word_ids()
    first = [words.index(word) if word in words else None for word in range(len(text.split()))]
    return found, first


def measured(model, tokenizer, texts, tags, length):
    """The mean loss over all words, and what is chosen for each: `O` where a text is cut before it."""
    logits, labels, chosen = [], [], []
    for text, own in zip(texts, tags):
        found, first = tokenized(tokenizer, text, length)
        labelled = torch.full(found["input_ids"].shape, -100)
        for word, step in enumerate(first):
            if step is not None:
                labelled[0, step] = TAGS.index(own[word])
        with torch.no_grad():
            logits.append(model(**found).logits[0])
        labels.append(labelled[0])
        best = logits[-1].argmax(1)
        chosen.append(["O" if step is None else TAGS[best[step]] for step in first])
    loss = torch.nn.functional.cross_entropy(torch.cat(logits), torch.cat(labels), ignore_index=-100)
    scores = {"accuracy": accuracy_score, "f1": f1_score, "precision": precision_score, "recall": recall_score}
    values = {name: float(score(tags, chosen)) for name, score in scores.items()}
    return {"length": length, "values": {"loss": loss.item(), **values}, "chosen": [" ".join(own) for own in chosen]}


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    HERE.mkdir()
    (HERE / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    torch.set_num_threads(1)
    torch.manual_seed(4)
    draw = random.Random(8)
    model = BertForTokenClassification(BertConfig(
        vocab_size=len(WORDS), hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12,
        max_position_embeddings=24, id2label=dict(enumerate(TAGS)), label2id={tag: at for at, tag in enumerate(TAGS)}))
    for name, value in model.named_parameters():
        # Words matter more than what all of them have in common.
        size = 2.0 if name.endswith(("word_embeddings.weight", "classifier.weight")) else 0.1
        with torch.no_grad():
            value.add_(torch.randn_like(value) * size)
    model.eval().save_pretrained(HERE)
    tokenizer = BertTokenizerFast(vocab=str(HERE / "vocab.txt"))
    # What is true is what the model says, but for some words.
    whole = measured(model, tokenizer, TEXTS, [["O"] * len(text.split()) for text in TEXTS], 24)
    tags = [[draw.choice(TAGS) if draw.random() < 0.3 else tag for tag in own.split()] for own in whole["chosen"]]
    cases = [measured(model, tokenizer, TEXTS, tags, length) for length in (24, 7)]
    # Classes come from training rows, and what is measured is not among those.
    rows = [{"text": "a b c d e", "tags": " ".join(TAGS), "part": "train"}]
    rows += [{"text": text, "tags": " ".join(own), "part": "test"} for text, own in zip(TEXTS, tags)]
    (HERE / "rows.jsonl").write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows))
    (HERE / "reference.json").write_text(json.dumps(cases, indent=1) + "\n")


if __name__ == "__main__":
    main()
