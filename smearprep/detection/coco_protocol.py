"""COCO's evaluation of detections, run by pycocotools or by hotcoco on cells that are already encoded.

Imported only where it is run: it needs pycocotools.
"""

from __future__ import annotations

import contextlib
import importlib
import importlib.util
import io
import warnings
from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pycocotools.cocoeval import COCOeval

from smearprep.errors import RecipeError

Engine = Literal["auto", "pycocotools", "hotcoco"]
Kind = Literal["mask", "box"]
FloatArray = NDArray[np.float64]
Entry = dict[str, Any]
"""An annotation of COCO: id, image_id, category_id, area (px^2), iscrowd; bbox (xywh) or segmentation (run
lengths); found ones have a score."""

_IOU_TYPE: Mapping[Kind, Literal["segm", "bbox"]] = {"mask": "segm", "box": "bbox"}
_NEARLY_ALL = 1 - 1e-10  # of an overlap of 1 this much is enough, as in the COCO API


def curves(
    sizes: Mapping[int, tuple[int, int]],
    truth: Sequence[Entry],
    found: Sequence[Entry],
    *,
    categories: int,
    kind: Kind,
    most: int,
    engine: Engine = "auto",
) -> tuple[FloatArray, FloatArray]:
    """Precision and recall of detections, by COCO's protocol.

    Args:
        sizes: Image id -> (width, height) in px.
        truth: The cells that are there, ids from 1.
        found: The cells that were found, ids from 1; of equal scores the first ones come first.
        categories: How many; their ids are 1, 2, ...
        kind: What overlaps: masks or boxes.
        most: Found cells of one category in one image that count, those of the highest scores.
        engine: "pycocotools"; "hotcoco", equal to 1e-6; "auto": hotcoco where it is installed.

    Returns:
        (10, 101, categories, 4) precision at overlaps .50, .55, ... .95 and recalls 0, .01, ... 1, of all
        cells, small, medium and large ones; (10, categories, 4) recall. -1 where there is no truth.

    Raises:
        RecipeError: hotcoco is asked for and not installed.
    """
    run = _by_hotcoco if _choose(engine) == "hotcoco" else _by_pycocotools
    precision, recall = run(sizes, truth, found, categories, kind, most)
    return np.asarray(precision, np.float64)[..., 0], np.asarray(recall, np.float64)[..., 0]


def _choose(engine: Engine) -> Engine:
    if engine == "pycocotools":
        return engine
    there = importlib.util.find_spec("hotcoco") is not None
    if engine == "hotcoco" and not there:
        raise RecipeError("hotcoco is not installed: `pip install hotcoco`, or evaluate with pycocotools")
    return "hotcoco" if there else "pycocotools"


def _by_pycocotools(
    sizes: Mapping[int, tuple[int, int]],
    truth: Sequence[Entry],
    found: Sequence[Entry],
    categories: int,
    kind: Kind,
    most: int,
) -> tuple[Any, Any]:
    evaluation = SparseEvaluation(list(sizes), truth, found, categories, kind, most)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # pycocotools and numpy 2 have yet to agree
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"], evaluation.eval["recall"]


def _by_hotcoco(
    sizes: Mapping[int, tuple[int, int]],
    truth: Sequence[Entry],
    found: Sequence[Entry],
    categories: int,
    kind: Kind,
    most: int,
) -> tuple[Any, Any]:
    hotcoco = importlib.import_module("hotcoco")  # by name: it is no dependency
    images = [{"id": n, "width": w, "height": h, "file_name": str(n)} for n, (w, h) in sizes.items()]
    named = [{"id": n, "name": str(n)} for n in range(1, categories + 1)]
    sets = [
        hotcoco.COCO({"images": images, "categories": named, "annotations": list(entries)})
        for entries in (truth, found)
    ]
    evaluation = hotcoco.COCOeval(*sets, _IOU_TYPE[kind])
    evaluation.params.max_dets = [most]
    with contextlib.redirect_stdout(io.StringIO()):
        evaluation.evaluate()
        evaluation.accumulate()
    return evaluation.eval["precision"], evaluation.eval["recall"]


