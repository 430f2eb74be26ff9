"""Which part each row of a source is in, out of the encoded rows that a run of ours has stored."""

import json
import shutil
import struct
import subprocess

import numpy as np

PARTS = ["train", "valid", "test"]


def part_of_rows_by(get, folder):
    """As `part_of_rows`, after the command `get` has filled the folder anew."""
    shutil.rmtree(folder, ignore_errors=True)
    subprocess.run([str(part) for part in get], stdout=subprocess.DEVNULL, check=True)
    return part_of_rows(folder)


def part_of_rows(folder):
    """Row of the source -> part; `folder` is where `pipeline get` put what a preprocess stage made."""
    bytes_ = next(folder.rglob("data.safetensors")).read_bytes()
    size = struct.unpack("<Q", bytes_[:8])[0]
    header = json.loads(bytes_[8 : 8 + size])

    def read(name, kind):
        start, end = (8 + size + at for at in header[name]["data_offsets"])
        return np.frombuffer(bytes_[start:end], kind)

    part, row = read("part", np.uint8), read("row", np.int64)
    parts = np.full(row.max() + 1, "", dtype=object)
    parts[row] = [PARTS[mark] if mark < len(PARTS) else "" for mark in part]
    return parts
