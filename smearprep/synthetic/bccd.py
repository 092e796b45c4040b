"""Miniature BCCD folders: the VOC edition and the Kaggle edition."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import shapely

from smearprep.errors import RecipeError
from smearprep.records import Cell
from smearprep.synthetic.camera import Image
from smearprep.synthetic.files import Truth, write_image, write_text
from smearprep.synthetic.smear import RBC, SyntheticSmear, draw_smear

Box = tuple[str, int, int, int, int]
SIZE = (640, 480)
KAGGLE_CLASSES = ("Eosinophil", "Lymphocyte", "Monocyte", "Neutrophil")


def voc_box(cell: Cell) -> Box:
    """A drawn cell as (label, xmin, ymin, xmax, ymax): the pixels it touches, counted from 1, inclusive."""
    x0, y0, x1, y1 = cell.bounds
    return cell.label, math.floor(x0) + 1, math.floor(y0) + 1, math.ceil(x1), math.ceil(y1)


def write_bccd(root: Path | str, seed: int = 0, images: int = 10, *, defects: bool = False) -> Truth:
    """Draw a miniature BCCD, VOC edition: JPEGImages, Annotations, ImageSets/Main, 640x480 px.

    The subsets have the real proportions, each at least one image from 3 images on.

    Args:
        root: Folder to fill.
        seed: Image k is the same for any number of images.
        images: How many.
        defects: The annotation of the first image gets a red-cell box of zero size, that of the second a
            near duplicate (the largest red cell, shifted by 2 px both ways), that of the third lacks all its
            red-cell boxes, and that of the fourth calls one platelet "Platetlets". The images show every
            cell all the same.

    Returns:
        Image path, for example "JPEGImages/BloodImage_00000.jpg" -> drawn cells, in the order of the boxes.

    Raises:
        RecipeError: Defects asked of fewer than 4 images, or no image.
    """
    if images < (4 if defects else 1):
        raise RecipeError(f"images={images}: needs at least {4 if defects else 1}")
    root, truth, names = Path(root), Truth(), []
    for k in range(images):
        name = f"BloodImage_{k + k // 9:05d}"  # the real numbers have gaps too
        smear = _draw(np.random.default_rng([seed, k]), None)
        boxes = [voc_box(cell) for cell in smear.cells]
        write_image(root / "JPEGImages" / f"{name}.jpg", smear.image)
        write_text(root / "Annotations" / f"{name}.xml", _xml(name, _spoilt(boxes, k) if defects else boxes))
        truth[f"JPEGImages/{name}.jpg"] = smear.cells
        names.append(name)
    for subset, members in _subsets(np.random.default_rng([seed, images, 1]), names):
        write_text(root / "ImageSets" / "Main" / f"{subset}.txt", "".join(f"{m}\n" for m in members))
    return truth


def _draw(rng: np.random.Generator, classes: Sequence[str] | None) -> SyntheticSmear:
    stain = ("wright", "wright", "leishman")[int(rng.integers(3))]
    return draw_smear(
        rng,
        *SIZE,
        stain=stain,
        radius=48,
        n_rbc=int(rng.integers(9, 17)),
        n_platelets=int(rng.integers(1, 4)),
        wbc_classes=classes,
    )


def _spoilt(boxes: Sequence[Box], k: int) -> list[Box]:
    """The boxes of image k with its defect, each kind of which the real set has too."""
    out = list(boxes)
    red = [box for box in boxes if box[0] == RBC]
    if k == 0:
        out.append((RBC, 504, 337, 504, 337))
    elif k == 1:
        label, x0, y0, x1, y1 = max(red, key=lambda box: (box[3] - box[1]) * (box[4] - box[2]))
        by_x, by_y = 2 if x1 + 2 <= SIZE[0] else -2, 2 if y1 + 2 <= SIZE[1] else -2
        out.append((label, x0 + by_x, y0 + by_y, x1 + by_x, y1 + by_y))
    elif k == 2:
        out = [box for box in boxes if box[0] != RBC]
    elif k == 3:
        at = next(i for i, box in enumerate(boxes) if box[0] == "Platelets")
        out[at] = ("Platetlets", *boxes[at][1:])
    return out


def _subsets(rng: np.random.Generator, names: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """Subsets in the proportions 205 : 87 : 72, sorted; trainval is train and val."""
    count = len(names)
    least = int(count >= 3)
    val, test = max(least, round(count * 87 / 364)), max(least, round(count * 72 / 364))
    order = [names[k] for k in rng.permutation(count)]
    yield "test", sorted(order[:test])
    yield "val", sorted(order[test : test + val])
    yield "train", sorted(order[test + val :])
    yield "trainval", sorted(order[test:])


def _xml(name: str, boxes: Sequence[Box]) -> str:
    """A VOC annotation, laid out as the real ones."""
    head = (
        f"<annotation>\n\t<folder>JPEGImages</folder>\n\t<filename>{name}.jpg</filename>\n"
        f"\t<path>JPEGImages/{name}.jpg</path>\n\t<source>\n\t\t<database>Unknown</database>\n\t</source>\n"
        f"\t<size>\n\t\t<width>{SIZE[0]}</width>\n\t\t<height>{SIZE[1]}</height>\n\t\t<depth>3</depth>\n"
        "\t</size>\n\t<segmented>0</segmented>\n"
    )
    return head + "".join(map(_object, boxes)) + "</annotation>\n"


def _object(box: Box) -> str:
    label, *numbers = box
    corners = "".join(
        f"\t\t\t<{key}>{value}</{key}>\n"
        for key, value in zip(("xmin", "ymin", "xmax", "ymax"), numbers, strict=True)
    )
    return (
        f"\t<object>\n\t\t<name>{label}</name>\n\t\t<pose>Unspecified</pose>\n\t\t<truncated>0</truncated>\n"
        f"\t\t<difficult>0</difficult>\n\t\t<bndbox>\n{corners}\t\t</bndbox>\n\t</object>\n"
    )


def write_bccd_kaggle(
    root: Path | str, seed: int = 0, originals: int = 8, copies: int = 2, *, nested: bool = True
) -> Truth:
    """Draw a miniature BCCD, Kaggle edition.

    `dataset-master` holds the originals (640x480) with boxes and labels.csv; `dataset2-master` mirrored
    copies of them (320x240) by class: TRAIN and TEST never share an original, TEST_SIMPLE holds one plain
    copy of each original of TEST. In `_0_187.jpeg`, 0 is the original.

    Args:
        root: Folder to fill.
        seed: Original k is the same for any number of originals.
        originals: How many; classes in turn, every other four go to TEST.
        copies: Of each original in TRAIN or TEST.
        nested: `dataset-master/dataset-master/...` as downloaded; False: `dataset-master/...`.

    Returns:
        Image path -> drawn cells (of copies: mirrored and halved as the pixels).
    """
    root, truth = Path(root), Truth()
    first = root / "dataset-master" / ("dataset-master" if nested else "")
    second = root / "dataset2-master" / ("dataset2-master" if nested else "") / "images"
    rows = [",Image,Category\n"]
    for k in range(originals):
        kind, name = KAGGLE_CLASSES[k % 4], f"BloodImage_{k:05d}"
        rng = np.random.default_rng([seed, k, 2])
        smear = _draw(rng, [kind])
        path = first / "JPEGImages" / f"{name}.jpg"
        write_image(path, smear.image)
        write_text(first / "Annotations" / f"{name}.xml", _xml(name, [voc_box(c) for c in smear.cells]))
        truth[path.relative_to(root).as_posix()] = smear.cells
        rows.append(f",{k},{kind.upper()}\n")
        is_test = k // 4 % 2 == 1
        numbers = rng.permutation(9999)[: copies + 1]
        for n, number in enumerate(numbers[: copies + is_test]):
            plain = n == copies
            subset = "TEST_SIMPLE" if plain else "TEST" if is_test else "TRAIN"
            mirror = (False, False) if plain else (bool(rng.integers(2)), bool(rng.integers(2)))
            copy = second / subset / kind.upper() / f"_{k}_{number}.jpeg"
            image, cells = _copy(smear, *mirror)
            write_image(copy, image)
            truth[copy.relative_to(root).as_posix()] = cells
    write_text(first / "labels.csv", "".join(rows))
    return truth


def _copy(smear: SyntheticSmear, flip_x: bool, flip_y: bool) -> tuple[Image, tuple[Cell, ...]]:
    """A smear mirrored along x, y or both and halved, pixels and cells alike."""
    import cv2

    image = smear.image[:: -1 if flip_y else 1, :: -1 if flip_x else 1]
    small = np.asarray(
        cv2.resize(image, (SIZE[0] // 2, SIZE[1] // 2), interpolation=cv2.INTER_AREA), np.uint8
    )
    sign = np.array([-0.5 if flip_x else 0.5, -0.5 if flip_y else 0.5])
    shift = np.array([SIZE[0] / 2 if flip_x else 0, SIZE[1] / 2 if flip_y else 0])
    cells = tuple(
        Cell(c.label, shapely.transform(c.shape, lambda xy: xy * sign + shift), c.outline, c.attributes)
        for c in smear.cells
    )
    return small, cells