class SparseEvaluation(COCOeval):
    """COCOeval, given its cells directly, that looks only at pairs which overlap.

    COCOeval's own matching compares every found cell with every true one, for each of ten overlaps and four
    sizes: 25 million steps for a field of 800 cells. Its results are the same.

    Args:
        images: Their ids.
        truth: The cells that are there.
        found: The cells that were found.
        categories: How many; their ids are 1, 2, ...
        kind: What overlaps.
        most: Found cells of one category in one image that count.
    """

    def __init__(
        self,
        images: Sequence[int],
        truth: Sequence[Entry],
        found: Sequence[Entry],
        categories: int,
        kind: Kind,
        most: int,
    ) -> None:
        super().__init__(None, None, _IOU_TYPE[kind])
        self.params.imgIds = list(images)
        self.params.catIds = list(range(1, categories + 1))
        self.params.maxDets = [most]
        self._entries = truth, found

    def _prepare(self) -> None:
        self._gts, self._dts = (_by_image_and_category(entries) for entries in self._entries)

    def evaluateImg(self, imgId: int, catId: int, aRng: Any, maxDet: int) -> Any:  # noqa: N802, N803
        """What was found of one category in one image, for cells of some sizes (px^2, from and to).

        Returns:
            As COCOeval's own method; None where there is neither a true nor a found cell.
        """
        truth, found = self._gts[imgId, catId], self._dts[imgId, catId]
        if not truth and not found:
            return None
        found = sorted(found, key=lambda entry: -entry["score"])[:maxDet]
        beyond = _outside([entry["area"] for entry in truth], aRng)
        crowd = np.array([entry["iscrowd"] for entry in truth], bool)
        order = np.argsort(beyond | crowd, kind="stable")  # cells that count come first
        ignored, crowd = (beyond | crowd)[order], crowd[order]
        iou = np.asarray(self.ious[imgId, catId], np.float64).reshape(len(found), len(truth))[:, order]
        partner = np.stack([_matched(iou, least, ignored, crowd) for least in self.params.iouThrs])
        hit = partner >= 0
        ids = np.array([truth[n]["id"] for n in order] or [0])
        small_or_large = _outside([entry["area"] for entry in found], aRng)
        dont_count = np.where(hit, np.append(ignored, False)[partner], small_or_large)
        return {
            "image_id": imgId, "category_id": catId, "aRng": aRng, "maxDet": maxDet,
            "dtScores": [entry["score"] for entry in found],
            "dtMatches": np.where(hit, ids[partner], 0),
            "gtIgnore": ignored.astype(np.int64),
            "dtIgnore": dont_count,
        }  # fmt: skip


def _by_image_and_category(entries: Sequence[Entry]) -> defaultdict[Any, list[Entry]]:
    groups: defaultdict[Any, list[Entry]] = defaultdict(list)
    for entry in entries:
        groups[entry["image_id"], entry["category_id"]].append(entry)
    return groups


def _outside(areas: Sequence[float], limits: Sequence[float]) -> NDArray[np.bool_]:
    array = np.array(areas, np.float64)
    outside: NDArray[np.bool_] = (array < limits[0]) | (array > limits[1])
    return outside


def _matched(
    iou: FloatArray, least: float, ignored: NDArray[np.bool_], crowd: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """COCO's matching: each found cell in turn takes the free true one that it overlaps most.

    Args:
        iou: (found by falling score, true ones that count first).
        least: Overlap from which they match.
        ignored: (true,) These are taken only where none that counts is free; nothing is said of the finder.
        crowd: (true,) Of the ignored, those that any number of found cells may take.

    Returns:
        (found,) the true cell of each, or -1.
    """
    least = min(least, _NEARLY_ALL)
    partner = np.full(len(iou), -1)
    free = np.ones(len(ignored), bool)
    for n, column in zip(*np.nonzero(iou >= least), strict=True):  # row by row, columns in order
        at = partner[n]
        if not (free[column] or crowd[column]) or (at >= 0 and ignored[column] and not ignored[at]):
            continue
        if at < 0 or iou[n, column] >= iou[n, at]:
            if at >= 0:
                free[at] = True
            partner[n], free[column] = column, False
    return partner
