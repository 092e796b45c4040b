"""What tests of whole sets share: a plain raw folder in a moment, a set's bytes, the command line."""

import json
import os
import subprocess
import sys
import sysconfig
from pathlib import Path

import numpy as np
from typer.testing import CliRunner, Result

from smearprep.cli.app import app
from smearprep.datasets.loading import LoadOptions
from smearprep.recipes import Recipe, Source
from smearprep.splitting import Split
from smearprep.synthetic import write_image

SIZE = (60, 40)
LABELS = ("WBC", "RBC")
SQUARE = ((5, 5), (15, 5), (15, 15), (5, 15))
OBJECT = ("command", "output", "counts", "by_category", "by_subset", "findings")
"""The keys that every `--json` object has."""

COMMAND = Path(sysconfig.get_path("scripts")) / "smearprep"

STOP_AT = """
import os, signal, sys
from smearprep.cli import main

name, left = sys.argv.pop(1), int(sys.argv.pop(1))
replace = os.replace


def counted(*arguments, **how):
    global left
    left -= 1
    if left == -1:
        os.kill(os.getpid(), getattr(signal, name))
    return replace(*arguments, **how)


os.replace = counted  # every file of a set comes into being by a rename
signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it in the background
main()
"""
"""Runs the command line, and gets a signal just before the n-th file is renamed to its final name."""


# ---------------------------------------------------------------- raw folders


def noise(size=SIZE, seed=0):
    """(H, W, 3) uint8 noise: no two pixels alike, so that every mistake shows."""
    return np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)


def write_folder(root, images=6, size=SIZE, suffix=".png"):
    """A plain folder of noise images with COCO outlines: in each a square of either label. Returns it."""
    names = [f"i{k}{suffix}" for k in range(images)]
    for k, name in enumerate(names):
        write_image(root / name, noise(size, k))
    write_coco(root / "cells.json", names, size)
    return root


def write_coco(path, names, size=SIZE, outlines=((SQUARE, SQUARE),), labels=LABELS):
    """A COCO file; of `outlines`, entry k has the rings of image k (the last one serves all further ones)."""
    images, annotations = [], []
    for k, name in enumerate(names, 1):
        images.append({"id": k, "file_name": name, "width": size[0], "height": size[1]})
        for n, ring in enumerate(outlines[min(k, len(outlines)) - 1]):
            entry = {"id": len(annotations) + 1, "image_id": k, "category_id": n % len(labels) + 1}
            flat = [value for point in ring for value in point]
            annotations.append({**entry, "segmentation": [flat], "bbox": [0, 0, 0, 0], "iscrowd": 0})
    categories = [{"id": n, "name": label} for n, label in enumerate(labels, 1)]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": categories}))
    return path


def folder_recipe(split=None, **entries):
    """A recipe for one plain folder."""
    shaping = {key: entries.pop(key) for key in ("tile", "pad", "labels", "options") if key in entries}
    return Recipe("test", (Source("folder", **shaping),), unknown="keep", split=split, **entries)


EVEN = Split(ratio=(1, 1, 1))
EVERYTHING = LoadOptions()


# ---------------------------------------------------------------- sets


def tree(folder):
    """All that lies in a folder: relative path -> bytes (None for a folder)."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in sorted(folder.rglob("*"))
    }


def image_stamps(folder):
    """Of each image of a set, what changes when it is written again."""
    return {path: (path.stat().st_ino, path.stat().st_mtime_ns) for path in images_of(folder)}


def images_of(folder):
    """The image files of a set."""
    return sorted(path for path in (folder / "images").rglob("*") if path.is_file())


def coco_files(folder):
    """Subset -> COCO data."""
    return {
        path.stem.removeprefix("instances_"): json.loads(path.read_bytes())
        for path in sorted((folder / "annotations").glob("instances_*.json"))
    }


def edit_json(path, change):
    """Change a JSON file in place: `change` is given its data."""
    data = json.loads(path.read_bytes())
    change(data)
    path.write_text(json.dumps(data))


def kinds(summary):
    """How many findings of each kind."""
    found = [finding.kind for finding in summary.findings]
    return {kind: found.count(kind) for kind in found}


# ---------------------------------------------------------------- the command line


def call(*arguments) -> Result:
    """The command line in this process."""
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def fail(*arguments):
    """A call that ends with status 2 and one clear message, which is returned."""
    result = call(*arguments)
    assert result.exit_code == 2, result.output
    assert result.stdout == ""
    assert "Traceback" not in result.stderr and "fault of smearprep" not in result.stderr
    assert result.stderr.strip()
    return result.stderr


def report(*arguments, status=0):
    """The object that a command prints with `--json`."""
    result = call(*arguments, "--json")
    assert result.exit_code == status, result.output
    data = json.loads(result.stdout)
    assert set(OBJECT) <= set(data) <= {*OBJECT, "tables"}
    return data


def start(*arguments, **how):
    """The command as a process of its own."""
    return subprocess.run(
        [COMMAND, *map(str, arguments)], stdin=subprocess.DEVNULL, capture_output=True, check=False, **how
    )


def stop_at(signal, count, *arguments):
    """Run the command as a process that gets a signal (by name) when it has written `count` files."""
    return subprocess.run(
        [sys.executable, "-c", STOP_AT, signal, str(count), *map(str, arguments)],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        check=False,
        env={**os.environ, "SMEARPREP_DEBUG": ""},
    )
