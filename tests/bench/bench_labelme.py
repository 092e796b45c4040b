"""labelme -> COCO: smearprep beside labelme2coco and datumaro, and memory at 500,000 polygons.

    python -m tests.bench.bench_labelme --labelme2coco PYTHON --datumaro PYTHON [--rounds N]
        [--compared N] [--polygons N]

PYTHON is the interpreter of an environment with that package. All read the same synthetic polygons, one
process at a time on one core, in turn; of each the fastest round counts, its start left out. labelme2coco
and smearprep read the files as labelme writes them. datumaro reads only the XML of the older LabelMe: the
same polygons are given to it in that, and, for what its reader of XML costs, once more in its own JSON.
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

from tests.bench.measuring import Measured, measure, measure_beside, store

SIZE = (2592, 1944)
IN_A_FILE = 1000
JOBS = Path(__file__).with_name("labelme_jobs.py")
DATUMARO_XML, DATUMARO_OWN = "label_me", "datumaro"


# ---------------------------------------------------------------- the same polygons for all


def polygons(rng: np.random.Generator, count: int) -> list[tuple[str, list[list[float]]]]:
    """Label and outline of cells of 12 to 20 corners, in px, 2 decimals."""
    found = []
    for corners in rng.integers(12, 21, count):
        angles = 2 * np.pi * (np.arange(corners) + rng.random()) / corners
        radii = rng.uniform(14, 20, corners)
        xy = np.stack([np.cos(angles), np.sin(angles)], axis=1) * radii[:, None]
        centre = rng.uniform(25, np.array(SIZE) - 25)
        label = ("RBC", "WBC", "Platelets")[rng.integers(3)]
        found.append((label, np.round(xy + centre, 2).tolist()))
    return found


def write_files(labelme: Path, older: Path, count: int) -> None:
    """`count` polygons as labelme writes them, and in the older LabelMe's XML."""
    import orjson

    labelme.mkdir()
    older.mkdir()
    rng = np.random.default_rng(0)
    for n in range(-(-count // IN_A_FILE)):
        cells = polygons(rng, min(IN_A_FILE, count - n * IN_A_FILE))
        data = as_labelme(f"im{n:04}.jpg", cells)
        (labelme / f"im{n:04}.json").write_bytes(orjson.dumps(data, option=orjson.OPT_INDENT_2))
        (older / f"im{n:04}.xml").write_text(as_older_xml(f"im{n:04}.jpg", cells))


def as_labelme(image: str, cells: Sequence[tuple[str, list[list[float]]]]) -> dict[str, Any]:
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


def as_older_xml(image: str, cells: Sequence[tuple[str, list[list[float]]]]) -> str:
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


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--labelme2coco", metavar="PYTHON")
    parser.add_argument("--datumaro", metavar="PYTHON")
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
        files, older, own, out = place / "labelme", place / "older", place / "own", place / "out"
        write_files(files, older, arguments.compared)
        commands = {"smearprep": [*ours, str(files), str(out / "ours.json")]}
        if arguments.labelme2coco:
            job = [arguments.labelme2coco, str(JOBS), "labelme2coco", str(files), str(out / "l2c")]
            commands["labelme2coco"] = job
        if arguments.datumaro:
            job = [arguments.datumaro, str(JOBS), "datumaro"]
            measure([*job, DATUMARO_XML, str(older), str(own), DATUMARO_OWN], (0,), 1)
            for name, kind, source in (("older XML", DATUMARO_XML, older), ("own JSON", DATUMARO_OWN, own)):
                to = [kind, str(source), str(out / kind), "coco_instances"]
                commands[f"datumaro, from {name}"] = [*job, *to]
        rows = compare(commands, arguments.rounds, out)
        many = repeated(files, place / "many", arguments.polygons // arguments.compared)
        large = measure([*ours, str(many), str(out / "many.json")], (0,), 1)
    rows[0]["wanted"] = "a fifth of labelme2coco, a third of datumaro"
    count, seconds = told(large)
    rows.append(
        {"job": "smearprep, many", "polygons": count, "s": round(seconds, 2),
         "polygons/s": round(count / seconds), "peak MB": round(large.peak_mb), "wanted": "<= 500 MB"}
    )  # fmt: skip
    store("labelme", rows)


if __name__ == "__main__":
    main()
