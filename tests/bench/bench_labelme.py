"""labelme -> COCO: smearprep beside labelme2coco and datumaro, and memory at 500,000 polygons.

    python -m tests.bench.bench_labelme [--peers PYTHON] [--rounds N] [--compared N] [--polygons N]

PYTHON is the interpreter of an environment with labelme2coco and datumaro. All read the same synthetic
polygons, one process at a time on one core, in turn; of each the fastest round counts, its start left out.
labelme2coco and smearprep read the files as labelme writes them. datumaro reads only the XML of the older
LabelMe: the same polygons are given to it in that, and once more in its own JSON, for reading XML is slow.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tests.bench.measuring import Measured, measure, measure_beside, peer_versions, store

SIZE = (2592, 1944)
IN_A_FILE = 1000
JOBS = Path(__file__).with_name("labelme_jobs.py")
LABELS = ("RBC", "WBC", "Platelets")

Cells = Sequence[tuple[str, list[list[float]]]]
"""Label and outline, x, y in px, of the cells of an image."""


# ---------------------------------------------------------------- the same polygons for all


def polygons(rng: np.random.Generator, count: int) -> Cells:
    """Cells of 12 to 20 corners, 2 decimals."""
    found = []
    for corners in rng.integers(12, 21, count):
        angles = 2 * np.pi * (np.arange(corners) + rng.random()) / corners
        radii = rng.uniform(14, 20, corners)
        xy = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]
        centre = rng.uniform(25, np.array(SIZE) - 25)
        found.append((LABELS[rng.integers(3)], np.round(xy + centre, 2).tolist()))
    return found


def write_files(place: Path, count: int) -> None:
    """`count` polygons in folders of `place`: `labelme`, `older` (the older LabelMe's XML) and `datumaro`."""
    import orjson

    for name in ("labelme", "older", "datumaro/annotations"):
        (place / name).mkdir(parents=True)
    rng = np.random.default_rng(0)
    items = []
    for n in range(-(-count // IN_A_FILE)):
        cells = polygons(rng, min(IN_A_FILE, count - n * IN_A_FILE))
        data = orjson.dumps(as_labelme(f"im{n:04}.jpg", cells), option=orjson.OPT_INDENT_2)
        (place / "labelme" / f"im{n:04}.json").write_bytes(data)
        (place / "older" / f"im{n:04}.xml").write_text(as_older_xml(f"im{n:04}.jpg", cells))
        items.append(as_datumaro_item(f"im{n:04}", cells))
    labels = [{"name": label, "parent": "", "attributes": []} for label in LABELS]
    whole = {
        "dm_format_version": "1.0", "media_type": 2, "infos": {}, "categories": {"label": {"labels": labels}},
        "items": items,
    }  # fmt: skip
    (place / "datumaro" / "annotations" / "default.json").write_bytes(orjson.dumps(whole))


def as_labelme(image: str, cells: Cells) -> dict[str, Any]:
    """The content of labelme's file of an image."""
    shapes = [
        {
            "label": label, "points": xy, "group_id": None, "description": "", "shape_type": "polygon",
            "flags": {}, "mask": None,
        }
        for label, xy in cells
    ]  # fmt: skip
    return {
        "version": "5.5.0", "flags": {}, "shapes": shapes, "imagePath": image, "imageData": None,
        "imageHeight": SIZE[1], "imageWidth": SIZE[0],
    }  # fmt: skip


def as_older_xml(image: str, cells: Cells) -> str:
    """The older LabelMe's file of an image."""
    objects = []
    for n, (label, xy) in enumerate(cells):
        points = "".join(f"<pt><x>{x}</x><y>{y}</y></pt>" for x, y in xy)
        objects.append(
            f"<object><name>{label}</name><deleted>0</deleted><occluded>no</occluded><id>{n}</id>"
            f"<parts><hasparts/><ispartof/></parts><polygon>{points}<username/></polygon></object>"
        )
    size = f"<imagesize><nrows>{SIZE[1]}</nrows><ncols>{SIZE[0]}</ncols></imagesize>"
    return f"<annotation><filename>{image}</filename><folder/>{''.join(objects)}{size}</annotation>"


def as_datumaro_item(name: str, cells: Cells) -> dict[str, Any]:
    """An image in datumaro's own JSON."""
    annotations = [
        {"id": n, "type": "polygon", "attributes": {}, "group": 0, "label_id": LABELS.index(label),
         "points": [value for point in xy for value in point], "z_order": 0}
        for n, (label, xy) in enumerate(cells)
    ]  # fmt: skip
    image = {"path": f"{name}.jpg", "size": [SIZE[1], SIZE[0]]}
    return {"id": name, "annotations": annotations, "image": image}


def repeated(files: Path, folder: Path, times: int) -> Path:
    """A folder in which all files lie `times` times, each time in a folder of their own."""
    for n in range(times):
        (folder / f"{n:04}").mkdir(parents=True)
        for file in sorted(files.iterdir()):
            (folder / f"{n:04}" / file.name).symlink_to(file)
    return folder


# ---------------------------------------------------------------- the jobs


def by_smearprep(folder: str, out: str) -> None:
    """Convert once; print polygons and seconds, as the others do."""
    from smearprep.converting import convert

    start = time.perf_counter()
    counts = convert([Path(folder)], Path(out)).counts
    print(counts["cells"], time.perf_counter() - start)


def told(measured: Measured) -> tuple[int, float]:
    """Polygons and seconds, from the last line that a job printed."""
    count, seconds = measured.output.strip().splitlines()[-1].split()
    return int(count), float(seconds)


def compare(commands: dict[str, list[str]], rounds: int, out: Path) -> list[dict[str, object]]:
    """Run all jobs in turn; one row each, with the time over that of the first."""
    best: dict[str, tuple[int, float, float]] = {}
    for _ in range(rounds):
        shutil.rmtree(out, ignore_errors=True)
        out.mkdir()
        for name, run in zip(commands, measure_beside(list(commands.values()), (0,), 1), strict=True):
            count, seconds = told(run)
            best[name] = min(best.get(name, (count, seconds, run.peak_mb)), (count, seconds, run.peak_mb))
    first = next(iter(best.values()))[1]
    return [
        {"job": name, "polygons": count, "s": round(seconds, 2), "polygons/s": round(count / seconds),
         "time over smearprep's": round(seconds / first, 2), "peak MB": round(peak)}
        for name, (count, seconds, peak) in best.items()
    ]  # fmt: skip


def of_peers(python: str, place: Path, out: Path) -> dict[str, list[str]]:
    """The jobs of the others."""
    job = [python, str(JOBS)]
    own = [*job, "datumaro", "datumaro", str(place / "datumaro"), str(out / "own")]
    return {
        "labelme2coco": [*job, "labelme2coco", str(place / "labelme"), str(out / "l2c")],
        "datumaro, from XML": [*job, "datumaro", "label_me", str(place / "older"), str(out / "xml")],
        "datumaro, from its own JSON": own,
    }


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--peers", metavar="PYTHON")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--compared", type=int, default=50_000)
    parser.add_argument("--polygons", type=int, default=500_000)
    parser.add_argument("--job", nargs=2, metavar=("FOLDER", "OUT"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.job:
        by_smearprep(*arguments.job)
        return
    ours = [sys.executable, "-m", "tests.bench.bench_labelme", "--job"]
    with tempfile.TemporaryDirectory() as scratch:
        place = Path(scratch)
        files, out = place / "labelme", place / "out"
        write_files(place, arguments.compared)
        commands = {"smearprep": [*ours, str(files), str(out / "ours.json")]}
        if arguments.peers:
            commands |= of_peers(arguments.peers, place, out)
        rows = compare(commands, arguments.rounds, out)
        many = repeated(files, place / "many", arguments.polygons // arguments.compared)
        large = measure([*ours, str(many), str(out / "many.json")], (0,), 1)
    rows[0]["wanted"] = "a fifth of labelme2coco, a third of datumaro"
    count, seconds = told(large)
    rows.append(
        {"job": "smearprep, many", "polygons": count, "s": round(seconds, 2),
         "polygons/s": round(count / seconds), "peak MB": round(large.peak_mb), "wanted": "<= 500 MB"}
    )  # fmt: skip
    peers = peer_versions(arguments.peers, "labelme2coco", "datumaro") if arguments.peers else None
    store("labelme", rows, peers=peers)


if __name__ == "__main__":
    main()
