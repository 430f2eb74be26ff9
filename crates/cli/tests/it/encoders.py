"""Writes encoders/: folders of small random models as `transformers` saves them, and what they compute. Run with
transformers 5 and PyTorch 2.11.

Each folder has config.json, model.safetensors or pytorch_model.bin, and vocab.txt; reference.json has the hidden states
of padded rows, pooled vectors and logits.
"""

import json
import shutil
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from transformers import (
    BertConfig, BertForMaskedLM, BertForSequenceClassification, DistilBertConfig,
    DistilBertForSequenceClassification, RobertaConfig, RobertaForSequenceClassification,
)

HERE = Path(__file__).with_name("encoders")
VOCABULARY = 60
SIZES = dict(hidden_size=16, num_hidden_layers=2, num_attention_heads=2, intermediate_size=24, vocab_size=VOCABULARY)


def flat(tensor):
    return {"shape": list(tensor.shape), "values": [float(f"{v:.7g}") for v in tensor.detach().flatten().tolist()]}


def models():
    """Names, models that are saved, and the class of the model whose prefix the file has."""
    torch.manual_seed(5)
    # num_labels = 3 writes the classes' names
    yield "bert", BertForSequenceClassification(BertConfig(**SIZES, max_position_embeddings=128, num_labels=3))
    yield "distilbert", DistilBertForSequenceClassification(DistilBertConfig(
        dim=16, n_layers=2, n_heads=2, hidden_dim=24, vocab_size=VOCABULARY, max_position_embeddings=12, num_labels=3))
    yield "roberta", RobertaForSequenceClassification(RobertaConfig(
        **SIZES, max_position_embeddings=14, type_vocab_size=1, num_labels=3, hidden_act="gelu_new", layer_norm_eps=1e-5))
    # a model of masked words has a head of its own and no pooler; old files call norms' parameters gamma and beta
    yield "masked", BertForMaskedLM(BertConfig(
        **SIZES, max_position_embeddings=12, hidden_act="relu"))


def scattered(model):
    """Parameters far from what they start as, so that each of them matters."""
    for name, value in model.named_parameters():
        with torch.no_grad():
            value.add_(torch.randn_like(value) * (0.3 if value.dim() > 1 else 0.1))
    return model.eval()


def main():
    shutil.rmtree(HERE, ignore_errors=True)
    # [CLS] text [SEP], and one row of two parts; padded to the longest
    lengths = [9, 4, 6]
    ids = torch.randint(5, VOCABULARY, (3, 9))
    ids[:, 0] = 2
    for row, length in enumerate(lengths):
        ids[row, length - 1] = 3
        ids[row, length:] = 0
    ids[0, 4] = 3
    mask = (torch.arange(9) < torch.tensor(lengths)[:, None]).long()
    parts = ((ids == 3).cumsum(1) - (ids == 3).long()).clamp(max=1)
    found = {"ids": ids.tolist(), "lengths": lengths, "models": {}}
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"] + [f"w{number}" for number in range(5, VOCABULARY)]
    for name, model in models():
        scattered(model)
        folder = HERE / name
        model.save_pretrained(folder)
        (folder / "generation_config.json").unlink(missing_ok=True)
        (folder / "vocab.txt").write_text("\n".join(words) + "\n")
        inputs = dict(input_ids=ids, attention_mask=mask)
        if name in ("bert", "masked"):
            inputs["token_type_ids"] = parts
        if name == "roberta":
            # its padding is token 1
            inputs["input_ids"] = torch.where(mask == 1, ids, 1)
        with torch.no_grad():
            states = model.base_model(**inputs).last_hidden_state
            case = {"states": flat(states), "mean": flat((states * mask[..., None]).sum(1) / mask.sum(1, keepdim=True))}
            if name != "masked":
                case["logits"] = flat(model(**inputs).logits)
            if name == "bert":
                case["pooled"] = flat(model.base_model(**inputs).pooler_output)
        found["models"][name] = case
    tensors = load_file(HERE / "masked" / "model.safetensors")
    renamed = {}
    for key, value in tensors.items():
        if "LayerNorm" in key:
            key = key.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
        renamed[key] = value
    (HERE / "masked" / "model.safetensors").unlink()
    torch.save(renamed, HERE / "masked" / "pytorch_model.bin")
    (HERE / "reference.json").write_text(json.dumps(found, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    main()
