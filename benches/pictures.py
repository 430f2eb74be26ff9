"""What the recipes do with pictures beside PyTorch, torchvision and scikit-learn, on the same files and splits.

Start it through `make pictures DATA=folder WEIGHTS=folder`. The steps, all by default, each a step of theirs then one of ours:

    logits      ResNet-18 with the file's weights, picture by picture
    cats-dogs   ResNet-18's features and logistic regression, over the folds of recipes/resnet18-freeze.toml
    fashion     the same on 900 / 100 pictures of clothes at 224, and 100 epochs of Adam on a linear layer
    lab         the lab's loop: every picture through the frozen backbone in every epoch, at 28 x 28
    decode      JPEG files to levels of 224 x 224

The loop of `lab` is timed for a few epochs and counted as a hundred, for they are all the same; `lab` with ResNet-18 also
trains on its features, which gives the loop's accuracy. Prints one JSON object a line.
"""

import argparse
import csv
import io
import json
import os
import shutil
import struct
import subprocess
import sys
import time
import zipfile
from pathlib import Path

import numpy as np
import torch
import torchvision
from PIL import Image
from safetensors.torch import load_file
from torch import nn
from torchvision.transforms import v2

BENCHES = Path(__file__).resolve().parent
RECIPES = BENCHES.parent / "recipes"
WORK = BENCHES.parent / "target" / "bench-pictures"
MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
PARTS = ["train", "valid", "test"]
CLASSES = 10


class Pipeline:
    """Our side: its runs, their stages' seconds, their peak memory."""

    def __init__(self, options):
        self.options = options

    def __call__(self, verb, recipe, *more):
        folders = [word for folder in self.options.data for word in ("--data-dir", folder)]
        command = [self.options.pipeline, verb, recipe, *more, "--store", WORK / "store", *folders, "--json"]
        start = time.perf_counter()
        run = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True)
        lines = [json.loads(line) for line in run.stdout if line.startswith("{")]
        _, status, usage = os.wait4(run.pid, 0)
        run.returncode = os.waitstatus_to_exitcode(status)
        if run.returncode != 0:
            sys.exit(f"error: this failed with status {run.returncode}: {' '.join(map(str, command))}")
        self.wall = time.perf_counter() - start
        self.megabytes = usage.ru_maxrss * 1024 / 1e6
        self.seconds = {line["stage"]: line["seconds"] for line in lines if line.get("event") == "stage-done"}
        return lines

    def output(self, recipe, stage, file, *sets):
        """A file of a stage that ran."""
        folder = WORK / "got"
        shutil.rmtree(folder, ignore_errors=True)
        self("get", recipe, stage, folder, *sets)
        return next(folder.rglob(file))

    def split(self, recipe, stage, *sets):
        """Part by row of the source, as the encoded rows have it."""
        tensors = safetensors(self.output(recipe, stage, "data.safetensors", *sets))
        parts = {}
        for row, mark in zip(tensors["row"].tolist(), tensors["part"].tolist()):
            parts[row] = PARTS[mark] if mark < len(PARTS) else ""
        return parts


def safetensors(path):
    """Tensors by name, without the types that this file has no use for."""
    bytes_ = path.read_bytes()
    size = struct.unpack("<Q", bytes_[:8])[0]
    kinds = {"F32": np.float32, "I64": np.int64, "U8": np.uint8}
    found = {}
    for name, entry in json.loads(bytes_[8 : 8 + size]).items():
        if entry.get("dtype") in kinds:
            start, end = (8 + size + at for at in entry["data_offsets"])
            found[name] = np.frombuffer(bytes_[start:end], kinds[entry["dtype"]]).reshape(entry["shape"])
    return found


def file_of(options, name):
    found = [Path(folder) / name for folder in options.data if (Path(folder) / name).exists()]
    return found[0] if found else sys.exit(f"error: there is no {name} in {' or '.join(map(str, options.data))}")


