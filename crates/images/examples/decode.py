"""What examples/decode.rs measures, with torchvision: decode.py FOLDER [ROUNDS], on one thread."""

import sys
import time
from pathlib import Path

import torch
from PIL import Image
from torchvision import transforms

torch.set_num_threads(1)
paths = sorted(path for path in Path(sys.argv[1]).rglob("*") if path.is_file())
transform = transforms.Compose([transforms.Resize((224, 224)), transforms.ToTensor()])
for _ in range(int(sys.argv[2]) if len(sys.argv) > 2 else 5):
    start = time.perf_counter()
    total = 0.0
    for path in paths:
        with Image.open(path) as image:
            total += transform(image.convert("RGB")).sum().item()
    seconds = time.perf_counter() - start
    print(f"{len(paths)} pictures, {len(paths) / seconds:.1f} a second, sum {total:.0f}")
