"""Targets: the folders that smearprep writes and reads again (sets, predictions, runs)."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from shapely.geometry import Point

from smearprep import datasets
from smearprep.annotating import Session
from smearprep.assist import assist
from smearprep.checking import check
from smearprep.count_job import count
from smearprep.models.recipes import load_training
from smearprep.models.runs import RUN_FILE, load_weights, read_run, save_weights, write_run
from smearprep.output_folder import EDITS, MANIFEST, journal
from smearprep.predictions import PredictionWriter, read_predictions
from smearprep.prepare import prepare
from smearprep.records import Cell
from tests.fuzz.fuzzing import Target
from tests.models.tiny import Tiny
from tests.sets import EVEN, EVERYTHING, folder_recipe, noise, tree, write_folder

SIZE = (60, 40)

# ---------------------------------------------------------------- prepared sets


def prepared(place: Path) -> tuple[Path, Callable[[], object]]:
    """A prepared set of three images, and the preparation as a function."""
    raw, out = write_folder(place / "raw", images=3), place / "set"

    def again() -> object:
        return prepare(folder_recipe(EVEN), [(None, raw)], out, workers=1)

    again()
    return out, again


def coco_of_a_set(place: Path) -> Target:
    """A COCO file of a set: checked, read as raw data, and as what outlines are made for."""
    out, _ = prepared(place)
    file = out / "annotations" / "instances_train.json"
    (out / MANIFEST).unlink()  # else only its digest would be found

    def try_out(data: bytes) -> str:
        file.write_bytes(data)
        told = sorted({finding.what for finding in check(out).findings})
        datasets.load(out, EVERYTHING, "prepared")
        assist(out, part=True, find=["RBC"], dry_run=True)
        return "; ".join(told)

    return Target([file.read_bytes()], try_out)


def manifest(place: Path) -> Target:
    """A set's manifest: preparing again ends in a message, or in the same set."""
    out, again = prepared(place)
    sound, file = tree(out), out / MANIFEST

    def try_out(data: bytes) -> str:
        file.write_bytes(data)
        told = sorted({finding.what for finding in check(out).findings})
        again()
        assert tree(out) == sound
        return "; ".join(told)

    return Target([file.read_bytes()], try_out)


def notes_of_a_run(place: Path) -> Target:
    """What a killed run has noted: the next one ends in the same set."""
    out, again = prepared(place)
    sound, written = tree(out), json.loads((out / MANIFEST).read_bytes())
    noted = journal(out)
    plan = noted.with_name("plan")
    line = {"key": "k", "source": "folder/i0.png", "sha256": "0", "outputs": written["images"], "error": ""}
    keys = _task_keys(place, out)
    sources = zip(keys, written["inputs"].items(), written["images"].items(), strict=True)
    lines = [
        {**line, "key": key, "source": source, "sha256": digest, "outputs": dict([image])}
        for key, (source, digest), image in sources
    ]

    def try_out(data: bytes) -> str:
        (out / MANIFEST).unlink(missing_ok=True)
        noted.parent.mkdir(exist_ok=True)
        plan.write_text(written["plan"])
        noted.write_bytes(data)
        again()
        assert tree(out) == sound
        return "finished"

    return Target([b"".join(json.dumps(own).encode() + b"\n" for own in lines)], try_out)


def _task_keys(place: Path, out: Path) -> list[str]:
    """The keys under which a run notes its images."""
    from smearprep.planning import plan
    from smearprep.prepare import load_sources
    from smearprep.rendering import tasks

    recipe = folder_recipe(EVEN)
    the_plan = plan(recipe, load_sources(recipe, [(None, place / "raw")]))
    return [task.key for task in tasks(the_plan, recipe.images)]


def edits(place: Path) -> Target:
    """The journal of a set that people edit: it is opened and folded, or refused and left as it was."""
    out, _ = prepared(place)
    with Session(out, now=lambda: "") as session:
        key = next(row["key"] for row in session.overview()["images"])
        first, second = session.image(key)["cells"]
        for number, (cell, value) in enumerate(((first, {**first, "category": "RBC"}), (second, None))):
            state = {"edit": f"e{number}", "revision": session.image(key)["revision"]}
            session.edit(key, {**state, "title": "t", "cells": {str(cell["id"]): value}, "image": {}})
        session.undo(key, "e2", session.image(key)["revision"])
    sound = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    file = out / EDITS

    def try_out(data: bytes) -> str:
        for path, whole in sound.items():
            path.write_bytes(whole)
        file.write_bytes(data)
        with Session(out, now=lambda: "") as opened:
            opened.image(key)
        return "; ".join(sorted({finding.what for finding in check(out).findings}))

    return Target([file.read_bytes()], try_out)


# ---------------------------------------------------------------- predictions


def predicted(part: str, place: Path) -> Target:
    """A file of a prediction folder: read, and counted.

    Args:
        part: Relative to the folder.
        place: An empty folder.
    """
    folder = place / "said"
    mask = np.zeros(SIZE[::-1], np.uint8)
    cv2.circle(mask, (25, 20), 15, 230, -1)
    cell = Cell("RBC", Point(25, 20).buffer(15), "made", {"score": 0.5, "made_by": "x"})
    with PredictionWriter(folder, ["RBC"], "yolact", "12ab", has_edge=True, is_single=True) as writer:
        for n, truth in enumerate(([cell], None)):
            writer.add(f"i{n}", noise(SIZE), mask, mask // 2, [cell], source=f"i{n}.png", truth=truth)
    file, out = folder / part, place / "counts"

    def try_out(data: bytes) -> str:
        file.write_bytes(data)
        cells = [said.cells for said in read_predictions(folder)]
        count(folder, out)
        shutil.rmtree(out)
        return f"{len(cells)} images, {sum(len(own) for own in cells if own)} cells"

    return Target([file.read_bytes()], try_out)


# ---------------------------------------------------------------- runs


def weights(place: Path) -> Target:
    """Weights, into the network that they are of."""
    file, network = place / "best.safetensors", Tiny(("mask",))
    save_weights(file, network)

    def try_out(data: bytes) -> str:
        file.write_bytes(data)
        load_weights(file, network, "tiny")
        return "loaded"

    return Target([file.read_bytes()], try_out)


def run_file(place: Path) -> Target:
    """What a run says of itself."""
    seeds = []
    for name, status in (("white-cells", "finished"), ("yolact-quick", "running")):
        write_run(place, load_training(name), ["WBC"], "12ab", status, {"counts": {"steps": 3}})
        seeds.append((place / RUN_FILE).read_bytes())

    def try_out(data: bytes) -> str:
        (place / RUN_FILE).write_bytes(data)
        run = read_run(place)
        assert run.network.name == run.recipe.network and run.category and run.counting
        return f"{run.network.name} {run.status}"

    return Target(seeds, try_out)