def resnet18(options):
    model = torchvision.models.resnet18()
    weights = load_file(file_of(options, "resnet18-imagenet.safetensors"))
    wrong = model.load_state_dict(weights, strict=False)
    assert not wrong.unexpected_keys and all("num_batches" in key for key in wrong.missing_keys)
    return model.eval()


def without_head(model):
    model.fc = nn.Identity()
    return model


def chain(resize, crop=None):
    steps = [v2.Resize(resize), *([v2.CenterCrop(crop)] if crop else [])]
    steps += [v2.Grayscale(3) if crop is None else v2.RGB(), v2.ToImage(), v2.ToDtype(torch.float32, scale=True)]
    return v2.Compose([*steps, v2.Normalize(MEAN, STD)])


@torch.inference_mode()
def outputs(model, pictures, transform, size=32):
    found = []
    for start in range(0, len(pictures), size):
        batch = torch.stack([transform(picture) for picture in pictures[start : start + size]])
        found.append(model(batch))
    return torch.cat(found)


def tell(step, **numbers):
    short = {key: float(f"{value:.4g}") if isinstance(value, float) else value for key, value in numbers.items()}
    print(json.dumps({"step": step, **short}), flush=True)


def clothes(options):
    """Pictures and labels of the table of pixels."""
    with open(file_of(options, "fashion-mnist-1000.csv")) as file:
        lines = csv.reader(file)
        header = next(lines)
        label = header.index("y")
        rows = [list(map(int, line)) for line in lines]
    pixels = np.array([[*row[:label], *row[label + 1 :]] for row in rows], np.uint8).reshape(-1, 28, 28)
    return [Image.fromarray(picture) for picture in pixels], np.array([row[label] for row in rows])


def logits(options, ours):
    recipe = WORK / "logits.toml"
    text = (RECIPES / "predict-image.toml").read_text()
    more = '[stages.logits]\nkind = "extract-features"\nnetwork = "resnet"\ndata = "views"\n'
    recipe.write_text(f"{text}\n{more}")
    ours("run", recipe, "--only", "logits")
    own = safetensors(ours.output(recipe, "logits", "features.safetensors"))["features"]
    names = sorted(path.name for path in file_of(options, "pictures").iterdir())
    pictures = [Image.open(file_of(options, "pictures") / name).convert("RGB") for name in names]
    theirs = outputs(resnet18(options), pictures, chain(256, 224)).numpy()
    scale = np.abs(theirs).max(axis=1)
    apart = np.abs(own - theirs).max(axis=1) / scale
    for name, off, one, other in zip(names, apart, own, theirs):
        top = [list(map(int, np.argsort(-row)[:5])) for row in (one, other)]
        tell("logits", picture=name, apart=float(off), same_top_5=top[0] == top[1])
    same = int((own.argmax(1) == theirs.argmax(1)).sum())
    tell("logits", pictures=len(names), most_apart=float(apart.max()), same_class=same)


def cats_dogs(options, ours):
    from sklearn.linear_model import LogisticRegression

    with zipfile.ZipFile(file_of(options, "cats-dogs.zip")) as archive:
        names = sorted(name for name in archive.namelist() if name.endswith(".jpg"))
        pictures = [Image.open(io.BytesIO(archive.read(name))).convert("RGB") for name in names]
    label = np.array(["cat." in name for name in names])
    start = time.perf_counter()
    features = outputs(without_head(resnet18(options)), pictures, chain(224, 224)).numpy()
    pass_ = time.perf_counter() - start
    recipe = RECIPES / "resnet18-freeze.toml"
    ours("run", recipe, "--force")
    wall, found = ours.wall, []
    for fold in range(5):
        parts = ours.split(recipe, f"pictures@fold={fold}")
        mask = np.array([parts[row] == "test" for row in range(len(names))])
        fit = LogisticRegression(max_iter=5000).fit(features[~mask], label[~mask])
        theirs = fit.score(features[mask], label[mask])
        # A run shows what the store has.
        shown = json.loads(ours.output(recipe, f"test@fold={fold}", "metrics.json").read_text())
        found.append((theirs, accuracy(shown)))
        tell("cats-dogs", fold=fold, logistic_regression=theirs, ours=found[-1][1])
    theirs, own = (float(np.mean(side)) for side in zip(*found))
    tell("cats-dogs", logistic_regression=theirs, ours=own, torch_features_seconds=pass_, our_seconds=wall)


