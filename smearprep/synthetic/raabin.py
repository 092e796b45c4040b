"""Miniature Raabin-WBC folders: cropped cells, full fields, nucleus and cytoplasm ground truth."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from smearprep.records import Cell
from smearprep.synthetic.coverage import rasterise
from smearprep.synthetic.files import Truth, write_image, write_text
from smearprep.synthetic.outlines import Region, Rng
from smearprep.synthetic.smear import WBC, SyntheticSmear, draw_smear
from smearprep.synthetic.stains import STAINS, Stain, vary_stain

CLASSES = ("Basophil", "Eosinophil", "Lymphocyte", "Monocyte", "Neutrophil")
TEST_B_CLASSES = ("Lymphocyte", "Neutrophil")
FILMS = ("95-5-4-1", "95-8-12-2", "95-8-20-4", "95-9-1-3", "95-9-4-5", "95-5-10-1", "95-8-13-5", "95-8-3-1")
BOX, FRAME = 575, (5312, 2988)
"""Side of every box, and (width, height) of the real fields, px."""


def film_id(k: int) -> str:
    """The id of film k: true ones first, then such as could be true."""
    return FILMS[k] if k < len(FILMS) else f"96-{k // 30 % 12 + 1}-{k % 30 + 1}-{k // 360 + 1}"


def _stain(seed: int, film: int) -> Stain:
    """The stain of a film: the same in all of its pictures."""
    rng = np.random.default_rng([seed, film, 3])
    return vary_stain(rng, STAINS[("giemsa", "azure")[film % 2]])


def _portrait(rng: Rng, kind: str, size: int, stain: Stain) -> SyntheticSmear:
    """A crop of some px with one white cell near its centre."""
    centre = size / 2 + rng.uniform(-0.05, 0.05, (1, 2)) * size
    count = int(rng.integers(8, 17))
    return draw_smear(
        rng,
        size,
        size,
        stain=stain,
        radius=62 * size / BOX,
        n_rbc=count,
        n_platelets=int(rng.integers(0, 3)),
        wbc_classes=[kind],
        wbc_at=centre,
    )


def _portraits(
    seed: int, stream: int, classes: tuple[str, ...], per_class: int, films: int, size: int
) -> Iterator[tuple[str, str, SyntheticSmear]]:
    """(class, <FilmID>_<CellID>, crop); `stream` keeps the crops of different folders apart."""
    for c, kind in enumerate(classes):
        for k in range(per_class):
            film = (c + k + stream) % films
            rng = np.random.default_rng([seed, stream, c, k, 4])
            name = f"{film_id(film)}_{10 * stream + k + 1}_{c + 1}"
            yield kind, name, _portrait(rng, kind, size, _stain(seed, film))


def write_raabin_cropped(
    root: Path | str, seed: int = 0, films: int = 3, per_class: int = 2, *, size: int = BOX
) -> Truth:
    """Draw miniature cropped cells: `Train|TestA|TestB/<Class>/<FilmID>_<CellID>.jpg`.

    Args:
        root: Folder to fill.
        seed: Of all that is random.
        films: Smears the crops come from.
        per_class: Crops of each class in Train; half as many, rounded up, in TestA and in TestB, which has
            two classes only.
        size: Side of a crop, px; 575 in the real set.

    Returns:
        Image path -> drawn cells; the one white cell has the attribute class.
    """
    root, truth = Path(root), Truth()
    half = (per_class + 1) // 2
    parts = (("Train", CLASSES, per_class), ("TestA", CLASSES, half), ("TestB", TEST_B_CLASSES, half))
    for stream, (subset, classes, count) in enumerate(parts):
        for kind, name, smear in _portraits(seed, stream, classes, count, films, size):
            path = f"{subset}/{kind}/{name}.jpg"
            write_image(root / path, smear.image)
            truth[path] = smear.cells
    return truth


def write_raabin_fields(
    root: Path | str,
    seed: int = 0,
    films: int = 2,
    fields: int = 3,
    *,
    size: tuple[int, int] = (1328, 747),
    box: int | None = None,
    microscope: Literal["First_microscope", "Second_microscope"] = "First_microscope",
    orientation: int = 1,
) -> Truth:
    """Draw miniature full fields: `<microscope>/<FilmID>/{images,jsons}/<same stem>`.

    Every field has two or three white cells. The experts' labels run through all that occurs: both agree,
    they disagree, one or both are null, "Artifact", "Burst".

    Args:
        root: Folder to fill.
        seed: Field k of film f is the same for any number of either.
        films: Folders.
        fields: Images in each.
        size: (width, height), px; about 5312x2988 in the real set.
        box: Side of every box, px; by default 575 in proportion to the width.
        microscope: The folder's name.
        orientation: EXIF orientation written into the images; boxes are in the stored, un-rotated frame.

    Returns:
        Image path -> drawn cells; its white cells are in the order of Cell_0, Cell_1, ...
    """
    root, truth = Path(root), Truth()
    side = box or round(BOX * size[0] / FRAME[0])
    for film in range(films):
        for k in range(fields):
            rng = np.random.default_rng([seed, film, k, 5])
            classes = [_field_class(rng, n) for n in range(k, k + 2 + k % 2)]
            at = _field_places(rng, len(classes), size, side)
            smear = draw_smear(
                rng,
                *size,
                stain=_stain(seed, film),
                radius=62 * side / BOX,
                n_rbc=round(2.5 * size[0] * size[1] / side**2),
                wbc_classes=classes,
                wbc_at=at,
            )
            stem = f"2016{11 + film // 28 % 2}{film % 28 + 1:02d}_14{k // 60 % 60:02d}{k % 60:02d}"
            folder = f"{microscope}/{film_id(film)}"
            write_image(root / folder / "images" / f"{stem}.jpg", smear.image, orientation=orientation)
            data = _field_json(film_id(film), microscope, smear, at, side, k)
            write_text(root / folder / "jsons" / f"{stem}.json", json.dumps(data))
            truth[f"{folder}/images/{stem}.jpg"] = smear.cells
    return truth


def _field_class(rng: Rng, n: int) -> str:
    """The class of the n-th white cell: every fourth is burst."""
    return "Burst" if n % 4 == 3 else CLASSES[int(rng.choice(5, p=(0.05, 0.15, 0.3, 0.1, 0.4)))]


def _field_places(rng: Rng, count: int, size: tuple[int, int], side: int) -> npt.NDArray[np.float64]:
    """Centres (count, 2), px, side by side, so far inside that whole boxes fit."""
    width, height = size
    column = width / count
    slack = max(column - side, 0) / 2
    x = column * (np.arange(count) + 0.5) + rng.uniform(-slack, slack, count)
    y = rng.uniform(side / 2, height - side / 2, count)
    return np.stack([x, y], axis=1)


def _experts(kind: str, smear: SyntheticSmear, cell: Cell, n: int) -> tuple[str | None, str | None]:
    """What two experts say of the n-th cell."""
    if kind == "Burst":
        label = "Artifact" if n % 8 == 7 else "Burst"
        return label, label
    label = kind
    if kind == "Lymphocyte":
        is_small = cell.area < np.pi * (1.45 * smear.radius) ** 2
        label = "Small Lymph" if is_small else "Large Lymph"
    said: tuple[tuple[str | None, str | None], ...] = (
        (label, label),
        (label, None),
        (None, None),
        (label, label),
        (label, "Unknn"),
    )
    return said[n % 5]


def _field_json(
    film: str, microscope: str, smear: SyntheticSmear, at: npt.NDArray[np.float64], side: int, k: int
) -> dict[str, Any]:
    """What the real files say of a field; coordinates are strings there too."""
    height, width = smear.image.shape[:2]
    white = [cell for cell in smear.cells if cell.label == WBC]
    out: dict[str, Any] = {}
    for n, (cell, centre) in enumerate(zip(white, at, strict=True)):
        x = int(np.clip(round(centre[0] - side / 2), 0, width - side))
        y = int(np.clip(round(centre[1] - side / 2), 0, height - side))
        first, second = _experts(cell.attributes["class"], smear, cell, n + k)
        out[f"Cell_{n}"] = {
            "Label1": first,
            "Label2": second,
            "x1": str(x),
            "x2": str(x + side),
            "y1": str(y),
            "y2": str(y + side),
            "Cell_ID": f"{k + 1}_{n + 1}.bmp",
        }
    is_first = microscope == "First_microscope"
    return out | {
        "Zoom": "100x",
        "Stain Method": "Giemsa",
        "Film Label": "Normal",
        "Camera": "Samsung Galaxy S5" if is_first else "LG G3",
        "Microscop": "Olympus CX18" if is_first else "Zeiss",
        "Film ID": film,
        "Cell Numbers": len(white),
    }


def write_raabin_ground_truth(
    root: Path | str,
    seed: int = 0,
    films: int = 3,
    per_class: int = 2,
    *,
    size: int = BOX,
    levels: tuple[int, int, int] = (0, 128, 255),
    suffix: str = ".jpg",
) -> Truth:
    """Draw miniature nucleus and cytoplasm masks: `GrTh/{Original,Ground Truth}/<Class>/NAME`.

    Args:
        root: Folder to fill.
        seed: Of all that is random.
        films: Smears the crops come from.
        per_class: Crops of each class.
        size: Side of a crop, px.
        levels: Grey of background, cytoplasm and nucleus in the masks.
        suffix: Of the masks: ".jpg" (lossy) or ".bmp". The crops are JPEG.

    Returns:
        Path of the crop -> its white cell and, labelled "Nucleus", that cell's nucleus.
    """
    root, truth = Path(root), Truth()
    for kind, name, smear in _portraits(seed, 7, CLASSES, per_class, films, size):
        at, nucleus = next(iter(smear.nuclei.items()))
        cell = smear.cells[at]
        path = f"GrTh/Original/{kind}/{name}.jpg"
        write_image(root / path, smear.image)
        mask = np.full((size, size), levels[0], np.uint8)
        mask[smear.mask(WBC)] = levels[1]
        mask[_mask(nucleus, size)] = levels[2]
        write_image(root / "GrTh" / "Ground Truth" / kind / f"{name}{suffix}", mask)
        truth[path] = (cell, Cell("Nucleus", nucleus, attributes={"class": kind}))
    return truth


def _mask(region: Region, size: int) -> npt.NDArray[np.bool_]:
    return rasterise([region], size, size)


def write_raabin(
    root: Path | str,
    seed: int = 0,
    films: int = 2,
    *,
    fields: int = 3,
    per_class: int = 1,
    size: tuple[int, int] = (1328, 747),
    crop: int = 256,
) -> Truth:
    """Draw full fields and a few cropped cells of the same films into one folder.

    Args:
        root: Folder to fill.
        seed: Of all that is random.
        films: Smears, of both.
        fields: Full fields of each film.
        per_class: Crops of each class in Train.
        size: (width, height) of a field, px.
        crop: Side of a crop, px.

    Returns:
        Image path -> drawn cells, of both.
    """
    return write_raabin_fields(root, seed, films, fields, size=size) | write_raabin_cropped(
        root, seed, films, per_class, size=crop
    )
