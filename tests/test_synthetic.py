"""Drawn smears: exact outlines, the same bytes for a seed, the true layouts."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import defusedxml.ElementTree
import numpy as np
import numpy.typing as npt
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image as PillowImage
from shapely.geometry import Polygon

from smearprep import synthetic
from smearprep.errors import GeometryError, RecipeError
from smearprep.records import Cell
from smearprep.synthetic import STAINS, WHITE_KINDS, Stain, SyntheticSmear, coverage, draw_smear, rasterise

SMALL: dict[str, Any] = {"size": (324, 243), "radius": 11}


def _smear(seed: int = 0, **options: Any) -> SyntheticSmear:
    return draw_smear(np.random.default_rng(seed), 240, 180, **{"radius": 14, **options})


def _read(path: Path) -> npt.NDArray[np.uint8]:
    image = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert image is not None
    return np.asarray(image[..., ::-1] if image.ndim == 3 else image, np.uint8)


def _files(root: Path) -> dict[str, str]:
    """Every file below a folder -> digest of its bytes."""
    return {
        path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(root.rglob("*"))
        if path.is_file()
    }


def _folders(root: Path) -> set[str]:
    return {path.relative_to(root).parent.as_posix() for path in root.rglob("*") if path.is_file()}


# ------------------------------------------------------------------------------------------- coverage
@st.composite
def regions(draw: st.DrawFn) -> Any:
    """Star-shaped polygons in a 30x30 window, perhaps with a hole, perhaps in two parts."""
    count = draw(st.integers(3, 12))
    away = draw(st.lists(st.floats(2, 12), min_size=count, max_size=count))
    x, y = draw(st.floats(12, 18)), draw(st.floats(12, 18))
    turn = 2 * math.pi * np.arange(count) / count
    ring = np.stack([x + away * np.cos(turn), y + away * np.sin(turn)], axis=1)
    region = Polygon(np.round(ring, draw(st.sampled_from([0, 1, 6])))).buffer(0)
    if draw(st.booleans()):
        region = region.difference(shapely.box(x - 1, y - 1, x + 0.7, y + 0.4))
    if draw(st.booleans()):
        region = shapely.union_all([region, shapely.box(0, 0, 1.5, 2.25)])
    return region


@settings(max_examples=40, deadline=None)
@given(regions())
def test_coverage_is_the_area_in_every_pixel(region: Any) -> None:
    if region.is_empty:
        return
    got = coverage(region, (0, 0, 30, 30))
    x, y = np.meshgrid(np.arange(30), np.arange(30))
    exact = shapely.area(shapely.intersection(region, shapely.box(x, y, x + 1, y + 1)))
    assert np.abs(got - exact).max() < 1e-5


def test_coverage_refuses_a_shape_that_reaches_beyond_its_window() -> None:
    with pytest.raises(GeometryError, match="beyond"):
        coverage(shapely.box(0, 0, 5, 5), (1, 0, 10, 10))


def test_rasterise_is_the_union() -> None:
    a, b = shapely.box(1, 1, 4, 4), shapely.box(3, 3, 6, 5)
    assert rasterise([a, b], 8, 7).sum() == shapely.union(a, b).area
    assert not rasterise([], 8, 7).any()


# -------------------------------------------------------------------------------------------- smears
def test_the_same_seed_gives_the_same_bytes() -> None:
    one, two, other = _smear(3), _smear(3), _smear(4)
    assert one.image.tobytes() == two.image.tobytes()
    assert one.cells == two.cells and one.nuclei == two.nuclei
    assert one.image.tobytes() != other.image.tobytes()


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    width=st.integers(90, 200),
    height=st.integers(90, 200),
    n_rbc=st.integers(0, 30),
    n_wbc=st.integers(0, 3),
    n_platelets=st.integers(0, 5),
)
def test_as_many_cells_as_asked_for_each_valid_and_inside(
    seed: int, width: int, height: int, n_rbc: int, n_wbc: int, n_platelets: int
) -> None:
    smear = draw_smear(
        np.random.default_rng(seed),
        width,
        height,
        radius=12,
        n_rbc=n_rbc,
        n_wbc=n_wbc,
        n_platelets=n_platelets,
        odd_forms=0.5,
    )
    assert smear.image.shape == (height, width, 3) and smear.image.dtype == np.uint8
    counts = Counter(cell.label for cell in smear.cells)
    assert (counts["RBC"], counts["WBC"], counts["Platelets"]) == (n_rbc, n_wbc, n_platelets)
    frame = shapely.box(0, 0, width, height)
    for cell in smear.cells:
        assert isinstance(cell.shape, Polygon) and cell.shape.is_valid and cell.area > 1
        assert frame.covers(cell.shape)
    for at, nucleus in smear.nuclei.items():
        assert smear.cells[at].label == "WBC" and nucleus.is_valid
        assert nucleus.difference(smear.cells[at].shape).area < 1e-6


@pytest.mark.parametrize("seed", range(3))
def test_the_pixels_that_are_drawn_are_those_the_outlines_cover(seed: int) -> None:
    glass = (210.0, 210.0, 210.0)
    options: dict[str, Any] = {"blur": 0.0, "noise": 0.0, "odd_forms": 0.3, "n_wbc": 2, "n_rbc": 14}
    seen = _smear(
        seed, stain=Stain(glass, (150, 60, 60), (60, 20, 90), (80, 80, 150), (150, 70, 70), 0.3), **options
    )
    bare = _smear(seed, stain=Stain(glass, glass, glass, glass, glass), **options)
    assert [cell.shape for cell in seen.cells] == [cell.shape for cell in bare.cells]
    changed = np.abs(seen.image.astype(int) - bare.image).max(axis=2) > 3
    cover = np.max([coverage(c.shape, (0, 0, 240, 180)) for c in seen.cells], axis=0)  # type: ignore[arg-type]
    assert not changed[cover == 0].any()
    assert changed[cover > 0.99].mean() > 0.999
    assert (seen.mask("RBC") | seen.mask("WBC") | seen.mask("Platelets") == (cover >= 0.5)).all()


@pytest.mark.parametrize("kind", WHITE_KINDS)
@pytest.mark.parametrize("stain", ["leishman", "giemsa"])
def test_white_cells_are_dark_in_the_middle_of_a_pale_field(kind: str, stain: str) -> None:
    smear = _smear(1, stain=stain, wbc_classes=[kind], wbc_at=[(120, 90)], n_rbc=6)
    (at, nucleus), (cell,) = next(iter(smear.nuclei.items())), [c for c in smear.cells if c.label == "WBC"]
    assert smear.cells[at] is cell and cell.attributes == {"class": kind}
    centre = cell.shape.centroid
    assert math.hypot(centre.x - 120, centre.y - 90) < 6
    inside = smear.image[rasterise([nucleus], 240, 180)].mean()
    anywhere = ~(smear.mask("WBC") | smear.mask("RBC") | smear.mask("Platelets"))
    assert inside < 0.75 * smear.image[anywhere].mean()


def test_red_cells_are_pale_in_the_middle() -> None:
    stain = Stain((220, 220, 220), (150, 90, 90), (60, 20, 90), (80, 80, 150), (150, 70, 70), 0.6)
    smear = _smear(2, stain=stain, n_rbc=1, n_wbc=0, n_platelets=0, odd_forms=0, noise=0)
    (cell,) = smear.cells
    assert cell.attributes == {"form": "normal"}
    core = rasterise([cell.shape.buffer(-10)], 240, 180)
    rim = smear.mask("RBC") & ~rasterise([cell.shape.buffer(-4)], 240, 180)
    assert smear.image[core].mean() > smear.image[rim].mean() + 10


def test_odd_forms_and_stains_by_name() -> None:
    smear = _smear(0, odd_forms=1.0, n_rbc=20)
    forms = {cell.attributes["form"] for cell in smear.cells if cell.label == "RBC"}
    assert forms == {"teardrop", "burr"}
    assert len({_smear(0, stain=name).image.tobytes() for name in STAINS}) == len(STAINS)


@pytest.mark.parametrize(
    ("options", "what"),
    [
        ({"radius": 60}, "too small"),
        ({"radius": 1}, "too small"),
        ({"stain": "purple"}, "no stain 'purple'"),
        ({"wbc_classes": ["Neutrophile"]}, "no white cells of class 'Neutrophile'"),
        ({"wbc_classes": ["Band"], "wbc_at": [(50, 50), (60, 60)]}, "2 centres"),
    ],
)
def test_what_cannot_be_drawn_is_said(options: dict[str, Any], what: str) -> None:
    with pytest.raises(GeometryError, match=what):
        _smear(0, **options)


def test_importing_draws_in_nothing_heavy() -> None:
    code = "import sys, smearprep.synthetic, smearprep.drawing; sys.exit('cv2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


# ------------------------------------------------------------------------------------------- writers
WRITERS: dict[str, tuple[Callable[..., synthetic.Truth], dict[str, Any]]] = {
    "all_idb1": (synthetic.write_all_idb1, {"images": 2, "defects": True, **SMALL}),
    "bccd": (synthetic.write_bccd, {"images": 4, "defects": True}),
    "bccd_kaggle": (synthetic.write_bccd_kaggle, {"originals": 2, "copies": 1}),
    "raabin": (synthetic.write_raabin, {"films": 1, "fields": 1, "size": (664, 374), "crop": 96}),
    "raabin_ground_truth": (synthetic.write_raabin_ground_truth, {"per_class": 1, "size": 96}),
}


@pytest.mark.parametrize("name", WRITERS)
def test_writers_write_the_same_bytes_for_a_seed_and_return_what_they_drew(name: str, tmp_path: Path) -> None:
    write, options = WRITERS[name]
    truth = write(tmp_path / "a", 5, **options)
    assert write(tmp_path / "b", 5, **options) == truth
    write(tmp_path / "c", 6, **options)
    one, two, other = _files(tmp_path / "a"), _files(tmp_path / "b"), _files(tmp_path / "c")
    assert one == two and one != other
    for path, cells in truth.items():
        height, width = _read(tmp_path / "a" / path).shape[:2]
        frame = shapely.box(0, 0, width, height)
        assert cells and all(frame.covers(cell.shape) for cell in cells)


# ------------------------------------------------------------------------------------------ ALL-IDB1
@pytest.fixture(scope="module")
def idb(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, synthetic.Truth]:
    root = tmp_path_factory.mktemp("idb")
    return root, synthetic.write_all_idb1(root, images=6, defects=True, **SMALL)


def test_all_idb1_has_the_true_names_and_folders(idb: tuple[Path, synthetic.Truth]) -> None:
    root, truth = idb
    names = ["Im001_1", "Im002_1", "Im003_1", "Im034_0", "Im035_0", "Im036_0"]
    assert list(truth) == [f"im/{name}.jpg" for name in names]
    assert _folders(root) == {
        *("im", "xyc", "markup", "expert_masks"),
        *(f"masks/{kind}" for kind in ("wbc", "plt", "rbc", "rbc_edge")),
    }
    for kind, expected in {
        "wbc": names[:-1],
        "plt": [*names[:2], *names[3:-1]],
        "rbc": ["Im001_1", "Im034_0"],
        "rbc_edge": ["Im001_1", "Im034_0"],
    }.items():
        assert sorted(p.stem for p in (root / "masks" / kind).iterdir()) == expected


def test_all_idb1_split_layout(tmp_path: Path) -> None:
    synthetic.write_all_idb1(tmp_path, images=4, masks="split", markup=2, experts=0, **SMALL)
    for kind, parts in {
        "wbc": {"image", "mask"},
        "plt": {"image", "mask"},
        "rbc": {"image", "mask", "edge"},
    }.items():
        for subset in ("train", "test"):
            folders = {
                p.name: sorted(q.name for q in p.iterdir()) for p in (tmp_path / kind / subset).iterdir()
            }
            assert folders.keys() == parts
            assert all(files == folders["image"] != [] for files in folders.values())
    image = next((tmp_path / "rbc" / "train" / "image").iterdir())
    assert image.read_bytes() == (tmp_path / "im" / image.name).read_bytes()
    assert not (tmp_path / "masks").exists()


def test_all_idb1_blasts_are_in_the_xyc_files(idb: tuple[Path, synthetic.Truth]) -> None:
    root, truth = idb
    for path, cells in truth.items():
        text = (root / "xyc" / f"{Path(path).stem}.xyc").read_text()
        blasts = [c.shape for c in cells if c.attributes.get("class") == "Lymphoblast"]
        points = [tuple(map(int, line.split("\t"))) for line in text.splitlines()]
        assert len(points) == len(blasts) and bool(points) == path.endswith("_1.jpg")
        assert all(
            shape.contains(shapely.Point(x + 0.5, y + 0.5))
            for (x, y), shape in zip(points, blasts, strict=True)
        )


def test_all_idb1_masks_are_lossy_and_true_after_the_threshold(idb: tuple[Path, synthetic.Truth]) -> None:
    root, truth = idb
    cells = truth["im/Im001_1.jpg"]
    for kind, label in (("wbc", "WBC"), ("plt", "Platelets"), ("rbc", "RBC")):
        mask = _read(root / "masks" / kind / "Im001_1.jpg")
        assert mask.ndim == (2 if kind == "rbc" else 3)
        plane = mask if mask.ndim == 2 else mask[..., 0]
        assert ((plane > 5) & (plane < 250)).any()
        drawn = rasterise([c.shape for c in cells if c.label == label], 324, 243)  # type: ignore[misc]
        if kind == "rbc":
            drawn &= ~rasterise([c.shape for c in cells if c.label == "WBC"], 324, 243)  # type: ignore[misc]
        assert ((plane > 127) != drawn).sum() <= 0.03 * drawn.sum() + 3
    edge = _read(root / "masks" / "rbc_edge" / "Im034_0.jpg")[..., 0] > 127
    rims = shapely.union_all([c.shape.boundary for c in truth["im/Im034_0.jpg"] if c.label == "RBC"])
    near = shapely.distance(rims, shapely.points(np.argwhere(edge)[:, ::-1] + 0.5))
    assert near.max() < 3 and edge.sum() > 0.7 * rims.length
    damaged = _read(root / "masks" / "wbc" / "Im002_1.jpg")
    assert (damaged[..., 0] != damaged[..., 1]).mean() > 0.5 and len(np.unique(damaged)) > 100


def test_all_idb1_markup(idb: tuple[Path, synthetic.Truth]) -> None:
    root, truth = idb
    for name in ("Im001_1", "Im034_0"):
        data = json.loads((root / "markup" / f"{name}.json").read_text())
        assert data["image_information"] == {
            "image_name": f"{name}.jpg",
            "image_height": 243,
            "image_width": 324,
        }
        red = [cell for cell in truth[f"im/{name}.jpg"] if cell.label == "RBC"]
        *entries, crossed, flat = data["markup"]
        assert len(entries) == len(red)
        for entry, cell in zip(entries, red, strict=True):
            shape = Polygon([(v["x"], v["y"]) for v in entry["vertices"]])
            assert (
                shape.is_valid
                and entry["object_label"] == synthetic.all_idb1.MARKUP_LABELS[cell.attributes["form"]]
            )
            assert shape.intersection(cell.shape).area > 0.85 * shape.union(cell.shape).area
            assert all(isinstance(v["x"], int) for v in entry["vertices"])
        assert not Polygon([(v["x"], v["y"]) for v in crossed["vertices"]]).is_valid
        assert Polygon([(v["x"], v["y"]) for v in flat["vertices"]]).area == 0


def test_all_idb1_expert_masks_are_lossless_in_two_modes(idb: tuple[Path, synthetic.Truth]) -> None:
    root, truth = idb
    modes = {}
    for path in sorted((root / "expert_masks").iterdir()):
        with PillowImage.open(path) as image:
            modes[path.name], plane = image.mode, np.asarray(image).astype(bool)
        if "WBC" in path.name:
            cells = truth[f"im/{path.name[:7]}.jpg"]
            assert (plane == rasterise([c.shape for c in cells if c.label == "WBC"], 324, 243)).all()  # type: ignore[misc]
    assert modes == {
        "Im001_1_RBC.tif": "1",
        "Im001_1_WBCs.tif": "1",
        "Im002_1_RBC.tif": "1",
        "Im002_1_WBCs.tif": "L",
    }


def test_all_idb1_images_do_not_depend_on_how_many_there_are(tmp_path: Path) -> None:
    synthetic.write_all_idb1(tmp_path / "a", images=1, masks="none", markup=0, experts=0, **SMALL)
    synthetic.write_all_idb1(tmp_path / "b", images=2, masks="none", markup=0, experts=0, **SMALL)
    assert _files(tmp_path / "a").items() <= _files(tmp_path / "b").items()
    with pytest.raises(RecipeError, match="99"):
        synthetic.write_all_idb1(tmp_path / "c", images=99)


# ---------------------------------------------------------------------------------------------- BCCD
def _boxes(path: Path) -> list[tuple[str, int, int, int, int]]:
    root = defusedxml.ElementTree.parse(path).getroot()
    assert root is not None and root.findtext("filename") == f"{path.stem}.jpg"
    assert (root.findtext("size/width"), root.findtext("size/height")) == ("640", "480")
    return [
        (
            str(o.findtext("name")),
            *(int(str(o.findtext(f"bndbox/{k}"))) for k in ("xmin", "ymin", "xmax", "ymax")),
        )  # type: ignore[misc]
        for o in root.iter("object")
    ]


def test_bccd_voc_edition(tmp_path: Path) -> None:
    truth = synthetic.write_bccd(tmp_path, images=10)
    assert _folders(tmp_path) == {"JPEGImages", "Annotations", "ImageSets/Main"}
    stems = [Path(path).stem for path in truth]
    assert stems[0] == "BloodImage_00000" and len(set(stems)) == 10
    for path, cells in truth.items():
        boxes = _boxes(tmp_path / "Annotations" / f"{Path(path).stem}.xml")
        assert boxes == [synthetic.voc_box(cell) for cell in cells]
        for (_, x0, y0, x1, y1), cell in zip(boxes, cells, strict=True):
            assert 1 <= x0 <= x1 <= 640 and 1 <= y0 <= y1 <= 480
            assert np.abs(np.subtract((x0 - 1, y0 - 1, x1, y1), cell.bounds)).max() < 1
    lists = {p.stem: p.read_text().split() for p in (tmp_path / "ImageSets" / "Main").iterdir()}
    assert sorted(lists["train"] + lists["val"] + lists["test"]) == stems
    assert lists["trainval"] == sorted(lists["train"] + lists["val"])
    assert [len(lists[k]) for k in ("train", "val", "test")] == [6, 2, 2]


def test_bccd_defects(tmp_path: Path) -> None:
    truth = synthetic.write_bccd(tmp_path, images=5, defects=True)
    boxes = [_boxes(tmp_path / "Annotations" / f"{Path(path).stem}.xml") for path in truth]
    drawn = [[synthetic.voc_box(cell) for cell in cells] for cells in truth.values()]
    assert boxes[0] == [*drawn[0], ("RBC", 504, 337, 504, 337)]
    twin = shapely.box(*boxes[1][-1][1:])
    overlap = [
        twin.intersection(shapely.box(*b[1:])).area / twin.union(shapely.box(*b[1:])).area for b in drawn[1]
    ]
    assert boxes[1][:-1] == drawn[1] and 0.8 <= max(overlap) < 1
    assert boxes[2] == [b for b in drawn[2] if b[0] != "RBC"] != drawn[2]
    assert sum(b[0] == "Platetlets" for b in boxes[3]) == 1 and len(boxes[3]) == len(drawn[3])
    assert boxes[4] == drawn[4]
    with pytest.raises(RecipeError, match="at least 4"):
        synthetic.write_bccd(tmp_path / "few", images=3, defects=True)


@pytest.mark.parametrize("nested", [True, False])
def test_bccd_kaggle_edition(nested: bool, tmp_path: Path) -> None:
    truth = synthetic.write_bccd_kaggle(tmp_path, originals=8, copies=1, nested=nested)
    first = "dataset-master/dataset-master" if nested else "dataset-master"
    second = "dataset2-master/dataset2-master/images" if nested else "dataset2-master/images"
    classes = ("EOSINOPHIL", "LYMPHOCYTE", "MONOCYTE", "NEUTROPHIL")
    subsets = {f"{second}/{s}/{c}" for s in ("TRAIN", "TEST", "TEST_SIMPLE") for c in classes}
    assert _folders(tmp_path) == {first, f"{first}/JPEGImages", f"{first}/Annotations", *subsets}
    rows = (tmp_path / first / "labels.csv").read_text().splitlines()
    assert rows[:2] == [",Image,Category", ",0,EOSINOPHIL"] and len(rows) == 9
    where: dict[str, set[str]] = {}
    for path, cells in truth.items():
        if path.startswith(second):
            _, original, number = Path(path).stem.split("_")
            where.setdefault(original, set()).add(path.split("/")[-3])
            assert number.isdigit() and path.endswith(".jpeg")
            image = _read(tmp_path / path)
            assert image.shape == (240, 320, 3)
            (white,) = [cell.shape for cell in cells if cell.label == "WBC"]
            assert white.area > 0.5 * math.pi * 24**2 / 4
            mask = rasterise([white], 320, 240)  # type: ignore[list-item]
            assert image[..., 1][mask].mean() < image[..., 1].mean() - 20
    assert all(not {"TRAIN", "TEST"} <= subset for subset in where.values())


# -------------------------------------------------------------------------------------------- Raabin
def test_raabin_fields(tmp_path: Path) -> None:
    truth = synthetic.write_raabin_fields(tmp_path, films=2, fields=3, size=(664, 374))
    labels: set[Any] = set()
    for path, cells in truth.items():
        top, film, images, name = path.split("/")
        assert (top, images) == ("First_microscope", "images")
        data = json.loads((tmp_path / top / film / "jsons" / name).with_suffix(".json").read_text())
        assert data["Film ID"] == film and "Microscop" in data
        boxes = [value for key, value in data.items() if key.startswith("Cell_")]
        white = [cell for cell in cells if cell.label == "WBC"]
        assert len(boxes) == data["Cell Numbers"] == len(white)
        for box, cell in zip(boxes, white, strict=True):
            assert all(isinstance(box[key], str) for key in ("x1", "x2", "y1", "y2"))
            x0, y0, x1, y1 = (int(box[key]) for key in ("x1", "y1", "x2", "y2"))
            assert x1 - x0 == y1 - y0 == 72 and x0 >= 0 and y0 >= 0 and x1 <= 664 and y1 <= 374
            assert shapely.box(x0, y0, x1, y1).contains(cell.shape)
            labels |= {box["Label1"], box["Label2"]}
    assert {None, "Burst"} < labels and {"Small Lymph", "Large Lymph", "Neutrophil"} & labels


def test_raabin_exif_states_an_orientation_and_leaves_the_pixels(tmp_path: Path) -> None:
    options: dict[str, Any] = {"films": 1, "fields": 1, "size": (664, 374)}
    (name,) = synthetic.write_raabin_fields(tmp_path / "a", orientation=6, **options)
    synthetic.write_raabin_fields(tmp_path / "b", **options)
    with PillowImage.open(tmp_path / "a" / name) as turned, PillowImage.open(tmp_path / "b" / name) as plain:
        assert turned.getexif()[0x0112] == 6 and not plain.getexif()
        assert turned.size == plain.size == (664, 374) and turned.tobytes() == plain.tobytes()


def test_raabin_artifacts_and_bursts_occur(tmp_path: Path) -> None:
    synthetic.write_raabin_fields(tmp_path, films=1, fields=6, size=(664, 374))
    text = "".join(p.read_text() for p in tmp_path.rglob("*.json"))
    assert all(f'"{label}"' in text for label in ("Artifact", "Burst", "Unknn")) and ": null" in text


def test_raabin_cropped(tmp_path: Path) -> None:
    truth = synthetic.write_raabin_cropped(tmp_path, films=2, per_class=2, size=115)
    classes = ("Basophil", "Eosinophil", "Lymphocyte", "Monocyte", "Neutrophil")
    expected = {f"{s}/{c}": n for s, n in (("Train", 2), ("TestA", 1)) for c in classes}
    expected |= {"TestB/Lymphocyte": 1, "TestB/Neutrophil": 1}
    assert Counter(path.rpartition("/")[0] for path in truth) == expected
    assert len({Path(path).name for path in truth}) == len(truth)
    for path, cells in truth.items():
        (white,) = [cell for cell in cells if cell.label == "WBC"]
        assert white.attributes["class"] == path.split("/")[1]
        assert white.shape.contains(shapely.Point(57.5, 57.5)) and _read(tmp_path / path).shape == (
            115,
            115,
            3,
        )
        assert Path(path).name.split("_")[0] in synthetic.raabin.FILMS[:2]


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_raabin_ground_truth(suffix: str, tmp_path: Path) -> None:
    truth = synthetic.write_raabin_ground_truth(tmp_path, per_class=1, size=115, suffix=suffix)
    assert len(truth) == 5
    for path, (white, nucleus) in truth.items():
        assert path.startswith("GrTh/Original/") and (white.label, nucleus.label) == ("WBC", "Nucleus")
        mask = _read((tmp_path / path.replace("Original", "Ground Truth")).with_suffix(suffix))
        grey = mask if mask.ndim == 2 else mask[..., 0]
        decoded = np.digitize(grey, [50, 200])
        assert abs((decoded == 2).sum() - nucleus.area) < 0.06 * nucleus.area
        assert abs((decoded > 0).sum() - white.area) < 0.06 * white.area
        assert white.shape.buffer(1e-6).contains(nucleus.shape)


def test_film_ids_never_run_out() -> None:
    ids = [synthetic.raabin.film_id(k) for k in range(800)]
    assert len(set(ids)) == 800 and ids[0] == "95-5-4-1"


def test_cells_know_their_place_in_the_truth(tmp_path: Path) -> None:
    truth = synthetic.write_raabin(tmp_path, films=1, fields=1, per_class=1, size=(664, 374), crop=96)
    assert {path.split("/")[0] for path in truth} == {"First_microscope", "Train", "TestA", "TestB"}
    assert all((tmp_path / path).is_file() for path in truth)
    assert all(isinstance(cell, Cell) for cells in truth.values() for cell in cells)
