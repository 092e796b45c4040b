"""Counting in one image, wherever it is done, and in many."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass
from typing import NamedTuple

from smearprep.count_job.files import Row, picture
from smearprep.count_job.sources import Countable, ToCount
from smearprep.counting import (
    Border,
    Found,
    Method,
    Parameters,
    Way,
    cells_found,
    counted_boxes,
    find,
)
from smearprep.errors import DataError
from smearprep.pools import Lost, each


class Work(NamedTuple):
    """An image to count in.

    Args:
        image: Which.
        methods: How, each on its own; none: its single cells are counted as they are.
        parameters: The figures; None: nobody needs them.
        border: Which cells at the border count.
    """

    image: ToCount
    methods: Sequence[Method]
    parameters: Parameters | None
    border: Border


@dataclass(frozen=True)
class Outcome:
    """What became of an image.

    Args:
        rows: A count a method; none if the image could not be used.
        picture: What was counted, drawn: JPEG.
        error: Why it could not be used, or "".
    """

    rows: tuple[Row, ...] = ()
    picture: bytes = b""
    error: str = ""


def count_each(
    work: Iterator[Work], executor: Executor, in_flight: int, total: int | None
) -> Iterator[tuple[ToCount, Outcome]]:
    """Count in all images, on an executor (`pools.each`); outcomes as they come."""
    for one, result in each(executor, count_in, work, in_flight, total):
        yield one.image, Outcome(error=result.reason) if isinstance(result, Lost) else result


def count_in(work: Work) -> Outcome:
    """Count the cells of an image, and draw them.

    Raises:
        GeometryError: Its mask and edge map are none.
    """
    try:
        image = work.image.load()
        found = _found(image, work)
        there = true_cells(image, work.border)
        rows = tuple(Row(image.name, way, len(cells), there) for way, cells in found.items())
        return Outcome(rows, picture(image, found))
    except DataError as error:
        return Outcome(error=error.what)


def _found(image: Countable, work: Work) -> dict[Way, Found]:
    """What is counted in an image, by way of counting."""
    if image.cells is not None:
        size = image.mask.shape[1], image.mask.shape[0]
        return {"instances": cells_found(image.cells, size, work.border)}
    assert work.parameters is not None, "masks are counted by figures"
    return {m: find(m, image.mask, image.edge, work.parameters, work.border) for m in work.methods}


def true_cells(image: Countable, border: Border) -> int | None:
    """How many cells an image has by the border rule; None: nobody knows."""
    if image.truth is None:
        return None
    size = image.mask.shape[1], image.mask.shape[0]
    return int(counted_boxes(image.truth, size, border).sum())
