"""Miniature ALL-IDB1 folders in their true layouts."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from shapely.geometry import MultiPoint, MultiPolygon, Polygon

from smearprep.errors import RecipeError
from smearprep.records import Cell, Shape
from smearprep.synthetic.camera import Image
from smearprep.synthetic.files import Truth, write_image, write_text
from smearprep.synthetic.smear import PLATELETS, RBC, WBC, SyntheticSmear, draw_smear

Mask = npt.NDArray[np.bool_]

SICK = tuple(f"Im{k:03d}_1" for k in (*range(1, 34), *range(48, 64)))
HEALTHY = tuple(f"Im{k:03d}_0" for k in (*range(34, 48), *range(64, 109)))
"""The true names of the 49 images of patients and the 59 of healthy people."""

MARKUP_LABELS = {"normal": "Truck", "teardrop": "Trailer", "burr": "Tanker"}
"""The form of a red cell -> what the DO-U-Net markup calls it."""


def write_all_idb1(
    root: Path | str,
    seed: int = 0,
    images: int = 8,
    *,
    size: tuple[int, int] = (648, 486),
    radius: float | None = None,
    masks: Literal["flat", "split", "none"] = "flat",
    markup: int = 2,
    experts: int = 2,
    defects: bool = False,
) -> Truth:
    """Draw a miniature ALL-IDB1: half patients with lymphoblasts, half healthy.

    As in the real set, red-cell masks, edges and markup exist for few images only, the last image has no
    white-cell mask, the third and the last have no platelet mask, healthy images have an empty xyc file, and
    the red-cell mask of Im001_1 is grey.

    Args:
        root: Folder to fill.
        seed: Image k is the same for any number of images.
        images: 1 to 98, the first half (rounded up) patients.
        size: (width, height) of each image, px; the real ones are 2592x1944 or 1712x1368.
        radius: Mean radius of a red cell, px; by default 1/40 of the width. (1/62 in the real images, but
            then red cells of a small image are below the 500 px that count as a speck.)
        masks: Class masks in `masks/{wbc,plt,rbc,rbc_edge}/` ("flat"), in
            `{wbc,rbc,plt}/{train,test}/{image,mask[,edge]}/` ("split"), or none.
        markup: Images with DO-U-Net markup and red-cell masks.
        experts: Images with lossless expert masks, the first ones.
        defects: Add to each markup file a self-crossing outline and one of zero area, and damage the
            white-cell mask of the second image (grey levels, channels differ).

    Returns:
        Image path, for example "im/Im001_1.jpg" -> drawn cells. Blasts have attribute class "Lymphoblast".

    Raises:
        RecipeError: More images than there are names.
    """
    sick = (images + 1) // 2
    if not 1 <= images <= 2 * len(SICK):
        raise RecipeError(f"images={images}: ALL-IDB1 has names for 1 to {2 * len(SICK)} images")
    root, truth = Path(root), Truth()
    names = [*SICK[:sick], *HEALTHY[: images - sick]]
    marked = names[:: max(1, len(names) // max(markup, 1))][:markup]
    annotated = _annotated(names, marked)
    for k, name in enumerate(names):
        rng = np.random.default_rng([seed, int(name[2:5])])
        smear = _draw(rng, name, size, radius or size[0] / 40)
        truth[f"im/{name}.jpg"] = smear.cells
        write_image(root / "im" / f"{name}.jpg", smear.image)
        write_text(root / "xyc" / f"{name}.xyc", _xyc(smear.cells))
        drawn = class_masks(smear)
        for kind, having in annotated.items():
            if masks != "none" and name in having:
                plane = _mask_pixels(rng, drawn[kind], kind, name, damage=defects and k == 1)
                folder = root / "masks" / kind
                if masks == "split":
                    is_test = having.index(name) >= max(1, len(having) * 3 // 4)
                    part = root / kind.removesuffix("_edge") / ("test" if is_test else "train")
                    folder = part / ("edge" if kind == "rbc_edge" else "mask")
                    write_image(part / "image" / f"{name}.jpg", smear.image)
                write_image(folder / f"{name}.jpg", plane, quality=80)
        if name in marked:
            write_text(root / "markup" / f"{name}.json", _markup(name, size, smear.cells, defects))
        if k < experts:
            _write_expert(root / "expert_masks", name, drawn, grey=k == experts - 1)
    return truth


def _draw(rng: np.random.Generator, name: str, size: tuple[int, int], radius: float) -> SyntheticSmear:
    """One image: lymphoblasts, a neutrophil and a smudge cell in patients, one white cell in the healthy."""
    stain = ("leishman", "warm", "grey")[int(rng.integers(3))]
    classes = None
    if name.endswith("_1"):
        classes = ["Lymphoblast"] * int(rng.integers(3, 7)) + ["Neutrophil", "Burst"]
    return draw_smear(rng, *size, stain=stain, radius=radius, wbc_classes=classes, n_platelets=6)


def _xyc(cells: Sequence[Cell]) -> str:
    """Blast centroids, one a line: x, tab, y of the pixel (counted from 0) that holds the centroid."""
    centres = [c.shape.centroid for c in cells if c.attributes.get("class") == "Lymphoblast"]
    return "".join(f"{int(p.x)}\t{int(p.y)}\n" for p in centres)


def _annotated(names: Sequence[str], marked: Sequence[str]) -> dict[str, list[str]]:
    """Which images have which mask."""
    most = list(names[:-1]) or list(names)
    few = [name for k, name in enumerate(most) if k != 2]
    return {"wbc": most, "plt": few, "rbc": list(marked), "rbc_edge": list(marked)}


# --------------------------------------------------------------------------------------------- masks
def class_masks(smear: SyntheticSmear) -> dict[str, Mask]:
    """The masks of a smear, each (H, W) bool: "wbc", "plt", "rbc" (less the white cells), "rbc_edge"."""
    wbc = smear.mask(WBC)
    return {
        "wbc": wbc,
        "plt": smear.mask(PLATELETS),
        "rbc": smear.mask(RBC) & ~wbc,
        "rbc_edge": _edges(smear),
    }


def _edges(smear: SyntheticSmear) -> Mask:
    """The outlines of the red cells as lines a few px wide."""
    import cv2

    plane = np.zeros(smear.image.shape[:2], np.uint8)
    rings = [
        # x of a continuous point is x - 0.5 where pixels have their centres on integers; 4 fractional bits
        np.rint((np.asarray(_largest(cell.shape).exterior.coords)[:-1] - 0.5) * 16).astype(np.int32)
        for cell in smear.cells
        if cell.label == RBC
    ]
    cv2.polylines(plane, rings, True, 255, max(1, round(smear.radius / 12)), cv2.LINE_8, 4)
    return plane > 0


def _mask_pixels(rng: np.random.Generator, mask: Mask, kind: str, name: str, damage: bool) -> Image:
    """A class mask as the file has it: three channels, grey for the red cells of Im001_1, or damaged."""
    plane = mask.astype(np.uint8) * np.uint8(255)
    if name == "Im001_1" and kind.startswith("rbc"):
        return plane
    pixels = np.dstack([plane] * 3)
    if damage and kind == "wbc":
        pixels = np.clip(pixels * 0.8 + 25 + rng.normal(0, 14, pixels.shape), 0, 255).astype(np.uint8)
    return pixels


def _write_expert(folder: Path, name: str, masks: Mapping[str, Mask], grey: bool) -> None:
    """Lossless masks in the two modes that the real ones have: 1 and, for one white-cell mask, L."""
    from PIL import Image as PillowImage

    folder.mkdir(parents=True, exist_ok=True)
    for kind, suffix in (("rbc", "RBC"), ("wbc", "WBCs")):
        plane = PillowImage.fromarray(masks[kind].astype(np.uint8) * np.uint8(255))
        path = folder / f"{name}_{suffix}.tif"
        if grey and kind == "wbc":
            plane.save(path, compression="packbits")
        else:
            plane.convert("1").save(path, compression="tiff_ccitt")


# -------------------------------------------------------------------------------------------- markup
def _markup(name: str, size: tuple[int, int], cells: Sequence[Cell], defects: bool) -> str:
    """DO-U-Net markup of the red cells; with defects, two entries more."""
    red = [(MARKUP_LABELS[c.attributes["form"]], markup_ring(c.shape)) for c in cells if c.label == RBC]
    if defects and red:
        crossed = red[0][1].copy()
        crossed[[0, len(crossed) // 2]] = crossed[[len(crossed) // 2, 0]]
        red += [("Truck", crossed), ("Truck", np.array([[20, 20], [30, 20], [25, 20]]))]
    whole = {
        "version": "v0.0.1",
        "last_modified": "2020-01-20 12:50:11",
        "image_information": {
            "image_name": f"{name}.jpg",
            "image_height": size[1],
            "image_width": size[0],
        },
        "markup": [_entry(label, ring) for label, ring in red],
        "completed_chips": "[]",  # a string in the real files too
        "last_viewed_chip": {"x": None, "y": None},
        "percentage_complete": 0.0,
    }
    return json.dumps(whole, indent=4)


def _entry(label: str, ring: npt.NDArray[np.int64]) -> dict[str, Any]:
    (x0, y0), (x1, y1) = ring.min(axis=0).tolist(), ring.max(axis=0).tolist()
    corners = {
        "top_left": (x0, y0),
        "top_right": (x1, y0),
        "bottom_left": (x0, y1),
        "bottom_right": (x1, y1),
    }
    return {
        "shape": 5,
        "vertices": [{"x": x, "y": y} for x, y in ring.tolist()],
        "bounding_box": {key: {"x": float(x), "y": float(y)} for key, (x, y) in corners.items()},
        "object_label": label,
        "marker": "SYNTHETIC",
        "marker_comments": [],
    }


def markup_ring(shape: Shape) -> npt.NDArray[np.int64]:
    """The outline as the markup of a drawn cell has it.

    Args:
        shape: Polygon of a drawn cell, px.

    Returns:
        (n, 2) int64 x, y: open, a valid polygon, each vertex rounded, repeated ones left out. Where
        rounding makes the outline touch itself, its convex hull.
    """
    ring = np.rint(np.asarray(_largest(shape).exterior.coords)[:-1]).astype(np.int64)
    ring = ring[(ring != np.roll(ring, 1, axis=0)).any(axis=1)]
    if len(ring) < 3 or not Polygon(ring).is_valid:
        hull = MultiPoint(np.rint(np.asarray(shape.convex_hull.boundary.coords))).convex_hull
        ring = np.asarray(hull.boundary.coords)[:-1].astype(np.int64)
    return ring


def _largest(shape: Shape) -> Polygon:
    if isinstance(shape, MultiPolygon):
        return max(shape.geoms, key=lambda part: part.area)
    assert isinstance(shape, Polygon)
    return shape