def accuracy(document):
    """The first accuracy in a document of metrics."""
    if isinstance(document, dict):
        if isinstance(document.get("accuracy"), (int, float)):
            return document["accuracy"]
        document = list(document.values())
    for part in document if isinstance(document, list) else []:
        found = accuracy(part)
        if found is not None:
            return found
    return None


def linear_layer(features, label, seen, checked, epochs=100, seed=5):
    """The lab's head on features: Adam at 0.1, batches of 64. Accuracy after the last epoch, and seconds."""
    torch.manual_seed(seed)
    features, label = torch.as_tensor(features), torch.as_tensor(label)
    head = nn.Linear(features.shape[1], CLASSES)
    optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
    start = time.perf_counter()
    for _ in range(epochs):
        for rows in seen[torch.randperm(len(seen))].split(64):
            optimizer.zero_grad()
            nn.functional.cross_entropy(head(features[rows]), label[rows]).backward()
            optimizer.step()
    seconds = time.perf_counter() - start
    with torch.inference_mode():
        right = (head(features[checked]).argmax(1) == label[checked]).float().mean()
    return float(right), seconds


def sides(parts):
    rows = lambda wanted: torch.tensor([row for row in sorted(parts) if parts[row] == wanted])
    return rows("train"), rows("valid")


def fashion(options, ours):
    from sklearn.linear_model import LogisticRegression

    recipe = RECIPES / "fashion-lab.toml"
    ours("run", recipe, "--only", "test-head", "--force", "pictures,head.frozen,head")
    own = accuracy(json.loads(ours.output(recipe, "test-head", "metrics.json").read_text()))
    wall = ours.wall
    seen, checked = sides(ours.split(recipe, "pictures"))
    pictures, label = clothes(options)
    start = time.perf_counter()
    features = outputs(without_head(resnet18(options)), pictures, chain([224, 224])).numpy()
    pass_ = time.perf_counter() - start
    fit = LogisticRegression(max_iter=5000).fit(features[seen], label[seen])
    regression = fit.score(features[checked], label[checked])
    adam = [linear_layer(features, label, seen, checked, seed=seed)[0] for seed in range(5)]
    tell(
        "fashion", ours=own, our_seconds=wall, logistic_regression=regression,
        torch_adam=[round(value, 2) for value in adam], torch_features_seconds=pass_,
    )


