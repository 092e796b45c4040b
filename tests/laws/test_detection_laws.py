"""Average precision, pixels and confusion: the laws of the measures, and COCOeval itself on files."""

from __future__ import annotations

import contextlib
import io
import json
import math
import random
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from pycocotools import mask as masks
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from shapely.geometry import MultiPolygon, Polygon

from smearprep.detection import (
    ComparedImage,
    Figures,
    PixelCounts,
    average_precision,
    confusion,
    judge,
    pixel_agreement,
    results_list,
)
from smearprep.detection.coco_entries import encode, numbered
from smearprep.detection.coco_protocol import Kind, curves
from smearprep.formats import coco
from smearprep.formats.coco import CocoWriter
from smearprep.formats.reading import ReadOptions
from smearprep.geometry import shape_to_mask
from smearprep.records import Cell
from tests.laws.strategies import LABELS, LAW

pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")

SLOW = settings(LAW, max_examples=15)
SIDE = 40
CATEGORIES = (*LABELS, "Artefact")  # of the last one there is never a cell
KINDS: tuple[Kind, ...] = ("mask", "box")


@st.composite
def blobs(draw: st.DrawFn) -> Polygon | MultiPolygon:
    """Rectangles joined, on whole px, so that every program rasterises them alike; 3 px from the border."""
    x, y = draw(st.integers(0, SIDE - 15)), draw(st.integers(0, SIDE - 15))
    parts = [shapely.box(x, y, x + draw(st.integers(2, 11)), y + draw(st.integers(2, 11)))]
    if draw(st.booleans()):
        parts.append(shapely.box(x + 1, y + 1, x + draw(st.integers(2, 12)), y + draw(st.integers(2, 12))))
    joined = shapely.union_all(parts)
    assert isinstance(joined, Polygon | MultiPolygon)
    return joined


@st.composite
def compared(draw: st.DrawFn, most: int = 7) -> list[ComparedImage]:
    """A few images: found cells are true ones, moved or not, and others; no two have one score."""
    images = []
    scores = iter(draw(st.permutations([k / 100 for k in range(1, 80)])))
    for n in range(draw(st.integers(1, 3))):
        shapes = draw(st.lists(blobs(), max_size=most, unique_by=lambda shape: shape.wkb))
        labels = draw(st.lists(st.sampled_from(LABELS), min_size=len(shapes), max_size=len(shapes)))
        truth = [Cell(label, shape) for label, shape in zip(labels, shapes, strict=True)]
        moved = [
            replace(cell, shape=shapely.affinity.translate(cell.shape, *draw(st.sampled_from(SHIFTS))))
            for cell in truth
            if draw(st.booleans())
        ]
        others = [Cell(draw(st.sampled_from(LABELS)), shape) for shape in draw(st.lists(blobs(), max_size=4))]
        found = [replace(cell, outline="made", attributes={"score": next(scores)}) for cell in moved + others]
        crowds = [Cell("RBC", shape) for shape in draw(st.lists(blobs(), max_size=1))]
        group = draw(st.sampled_from(["ALL-IDB1", "BCCD"]))
        cells = tuple(truth), tuple(found), tuple(crowds)
        images.append(ComparedImage(f"im{n}", (SIDE, SIDE), *cells, group=group))
    return images


SHIFTS = ((0, 0), (0, 0), (1, 0), (0, 2), (3, 1))


def perfect(images: Sequence[ComparedImage]) -> list[ComparedImage]:
    return [replace(im, found=tuple(scored(cell, 0.9) for cell in im.truth)) for im in images]


def scored(cell: Cell, score: float) -> Cell:
    return replace(cell, attributes={"score": score})


def check_equal(one: Figures, other: Figures, tolerance: float = 1e-9) -> None:
    for name in ("ap", "ap50", "ap75", "ap_small", "ap_medium", "ap_large", "ar"):
        a, b = getattr(one, name), getattr(other, name)
        assert (a is None) == (b is None), name
        assert a is None or a == pytest.approx(b, abs=tolerance), name


# ---------------------------------------------------------------- COCOeval itself, on files


def write_truth(images: Sequence[ComparedImage], path: Path) -> None:
    """The true cells and the crowds of images as a COCO file."""
    with CocoWriter(path, CATEGORIES) as writer:
        for image in images:
            id_ = writer.add_image(image.name, image.size)
            writer.add_records(id_, image.size, image.truth)
            writer.add_records(id_, image.size, image.crowds, iscrowd=1)


