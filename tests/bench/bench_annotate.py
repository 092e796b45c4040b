"""The page in a browser: how fluid it is with many outlines, and what a reviewed image costs.

    SMEARPREP_DATA=... SMEARPREP_BROWSER=chromium python -m tests.bench.bench_annotate [--session]

Without `--session`: the times between the frames that Chromium shows, without a window and without a graphics
card, while something is dragged over a photograph of 2592x1944 px with 2,000 outlines of 60 points. With it:
20 images of BCCD are brought from boxes to reviewed outlines by a script that does what a user would, without
the time a user thinks: outlines are made of all boxes; a cell of which none is made is drawn freehand, an
ellipse in its box; then the cells are accepted, all at once or one by one. Clicks count a press of the mouse,
keys a key with what is held beside it.
"""

from __future__ import annotations

import argparse
import json
import math
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from playwright.sync_api import Browser

from smearprep.prepare import prepare
from smearprep.recipes import Recipe, Source
from tests.bench.measuring import store
from tests.browser.chromium import launched
from tests.browser.seat import Seat, seated
from tests.browser.small_set import PHOTOGRAPH, circle
from tests.sets import folder_recipe

Row = dict[str, object]
SIZE = (2592, 1944)
OUTLINES, POINTS, COLUMNS = 2000, 60, 52
FRAMES = 200
WANTED_MS = 20
IMAGES = 20
MOST_CLICKS = 10

MOVES = """([x, y, count, button, isWheel]) => new Promise((done) => {
  const stage = document.getElementById("stage");
  stage.setPointerCapture = () => {};  // of a pointer that is none
  const at = (n) => ({ clientX: x + 30 * Math.sin(n / 9), clientY: y + 20 * Math.sin(n / 7) });
  const event = { bubbles: true, cancelable: true, pointerId: 1, pointerType: "mouse", button };
  const send = (kind, n) => stage.dispatchEvent(new PointerEvent(kind, { ...event, ...at(n) }));
  const deltaY = (n) => (n < count / 2 ? -15 : 15);
  const turn = (n) => stage.dispatchEvent(new WheelEvent("wheel", { ...event, ...at(0), deltaY: deltaY(n) }));
  const times = [];
  let [n, last] = [0, null];
  const frame = (now) => {
    if (last !== null) times.push(now - last);
    last = now;
    if (n === count) { if (!isWheel) send("pointerup", n); return done(times); }
    n += 1;
    if (isWheel) turn(n); else send("pointermove", n);
    requestAnimationFrame(frame);
  };
  if (!isWheel) send("pointerdown", 0);
  requestAnimationFrame(frame);
})"""
"""Moves the pointer, or turns the wheel, once a frame; tells the times between frames, ms."""


# ---------------------------------------------------------------- frames