def lab(options, ours):
    recipe = BENCHES / "lab.toml"
    pictures, label = clothes(options)
    for name in ("efficientnet_b0", "resnet18"):
        sets = ["--set", f"vars.backbone={name}"]
        if name == "resnet18":
            taken = {"path": "resnet18-imagenet.safetensors", "draw": "^head[.]", "ignore": "^fc[.]"}
            sets += [word for key, value in taken.items() for word in ("--set", f'stages.start.{key}="{value}"')]
        ours("run", recipe, "--force", *sets)
        first, stages = ours.wall, ours.seconds
        ours("run", recipe, "--force", "head", *sets)
        again = ours.wall
        history = json.loads(ours.output(recipe, "head", "history.json", *sets).read_text())
        own = history["epochs"][-1]["metrics"]["valid"]["accuracy"]
        parts = ours.split(recipe, "pictures", *sets)
        seen, checked = sides(parts)
        model = without_head(resnet18(options)) if name == "resnet18" else torchvision.models.efficientnet_b0()
        if name != "resnet18":
            model.classifier = nn.Identity()
        model.eval().requires_grad_(False)
        transform = chain([28, 28])
        with torch.no_grad():
            width = model(transform(pictures[0])[None]).shape[1]
        head = nn.Linear(width, CLASSES)
        optimizer = torch.optim.Adam(head.parameters(), lr=0.1)
        batch = torch.stack([transform(picture) for picture in pictures])
        times = []
        for _ in range(options.epochs):
            start = time.perf_counter()
            for rows in seen[torch.randperm(len(seen))].split(64):
                optimizer.zero_grad()
                loss = nn.functional.cross_entropy(head(model(batch[rows])), torch.as_tensor(label)[rows])
                loss.backward()
                optimizer.step()
            times.append(time.perf_counter() - start)
        epoch = float(np.median(times))
        features = outputs(model, pictures, transform).numpy()
        theirs = [linear_layer(features, label, seen, checked, seed=seed)[0] for seed in range(5)]
        tell(
            "lab", backbone=name, torch_epoch_seconds=epoch, torch_hundred_seconds=100 * epoch, our_seconds=first,
            times=100 * epoch / first, our_seconds_with_features=again, frozen=stages["head.frozen"],
            head=stages["head"], ours=own, torch_accuracy=[round(value, 2) for value in theirs],
        )


class Files(torch.utils.data.Dataset):
    """JPEG files to levels of 224 x 224."""

    transform = v2.Compose([v2.Resize(224), v2.CenterCrop(224), v2.PILToTensor()])

    def __init__(self, paths):
        self.paths = paths

    def __len__(self):
        return len(self.paths)

    def __getitem__(self, at):
        return self.transform(Image.open(self.paths[at]).convert("RGB"))


def decode(options, ours):
    folder = WORK / "many"
    shutil.rmtree(folder, ignore_errors=True)
    source = sorted(file_of(options, "pictures").iterdir())
    for copy in range(options.copies):
        (folder / str(copy % 2)).mkdir(parents=True, exist_ok=True)
        for path in source:
            shutil.copy(path, folder / str(copy % 2) / f"{copy}-{path.name}")
    recipe = WORK / "decode.toml"
    recipe.write_text(
        '[data.many]\npath = "many"\nformat = "pictures"\n[stages.views]\nkind = "preprocess"\ndata = "many"\n'
        'columns.image = [{ resize = 224 }, { center-crop = 224 }, "rgb"]\n'
    )
    paths = sorted(folder.rglob("*.jpg"))
    found = []
    for _ in range(options.repeats):
        workers = os.cpu_count() or 1
        start = time.perf_counter()
        for _ in torch.utils.data.DataLoader(Files(paths), batch_size=32, num_workers=workers):
            pass
        theirs = time.perf_counter() - start
        ours("run", recipe, "--force")
        found.append((theirs, ours.seconds["views"], ours.megabytes))
    theirs, own, megabytes = (float(np.median(side)) for side in zip(*found))
    count = len(paths)
    tell(
        "decode", files=count, torchvision_per_second=count / theirs, ours_per_second=count / own,
        ours_to_theirs=theirs / own, our_peak_megabytes=megabytes,
    )


STEPS = {"logits": logits, "cats-dogs": cats_dogs, "fashion": fashion, "lab": lab, "decode": decode}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--data", type=Path, required=True, nargs="+", help="folders of the files")
    parser.add_argument("--pipeline", type=Path, required=True, help="the binary to measure")
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--epochs", type=int, default=3, help="epochs of the lab's loop that are timed")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--copies", type=int, default=20, help="copies of each picture that are decoded")
    options = parser.parse_args()
    options.pipeline = options.pipeline.resolve()
    torch.set_num_threads(options.threads)
    WORK.mkdir(parents=True, exist_ok=True)
    for step in options.steps:
        STEPS[step](options, Pipeline(options))


if __name__ == "__main__":
    main()