def by_files(images: Sequence[ComparedImage], kind: Kind, most: int) -> dict[str | None, Figures]:
    """What COCOeval says of the files that we write: of all categories and of each."""
    iou_type: Any = {"mask": "segm", "box": "bbox"}[kind]
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stdout(io.StringIO()):
        truth, results = Path(folder) / "truth.json", Path(folder) / "results.json"
        write_truth(images, truth)
        results.write_text(json.dumps(results_list(images, categories=CATEGORIES, kind=kind)))
        true = COCO(str(truth))
        # loadRes cannot read an empty list
        found = true.loadRes(str(results)) if any(image.found for image in images) else COCO()
        evaluation = COCOeval(true, found, iou_type)
        evaluation.params.maxDets = [1, most]
        evaluation.evaluate()
        evaluation.accumulate()
    precision, recall = evaluation.eval["precision"][..., -1], evaluation.eval["recall"][..., -1]
    rows: dict[str | None, Any] = {None: slice(None)}
    rows |= {name: slice(n, n + 1) for n, name in enumerate(CATEGORIES)}
    return {name: _figures(precision[:, :, k], recall[:, k]) for name, k in rows.items()}


def _figures(precision: Any, recall: Any) -> Figures:
    def mean(values: Any) -> float | None:
        return float(values[values > -1].mean()) if (values > -1).any() else None

    sizes = [mean(precision[..., n]) for n in range(4)]
    at_50, at_75 = mean(precision[0, ..., 0]), mean(precision[5, ..., 0])
    return Figures(sizes[0], at_50, at_75, *sizes[1:], mean(recall[..., 0]))


@SLOW
@given(images=compared(), kind=st.sampled_from(KINDS), most=st.sampled_from([2, 12]))
def test_average_precision_is_that_of_cocoeval_on_the_files(
    images: list[ComparedImage], kind: Kind, most: int
) -> None:
    ours = average_precision(images, categories=CATEGORIES, kind=kind, most=most, engine="pycocotools")
    for category, figures in by_files(images, kind, most).items():
        check_equal(ours.row(category=category).figures, figures)