def dense_set(raw: Path, place: Path) -> Path:
    """A prepared set of one photograph with outlines all over it."""
    pictures = place / "raw"
    pictures.mkdir(parents=True)
    (pictures / "smear.jpg").symlink_to(raw / PHOTOGRAPH)
    step = SIZE[0] / COLUMNS
    rings = [
        circle((n % COLUMNS + 0.5) * step, (n // COLUMNS + 0.5) * step, 0.42 * step, POINTS)
        for n in range(OUTLINES)
    ]
    cells = [
        {"id": n, "image_id": 1, "category_id": n % 3 + 1, "segmentation": [ring], "outline": "made",
         "score": 0.5, "made_by": "bench", "iscrowd": 0, "bbox": [0, 0, 0, 0]}
        for n, ring in enumerate(rings, 1)
    ]  # fmt: skip
    coco = {
        "images": [{"id": 1, "file_name": "smear.jpg", "width": SIZE[0], "height": SIZE[1]}],
        "categories": [{"id": n, "name": name} for n, name in enumerate(("RBC", "WBC", "Platelets"), 1)],
        "annotations": cells,
    }
    (pictures / "cells.json").write_text(json.dumps(coco))
    prepare(folder_recipe(), [(None, pictures)], place / "set")
    return place / "set"


def frame_rows(browser: Browser, raw: Path, place: Path) -> list[Row]:
    """Frame times of a drag of a cell and of a vertex, of moving the picture and of zooming."""
    folder = dense_set(raw, place / "dense")
    step = SIZE[0] / COLUMNS
    middle = (26.5 * step, 18.5 * step)  # of a cell
    with seated(browser, folder, viewport={"width": 1400, "height": 900}) as seat:
        assert seat.of_stage("cells") == str(OUTLINES)
        seat.click(*middle)
        seat.rests()
        rows = [frames(seat, "a cell is dragged", middle)]
        seat.press("Control+z")
        seat.rests(revision=2)
        rows.append(frames(seat, "a vertex is dragged", (middle[0] + 0.42 * step, middle[1])))
        seat.press("Control+z", "Escape")
        seat.rests(revision=4)
        rows.append(frames(seat, "the whole picture is moved", middle, button=1))
        rows.append(frames(seat, "zooming by the wheel", middle, is_wheel=True))
    return rows


def frames(seat: Seat, job: str, place: tuple[float, float], button: int = 0, is_wheel: bool = False) -> Row:
    """The times between frames, ms, while the pointer moves about a place of the image."""
    revision = int(seat.of_stage("revision"))
    times = sorted(seat.page.evaluate(MOVES, [*seat.at(*place), FRAMES, button, is_wheel]))
    seat.rests(revision + (button == 0 and not is_wheel))
    named = {"median": statistics.median(times), "9 of 10 within": times[int(0.9 * len(times))]}
    told = {name: f"{value:.1f} ms" for name, value in named.items()}
    return {
        "job": job,
        "outlines": OUTLINES,
        **told,
        "slowest": f"{times[-1]:.1f} ms",
        "wanted": f"median < {WANTED_MS} ms",
    }


# ---------------------------------------------------------------- a session


def boxes_set(raw: Path, place: Path) -> Path:
    """A prepared set of the first images of BCCD, whole, with their boxes."""
    stems = sorted(path.stem for path in (raw / "BCCD/JPEGImages").glob("*.jpg"))[:IMAGES]
    for stem in stems:
        for name in (f"JPEGImages/{stem}.jpg", f"Annotations/{stem}.xml"):
            (place / "BCCD" / name).parent.mkdir(parents=True, exist_ok=True)
            (place / "BCCD" / name).symlink_to(raw / "BCCD" / name)
    prepare(Recipe("session", (Source("bccd"),), unknown="keep"), [(None, place / "BCCD")], place / "boxes")
    return place / "boxes"


class User:
    """Does what a user does, and counts it."""

    def __init__(self, seat: Seat) -> None:
        self.seat = seat
        self.clicks = self.keys = self.drawn = 0

    def press(self, *keys: str) -> None:
        """Keys, one after the other."""
        self.keys += len(keys)
        self.seat.press(*keys)

    def outline(self, key: str) -> None:
        """Has outlines made of all boxes, and draws those that cannot be made."""
        categories = self.seat.overview()["categories"]
        self.press("Shift+O")
        self.seat.shows("said", "outlined.")
        self.seat.rests()
        for cell in self.seat.cells(key).values():
            if cell["outline"] != "box":
                continue
            self.press("d", str(categories.index(cell["category"]) + 1))
            self.seat.drag(*ellipse(cell["box"]))
            self.clicks += 1
            self.press("Escape", "Escape")  # the tool, and what was drawn
            self.remove(cell)
            self.drawn += 1
            self.seat.rests()

    def remove(self, cell: dict[str, Any]) -> None:
        """Deletes a box: clicks into its corner, where cells overlap more than once, until it is selected."""
        for _ in range(MOST_CLICKS):
            self.seat.click(cell["box"][0] + 1, cell["box"][1] + 1)
            self.clicks += 1
            if self.seat.of_stage("selected") == str(cell["id"]):
                return self.press("Delete")
        raise RuntimeError(f"the box {cell['box']} cannot be selected")

    def accept(self, key: str, one_by_one: bool) -> None:
        """Accepts the cells, and goes on to the next image."""
        open_cells = sum(c["outline"] != "drawn" and not c["accepted"] for c in self.seat.cells(key).values())
        self.press(*(["j", *["a"] * open_cells] if one_by_one else ["Shift+A"]))
        self.press("Enter")


def ellipse(box: Sequence[float]) -> list[tuple[float, float]]:
    """Points of the ellipse in a box [x, y, w, h]."""
    x, y, w, h = box
    turns = [2 * math.pi * k / 24 for k in range(25)]
    return [(x + w / 2 * (1 + math.cos(t)), y + h / 2 * (1 + math.sin(t))) for t in turns]


def session_row(browser: Browser, folder: Path, one_by_one: bool) -> Row:
    """All images of a set from boxes to reviewed: what it took an image."""
    seconds: list[float] = []
    with seated(browser, folder) as seat:
        user = User(seat)
        keys = [row["key"] for row in seat.overview()["images"]]
        for key, following in zip(keys, [*keys[1:], None], strict=True):
            start = time.perf_counter()
            user.outline(key)
            user.accept(key, one_by_one)
            if following:
                seat.sees(f'#stage[data-key="{following}"][data-drawn="yes"]')
            else:
                seat.shows("said", "last image")
            seat.rests()
            seconds.append(time.perf_counter() - start)
        cells = reviewed_cells(seat)
        seat.check()
    return {
        "cells are accepted": "one by one" if one_by_one else "all at once",
        "images": len(keys), "cells": cells, "drawn by hand": user.drawn,
        "clicks an image": round(user.clicks / len(keys), 1),
        "keys an image": round(user.keys / len(keys), 1),
        "s an image": f"{statistics.median(seconds):.1f}", "slowest": f"{max(seconds):.1f} s",
    }  # fmt: skip


def reviewed_cells(seat: Seat) -> int:
    """How many cells there are: all with an outline that a person has seen, in images that are done."""
    rows: list[dict[str, Any]] = seat.overview()["images"]
    assert all(row["reviewed"] and not row["unreviewed"] for row in rows)
    cells = [cell for row in rows for cell in seat.cells(row["key"]).values()]
    assert all(cell["parts"] for cell in cells)
    return len(cells)


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--session", action="store_true", help="bring images from boxes to reviewed outlines")
    arguments = parser.parse_args()
    raw = Path(os.environ["SMEARPREP_DATA"]).resolve()
    with launched(os.environ["SMEARPREP_BROWSER"]) as browser, tempfile.TemporaryDirectory() as scratch:
        if not arguments.session:
            store("annotate", frame_rows(browser, raw, Path(scratch)))
            return
        folder = boxes_set(raw, Path(scratch))
        copy = shutil.copytree(folder, Path(scratch) / "copy")
        store("annotate_session", [session_row(browser, folder, False), session_row(browser, copy, True)])


if __name__ == "__main__":
    main()
