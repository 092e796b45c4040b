"""A sheet of chips as a network is given them in training, to be looked at before it is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from smearprep.augmentation import Augmentation, Draws, border, centres_of, chip, draw, equalise
from smearprep.augmentation.chips import Chip
from smearprep.drawing import OKABE_ITO, contact_sheet
from smearprep.errors import RecipeError
from smearprep.findings import Summary
from smearprep.images import RGB, encode, read, write_atomic
from smearprep.opened import open_for_one
from smearprep.records import Sample
from smearprep.rendering import Progress
from smearprep.targets import EDGE, MASK, Target, rasterise

_SIDE = 376  # px: chips are enlarged to about this, so that lines are thin beside cells
_COLUMNS = 6
_MASK_COLOUR, _EDGE_COLOUR = OKABE_ITO[0], OKABE_ITO[1]
_FRAME_COLOUR = (255, 255, 255)


def preview(
    folder: Path,
    out: Path,
    category: str = "",
    *,
    input_size: int = 188,
    output_size: int = 100,
    count: int = 24,
    seed: int = 0,
    augmentation: Augmentation | None = None,
    progress: Progress | None = None,
) -> Summary:
    """Draw a sheet of augmented chips of a prepared set.

    Each chip is shown whole, with a white frame around what a network labels of it. In the frame the outline
    of the mask is green and that of the edges orange. The same seed gives the same bytes.

    Args:
        folder: A prepared set.
        out: The PNG file to write.
        category: Of the cells; "" takes the set's only one.
        input_size: Side in px of what the network sees.
        output_size: Side in px of what it labels, in the middle of that.
        count: Chips on the sheet.
        seed: Of the chips.
        augmentation: How they are varied; None: the defaults.
        progress: Told of images done, of all.

    Returns:
        Counts of images, chips, and chips with the object and with edges in their frame.

    Raises:
        LayoutError: No prepared set.
        RecipeError: The set lacks the category, or outlines of its cells; no chip shows it; or sizes that do
            not go together.
        DataError: An image cannot be read.
        OutputError: The file cannot be written.
    """
    if out.suffix.lower() != ".png":
        raise RecipeError(f"{out}: the sheet is written as PNG; name a file that ends in .png")
    border(input_size, output_size)
    opened = open_for_one(folder, category)
    samples = [sample for subset in opened.samples.values() for sample in subset]
    targets = (
        _target(sample, opened.category, n, len(samples), progress) for n, sample in enumerate(samples)
    )
    centres = centres_of(targets, output_size)
    draws = draw(centres, augmentation or Augmentation(), np.random.default_rng(seed), count)
    made = _chips(samples, opened.category, draws, input_size, output_size)
    pictures = [_picture(shown, labelled) for shown, labelled in made]
    names = [samples[number].path.name for number in draws.image]
    sheet = contact_sheet(pictures, names, _COLUMNS)
    write_atomic(out, encode(sheet, "png"))
    return Summary(
        command="augment",
        output=str(out),
        counts={
            "images": len(samples),
            "chips": count,
            "chips_with_object": sum(bool((labelled & MASK).any()) for _, labelled in made),
            "chips_with_edges": sum(bool((labelled & EDGE).any()) for _, labelled in made),
        },
        findings=opened.findings,
    )


def _target(
    sample: Sample, category: str, number: int = 0, of: int = 0, progress: Progress | None = None
) -> Target:
    cells, crowds = (
        [one for one in regions if one.label == category] for regions in (sample.cells, sample.crowds)
    )
    target = rasterise(cells, sample.size, crowds=crowds)
    if progress:
        progress(number + 1, of)
    return target


def _chips(
    samples: Sequence[Sample], category: str, draws: Draws, input_size: int, output_size: int
) -> list[tuple[Chip, Target]]:
    """The chips of some draws; each image is read once, and only one is held at a time."""
    made: dict[int, tuple[Chip, Target]] = {}
    for number in np.unique(draws.image):
        image = equalise(read(samples[number].path, samples[number].oriented))
        target = _target(samples[number], category)
        for index in np.flatnonzero(draws.image == number).tolist():
            made[index] = chip(image, target, draws, index, input_size, output_size)
    return [made[index] for index in range(len(draws))]


def _picture(shown: Chip, labelled: Target) -> RGB:
    """A chip, enlarged, with the outlines of its target in their frame."""
    import cv2

    times = max(round(_SIDE / shown.shape[0]), 1)
    rgb = np.rint((shown + 1) * 127.5).astype(np.uint8)
    out = np.asarray(cv2.resize(rgb, None, fx=times, fy=times, interpolation=cv2.INTER_NEAREST), np.uint8)
    start = (shown.shape[0] - labelled.shape[0]) // 2 * times
    stop = start + labelled.shape[0] * times
    inside = out[start:stop, start:stop]
    for bit, colour in ((EDGE, _EDGE_COLOUR), (MASK, _MASK_COLOUR)):
        _draw_outline(inside, labelled & np.uint8(bit), times, colour)
    cv2.rectangle(out, (start - 1, start - 1), (stop, stop), _FRAME_COLOUR, 1)
    return out


def _draw_outline(out: RGB, bits: NDArray[np.uint8], times: int, colour: tuple[int, int, int]) -> None:
    """Draw a line along the inner border of what is set, onto a view of a picture.

    What is set goes on beyond the picture: no line runs along its border.
    """
    import cv2

    beyond = cv2.copyMakeBorder(bits, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    large = np.asarray(
        cv2.resize(beyond, None, fx=times, fy=times, interpolation=cv2.INTER_NEAREST), np.uint8
    )
    lines, _ = cv2.findContours(large, cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    for line in lines:
        x, y = line[:, 0].T - times
        inside = (x >= 0) & (y >= 0) & (x < out.shape[1]) & (y < out.shape[0])
        out[y[inside], x[inside]] = colour