@SLOW
@given(images=compared(), kind=st.sampled_from(KINDS), how=st.sampled_from(["rings", "runs", "packed"]))
def test_a_truth_with_crowds_that_is_read_from_its_file_is_judged_as_cocoeval_does(
    images: list[ComparedImage], kind: Kind, how: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "truth.json"
        write_truth(images, path)
        data = json.loads(path.read_bytes())
        for entry in data["annotations"]:
            if entry["iscrowd"] and how != "rings":
                entry["segmentation"] = run_lengths(entry["segmentation"], how == "packed")
        path.write_text(json.dumps(data))
        read = list(coco.read(path, ReadOptions(), []))
    again = [
        replace(image, truth=known.cells, crowds=known.crowds)
        for image, known in zip(images, read, strict=True)
    ]
    assert sum(len(image.crowds) for image in again) == sum(len(image.crowds) for image in images)
    ours = average_precision(again, categories=CATEGORIES, kind=kind, most=12, engine="pycocotools")
    for category, figures in by_files(images, kind, 12).items():
        check_equal(ours.row(category=category).figures, figures, 1e-6)


def run_lengths(rings: list[list[float]], packed: bool) -> dict[str, Any]:
    """Rings as COCO's run lengths, a string or a list."""
    encoded: Any = masks.merge(masks.frPyObjects(rings, SIDE, SIDE))
    if packed:
        return {"size": [SIDE, SIDE], "counts": encoded["counts"].decode()}
    flat = masks.decode(encoded).T.ravel()  # (H * W,) column by column
    bounds = np.flatnonzero(np.diff(flat, prepend=0))
    return {"size": [SIDE, SIDE], "counts": np.diff(bounds, prepend=0, append=flat.size).tolist()}


@SLOW
@given(images=compared(), kind=st.sampled_from(KINDS))
def test_a_group_is_judged_as_if_it_were_all(images: list[ComparedImage], kind: Kind) -> None:
    ours = average_precision(images, categories=CATEGORIES, kind=kind, engine="pycocotools")
    groups = sorted({image.group for image in images})
    assert list(dict.fromkeys(row.group for row in ours.rows)) == [None, *groups]
    for group in groups:
        members = [image for image in images if image.group == group]
        for category, figures in by_files(members, kind, ours.most).items():
            row = ours.row(group, category)
            check_equal(row.figures, figures)
            cells = [cell for image in members for cell in image.truth]
            assert row.truth == sum(cell.label == category or category is None for cell in cells)


@SLOW
@given(images=compared(), kind=st.sampled_from(KINDS), most=st.sampled_from([2, None]), crowd=blobs())
def test_hotcoco_says_the_same(
    images: list[ComparedImage], kind: Kind, most: int | None, crowd: Polygon
) -> None:
    images = [replace(image, crowds=(Cell("RBC", crowd),)) for image in images]
    results = [
        average_precision(images, categories=CATEGORIES, kind=kind, most=most, engine=engine)
        for engine in ("pycocotools", "hotcoco")
    ]
    for one, other in zip(results[0].rows, results[1].rows, strict=True):
        check_equal(one.figures, other.figures, 1e-6)


# ---------------------------------------------------------------- average precision


@SLOW
@given(images=compared(), kind=st.sampled_from(KINDS))
def test_perfect_is_one_and_nothing_is_zero(images: list[ComparedImage], kind: Kind) -> None:
    there = {cell.label for image in images for cell in image.truth}
    nothing = [replace(image, found=()) for image in images]
    for given_, score in ((perfect(images), 1.0), (nothing, 0.0)):
        result = average_precision(given_, categories=CATEGORIES, kind=kind, engine="pycocotools")
        assert result.overall.ap == (pytest.approx(score) if there else None)
        for name in CATEGORIES:
            figures = result.row(category=name).figures
            expected = pytest.approx(score) if name in there else None
            assert figures.ap == expected and figures.ar == expected
            assert figures.ap_large is None  # all cells are small


@pytest.mark.parametrize("kind", KINDS)
def test_eight_hundred_cells_in_an_image(kind: Kind) -> None:
    """COCO stops at 100 found cells, and pycocotools' own area() is wrong for more than 255 masks."""
    cells = [
        Cell("RBC", shapely.box(x, y, x + 8, y + 8)) for x in range(0, 400, 10) for y in range(0, 200, 10)
    ]
    image = perfect([ComparedImage("field", (400, 200), tuple(cells))])
    result = average_precision(image, categories=["RBC"], kind=kind, engine="pycocotools")
    assert len(cells) == result.most == 800
    assert result.overall.ap == pytest.approx(1) and result.overall.ar == 1
    limited = average_precision(image, categories=["RBC"], kind=kind, most=100, engine="pycocotools")
    assert limited.overall.ar == pytest.approx(100 / 800)


@SLOW
@given(images=compared(), seed=st.integers(), kind=st.sampled_from(KINDS))
def test_no_order_matters(images: list[ComparedImage], seed: int, kind: Kind) -> None:
    """Nor does it where all have one score."""
    rng = random.Random(seed)
    tied = [
        replace(im, found=tuple(scored(c, 0.5 if seed % 2 else c.attributes["score"]) for c in im.found))
        for im in images
    ]
    shuffled = [
        replace(
            im,
            truth=tuple(rng.sample(im.truth, len(im.truth))),
            found=tuple(rng.sample(im.found, len(im.found))),
        )
        for im in rng.sample(tied, len(tied))
    ]
    how: Any = {"categories": CATEGORIES, "kind": kind, "engine": "pycocotools"}
    assert average_precision(tied, **how) == average_precision(shuffled, **how)
    one, other = (confusion(given_, categories=CATEGORIES) for given_ in (tied, shuffled))
    assert one.matrix() == other.matrix()
    assert pixel_agreement(tied, categories=LABELS) == pytest.approx(
        pixel_agreement(shuffled, categories=LABELS)
    )


@SLOW
@given(images=compared(), kind=st.sampled_from(KINDS))
def test_cells_of_a_category_that_nobody_looked_for_do_not_count(
    images: list[ComparedImage], kind: Kind
) -> None:
    looked = [replace(image, annotated=frozenset({"RBC"})) for image in images]
    without = [
        replace(im, truth=_only(im.truth), found=_only(im.found), annotated=frozenset({"RBC", "WBC"}))
        for im in images
    ]
    how: Any = {"categories": CATEGORIES, "kind": kind, "engine": "pycocotools"}
    assert average_precision(looked, **how) == average_precision(without, **how)
    assert confusion(looked, categories=CATEGORIES) == confusion(without, categories=CATEGORIES)
    assert pixel_agreement(looked, categories=LABELS) == pixel_agreement(without, categories=LABELS)


def _only(cells: Sequence[Cell]) -> tuple[Cell, ...]:
    return tuple(cell for cell in cells if cell.label == "RBC")


# ---------------------------------------------------------------- pixels


@SLOW
@given(images=compared(), crowd=st.none() | blobs(), score=st.sampled_from([0.0, 0.4]))
def test_pixels_are_counted_as_whole_masks_would_be(
    images: list[ComparedImage], crowd: Polygon | None, score: float
) -> None:
    crowds = () if crowd is None else (Cell("RBC", crowd),)
    images = [replace(image, crowds=crowds) for image in images]
    rows = pixel_agreement(images, categories=LABELS, score=score)
    assert len(rows) == len(LABELS) * (1 + len({image.group for image in images}))
    for row in rows:
        counts = np.zeros(3, int)
        for image in images:
            if row.group not in (None, image.group):
                continue
            found = [cell for cell in image.found if cell.attributes["score"] >= score]
            true, made, crowded = (_plane(cells, row.category) for cells in (image.truth, found, crowds))
            made = made & ~(crowded & ~true)
            counts += true.sum(), made.sum(), (true & made).sum()
        tp, fp, fn = counts[2], counts[1] - counts[2], counts[0] - counts[2]
        assert row.pixels == PixelCounts(*counts.tolist())
        assert row.pixels.precision == (pytest.approx(tp / (tp + fp)) if tp + fp else None)
        assert row.pixels.recall == (pytest.approx(tp / (tp + fn)) if tp + fn else None)
        if tp:
            p, r = row.pixels.precision, row.pixels.recall
            assert p and r and row.pixels.f1 == pytest.approx(2 * p * r / (p + r))
            assert row.pixels.iou == pytest.approx(tp / (tp + fp + fn))


def _plane(cells: Sequence[Cell], label: str) -> Any:
    planes = [shape_to_mask(cell.shape, (SIDE, SIDE)) for cell in cells if cell.label == label]
    return np.logical_or.reduce([np.zeros((SIDE, SIDE), bool), *planes])


# ---------------------------------------------------------------- confusion


@LAW
@given(images=compared(), iou=st.sampled_from([0.3, 0.5, 0.9]), crowd=st.none() | blobs())
def test_each_cell_has_one_verdict(images: list[ComparedImage], iou: float, crowd: Polygon | None) -> None:
    for image in images:
        image = replace(image, crowds=() if crowd is None else (Cell("RBC", crowd),))
        verdicts = judge(image, iou=iou)
        pairs = (*verdicts.found, *verdicts.mixed_up)
        assert sorted([i for i, _ in pairs] + list(verdicts.missed)) == list(range(len(image.truth)))
        left = [*verdicts.invented, *verdicts.unknown]
        assert sorted([j for _, j in pairs] + left) == list(range(len(image.found)))
        for i, j in pairs:
            a, b = image.truth[i], image.found[j]
            assert a.shape.intersection(b.shape).area >= (iou - 1e-9) * a.shape.union(b.shape).area
            assert ((i, j) in verdicts.found) == (a.label == b.label)
        for j in verdicts.unknown:
            cell = image.found[j]
            assert crowd is not None and cell.shape.intersection(crowd).area >= iou * cell.area


@SLOW
@given(images=compared(), crowd=st.none() | blobs())
def test_the_found_are_cocos_true_positives(images: list[ComparedImage], crowd: Polygon | None) -> None:
    """COCO's recall at one overlap is the share of cells that is found."""
    crowds = () if crowd is None else (Cell("RBC", crowd),)
    images = [replace(image, crowds=crowds) for image in images]
    table = confusion(images, categories=LABELS, score=0)
    found = sum(count for (true, name), count in table.matched.items() if true == name)
    cells = sum(len(image.truth) for image in images)
    assert found == _true_positives(images)
    assert sum(table.matched.values()) + sum(table.missed.values()) == cells
    rows = table.matrix()
    assert [row["truth"] for row in rows] == [*LABELS, "invented"]
    assert sum(rows[-1][name] for name in LABELS) == sum(table.invented.values())


def _true_positives(images: Sequence[ComparedImage]) -> int:
    """From COCO's recall at an overlap of .5, category by category."""
    total = 0
    encoded = [encode(image, LABELS, "mask") for image in images]
    sizes = {n: image.size for n, image in enumerate(images, 1)}
    entries = numbered(encoded)
    _, recall = curves(sizes, *entries, categories=len(LABELS), kind="mask", most=99, engine="pycocotools")
    for n, name in enumerate(LABELS):
        cells = sum(cell.label == name for image in images for cell in image.truth)
        total += round(recall[0, n, 0] * cells) if cells else 0
    return total


def test_a_mean_of_nothing_is_no_number() -> None:
    result = average_precision([], categories=["RBC"], engine="pycocotools")
    assert result.overall.ap is None and result.row(category="RBC").truth == 0
    assert not any(math.isnan(v) or v == -1 for row in result.as_dicts() for v in row.values() if is_real(v))


def is_real(value: object) -> bool:
    return isinstance(value, float)
