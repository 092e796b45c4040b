"""Masks to cells and back: exact to the pixel, and what real mask files look like."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from numpy.typing import NDArray
from PIL import Image
from shapely.geometry import MultiPolygon, Polygon

from smearprep import formats
from smearprep.errors import DataError, OutputError, RecipeError
from smearprep.findings import Finding
from smearprep.formats import masks
from smearprep.formats.reading import ReadOptions
from smearprep.formats.writing import WriteOptions, fit_to_format
from smearprep.geometry import shape_to_mask
from smearprep.images import MAX_PIXELS
from smearprep.records import Cell, ImageCells
from tests.laws.strategies import LAW, areas

NUCLEUS, CYTOPLASM = (0, 255, 255), (0, 0, 255)  # ALL-IDB2's colours, on white


def rectangle() -> NDArray[np.uint8]:
    """100x80 with (10, 10)..(50, 40) set: an area of exactly 1200."""
    mask = np.zeros((80, 100), np.uint8)
    mask[10:40, 10:50] = 255
    return mask


def save(path: Path, array: NDArray[np.generic], mode: str | None = None, **how: object) -> Path:
    image = Image.fromarray(array)
    (image.convert(mode) if mode else image).save(path, **how)
    return path


def read(path: Path, **options: object) -> tuple[tuple[Cell, ...], list[Finding]]:
    findings: list[Finding] = []
    (image,) = masks.read(path, ReadOptions(label="WBC", **options), findings)
    assert image.file_name == path.stem
    return image.cells, findings


def drawn(cells: tuple[Cell, ...], size: tuple[int, int]) -> NDArray[np.bool_]:
    out = np.zeros(size[::-1], bool)
    for cell in cells:
        out |= shape_to_mask(cell.shape, size)
    return out


# ---------------------------------------------------------------- laws


@given(arrays(bool, st.tuples(st.integers(1, 12), st.integers(1, 12))))
@settings(deadline=None, max_examples=60)
def test_a_mask_comes_back_from_its_cells(mask: NDArray[np.bool_]) -> None:
    findings: list[Finding] = []
    cells = masks.mask_to_cells(mask, "WBC", 1, "m.png", findings)
    assert (drawn(cells, (mask.shape[1], mask.shape[0])) == mask).all()
    assert sum(cell.area for cell in cells) == mask.sum()
    assert not findings


@given(arrays(np.uint16, st.tuples(st.integers(1, 10), st.integers(1, 10)), elements=st.integers(0, 4)))
@settings(deadline=None, max_examples=60)
def test_a_label_image_comes_back_from_its_cells(values: NDArray[np.uint16]) -> None:
    cells = masks.labels_to_cells(values, "RBC", 1, "m.png", [])
    size = (values.shape[1], values.shape[0])
    assert [cell.attributes["instance"] for cell in cells] == sorted(set(values.ravel().tolist()) - {0})
    for cell in cells:
        assert (shape_to_mask(cell.shape, size) == (values == cell.attributes["instance"])).all()
        assert cell.outline == "drawn"


@given(arrays(bool, (9, 9)), st.integers(1, 6))
@settings(deadline=None, max_examples=40)
def test_specks_and_cells_are_all_regions(mask: NDArray[np.bool_], least: int) -> None:
    findings: list[Finding] = []
    cells = masks.mask_to_cells(mask, "WBC", least, "m.png", findings)
    regions = masks.mask_to_cells(mask, "WBC", 1, "m.png", [])
    specks = sum(region.area < least for region in regions)
    assert all(cell.area >= least for cell in cells)
    assert len(cells) + specks == len(regions)
    assert [f.kind for f in findings] == ["speck"] * bool(specks)
    assert all(f.what.startswith(f"{specks} WBC region") for f in findings)


# ---------------------------------------------------------------- binary masks


@pytest.mark.parametrize("name", ["m.png", "m.tif", "m.bmp"])
@pytest.mark.parametrize("mode", ["L", "1", "RGB"])
@pytest.mark.parametrize("value", [255, 1, 128])
def test_every_lossless_form_gives_the_same_rectangle(
    tmp_path: Path, name: str, mode: str, value: int
) -> None:
    mask = rectangle() if mode == "1" else rectangle() // 255 * value
    path = save(tmp_path / name, mask, mode)
    # Three channels are cut at the threshold, one channel of two values needs none.
    cells, findings = read(path, threshold=min(127, value - 1) if mode == "RGB" else 127)
    assert [(c.label, c.outline, c.area, c.bounds) for c in cells] == [
        ("WBC", "component", 1200.0, (10.0, 10.0, 50.0, 40.0))
    ]
    assert not findings


@pytest.mark.parametrize("grey", [False, True])
def test_a_lossy_mask_is_cut_at_the_threshold(tmp_path: Path, grey: bool) -> None:
    path = save(tmp_path / "m.jpg", rectangle(), "L" if grey else "RGB", quality=75)
    assert len(np.unique(np.asarray(Image.open(path)))) > 2
    cells, findings = read(path)
    assert [cell.area for cell in cells] == [1200.0]
    assert not findings


def test_a_16_bit_mask_is_cut_at_the_scaled_threshold(tmp_path: Path) -> None:
    values = rectangle().astype(np.uint16) * 257
    values[0, 0] = 20_000
    assert masks.read_mask(save(tmp_path / "m.png", values)).sum() == 1200


def test_a_smoothed_lossless_mask_is_no_label_image(tmp_path: Path) -> None:
    mask = rectangle()
    mask[9, 10:50] = 60
    mask[40, 10:50] = 200
    cells, _ = read(save(tmp_path / "m.png", mask))
    assert [(cell.area, cell.outline) for cell in cells] == [(1240.0, "component")]


def test_a_mask_whose_channels_differ_is_reported_and_read(tmp_path: Path) -> None:
    rgb = np.repeat(rectangle()[..., None], 3, axis=2)
    rgb[20:30, 45:50] = (200, 60, 150)
    cells, findings = read(save(tmp_path / "m.png", rgb))
    assert [f.kind for f in findings] == ["damaged"]
    assert "50 px are coloured" in findings[0].what
    assert [cell.area for cell in cells] == [1150.0]  # their luma is 112


def test_a_mask_below_the_threshold_is_reported(tmp_path: Path) -> None:
    path = save(tmp_path / "m.jpg", rectangle() // 3, "L", quality=95)
    cells, findings = read(path)
    assert not cells
    assert [f.kind for f in findings] == ["damaged"]
    assert "threshold 127" in findings[0].what


def test_an_empty_mask_is_looked_for_and_none_found(tmp_path: Path) -> None:
    path = save(tmp_path / "m.png", np.zeros((4, 5), np.uint8))
    (image,) = masks.read(path, ReadOptions(label="WBC"), [])
    assert (image.size, image.cells, image.annotated) == ((5, 4), (), {"WBC"})


# ---------------------------------------------------------------- other kinds


def test_colours_of_all_idb2(tmp_path: Path) -> None:
    rgb = np.full((80, 100, 3), 255, np.uint8)
    rgb[10:40, 10:50] = CYTOPLASM
    rgb[20:30, 20:40] = NUCLEUS
    rgb[20, 20] = (20, 240, 250)  # nearly
    path = save(tmp_path / "m.tif", rgb)
    cells, findings = read(path, colours={"nucleus": NUCLEUS, "cytoplasm": CYTOPLASM})
    assert [(cell.label, cell.area) for cell in cells] == [("nucleus", 200.0), ("cytoplasm", 1000.0)]
    assert not findings


def test_grey_levels_go_to_the_nearest(tmp_path: Path) -> None:
    mask = np.zeros((20, 20), np.uint8)
    mask[2:18, 2:18] = 120
    mask[5:9, 5:9] = 250
    levels = {"background": (0, 0, 0), "cytoplasm": (128,) * 3, "nucleus": (255,) * 3}
    classes = masks.read_classes(save(tmp_path / "m.png", mask), levels)
    assert {name: int(m.sum()) for name, m in classes.items()} == {"cytoplasm": 240, "nucleus": 16}


def test_a_label_image_of_16_bit(tmp_path: Path) -> None:
    values = np.zeros((10, 10), np.uint16)
    values[1:3, 1:3] = 700
    values[1:3, 3:5] = 701  # touches 700, yet is another cell
    values[7:9, 7:9] = 700  # far away, yet the same cell
    values[9, 0] = 9
    cells, findings = read(save(tmp_path / "m.png", values), min_area={"WBC": 2})
    assert [(cell.attributes["instance"], cell.area) for cell in cells] == [(700, 8.0), (701, 4.0)]
    assert cells[0].shape.geom_type == "MultiPolygon"
    assert [f.kind for f in findings] == ["speck"]
    assert masks.read_labels(tmp_path / "m.png")[9, 0] == 9


# ---------------------------------------------------------------- bad input


def test_files_that_are_no_mask(tmp_path: Path) -> None:
    empty, text = tmp_path / "a.png", tmp_path / "b.png"
    empty.touch()
    text.write_text("no image")
    for path in (empty, text, tmp_path / "c.png"):
        with pytest.raises(DataError, match=path.name):
            masks.read_mask(path)
    with pytest.raises(DataError, match="no label image"):
        masks.read_labels(save(tmp_path / "d.jpg", rectangle()))


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif"])
def test_a_truncated_mask(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 2, (80, 100), np.uint8) * 255
    path = save(tmp_path / f"m.{suffix}", noise)
    path.write_bytes(path.read_bytes()[:600])
    with pytest.raises(DataError, match=f"m.{suffix}"):
        masks.read_mask(path)


def test_only_images_are_recognised(tmp_path: Path) -> None:
    for name in ("a b é.png", "a.jpg", "a.tif", "a.bmp", "a.webp"):
        path = save(tmp_path / name, rectangle(), "RGB")
        assert formats.recognise(path) == "masks"
    assert not masks.sniff(tmp_path / "a.txt", b"10 20\n")
    assert not masks.sniff(tmp_path / "a.txt", b"")


def test_noise_is_no_label_image(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.integers(0, 400, (2000, 2000), np.uint16)
    with pytest.raises(DataError, match="scattered all over"):
        list(masks.read(save(tmp_path / "m.png", values), ReadOptions(), []))


# ---------------------------------------------------------------- writing

RECTANGLE = Polygon([(10, 10), (50, 10), (50, 40), (10, 40)])


def write(out: Path, *images: ImageCells, categories: tuple[str, ...] = ()) -> list[Finding]:
    findings: list[Finding] = []
    options = WriteOptions(categories=categories)
    with masks.writer(out, options, findings) as writer:
        for image in images:
            writer.add(fit_to_format(image, masks.HOLDS, options, findings), None)
    return findings


def image_of(
    *cells: Cell, name: str = "a.jpg", size: tuple[int, int] = (100, 80), annotated: str = ""
) -> ImageCells:
    labels = frozenset(cell.label for cell in cells) | frozenset(annotated.split())
    return ImageCells(name, size, cells, "given", labels)


def pixels(path: Path) -> NDArray[np.integer]:
    """An image file as OpenCV has it: a second opinion to what reads masks here."""
    found = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)
    assert found is not None
    return found


def shown(cells: tuple[Cell, ...], size: tuple[int, int]) -> list[NDArray[np.bool_]]:
    """What is seen of each cell, the later and the higher ones above the others."""
    whole = [shape_to_mask(cell.shape, size) for cell in cells]
    above = [(cell.attributes.get("z_order", 0), n) for n, cell in enumerate(cells)]
    return [
        mask
        & ~np.any([m for n, m in enumerate(whole) if above[n] > above[at]] or [np.zeros_like(mask)], axis=0)
        for at, mask in enumerate(whole)
    ]


@st.composite
def overlapping(draw: st.DrawFn) -> Cell:
    shape = shapely.transform(draw(areas()), lambda xy: xy + 6)
    z_order = draw(st.sampled_from([None, -1, 0, 2.5]))
    label = draw(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=5).filter(str.strip))
    return Cell(label, shape, attributes={} if z_order is None else {"z_order": z_order})


@settings(LAW, max_examples=100)
@given(
    given_cells=st.lists(overlapping(), max_size=5),
    name=st.sampled_from(["a.jpg", "x/é/b.png", "class/a.tif"]),
)
def test_what_is_written_comes_back_pixel_for_pixel(
    tmp_path_factory: pytest.TempPathFactory, given_cells: list[Cell], name: str
) -> None:
    out, size = tmp_path_factory.mktemp("masks") / "out", (40, 37)
    image = image_of(*given_cells, name=name, size=size, annotated="PLT")
    written = write(out, image)
    stem = name.rpartition(".")[0]
    findings: list[Finding] = []
    (back,) = formats.read(out / "instance" / f"{stem}.png", ReadOptions(base=out), findings)
    assert (back.file_name, back.size, back.annotated) == (stem, size, image.annotated)
    assert not findings
    seen = shown(image.cells, size)
    left = [n for n, mask in enumerate(seen) if mask.any()]
    assert [cell.attributes["instance"] for cell in back.cells] == [n + 1 for n in left]
    for cell, n in zip(back.cells, left, strict=True):
        assert (cell.label, cell.outline) == (image.cells[n].label, "drawn")
        assert (shape_to_mask(cell.shape, size) == seen[n]).all()
    covered = [n for n, mask in enumerate(seen) if (shape_to_mask(image.cells[n].shape, size) ^ mask).any()]
    empty = [n for n, cell in enumerate(image.cells) if not shape_to_mask(cell.shape, size).any()]
    assert [(f.kind, f.id) for f in written] == [("simplified", str(n)) for n in sorted([*covered, *empty])]


@LAW
@given(given_cells=st.lists(overlapping(), max_size=5))
def test_the_three_masks_agree(tmp_path_factory: pytest.TempPathFactory, given_cells: list[Cell]) -> None:
    out = tmp_path_factory.mktemp("masks") / "out"
    write(out, image_of(*given_cells, size=(40, 37)))
    classes, instances, edge = (pixels(out / kind / "a.png") for kind in ("class", "instance", "edge"))
    assert (classes.dtype, instances.dtype, edge.dtype) == (np.uint8, np.uint16, np.uint8)
    assert ((classes > 0) == (instances > 0)).all()
    numbers = json.loads((out / "labels.json").read_text("utf-8"))
    for n, cell in enumerate(given_cells, 1):
        assert set(classes[instances == n].tolist()) <= {numbers[cell.label]}
    around = np.pad(instances, 1, mode="edge")
    steps = (around[:-2, 1:-1], around[2:, 1:-1], around[1:-1, :-2], around[1:-1, 2:])
    ends = np.any([step != instances for step in steps], axis=0) & (instances > 0)
    assert (edge == np.where(ends, 255, 0)).all()


def test_the_files_of_a_set(tmp_path: Path) -> None:
    ring = shapely.box(60, 10, 90, 40) - shapely.box(70, 20, 80, 30)
    two = MultiPolygon([shapely.box(0, 50, 10, 60), shapely.box(20, 50, 30, 60)])
    cells = (Cell("WBC", RECTANGLE), Cell("RBC", ring), Cell("RBC", two))
    assert not write(tmp_path / "out", image_of(*cells, annotated="PLT"), image_of(name="x/none.png"))
    found = sorted(path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*.*"))
    assert found == [
        "class/a.png", "class/x/none.png", "edge/a.png", "edge/x/none.png", "instance/a.png",
        "instance/x/none.png", "labels.json",
    ]  # fmt: skip
    labels = (tmp_path / "out" / "labels.json").read_text()
    assert json.loads(labels) == {"background": 0, "PLT": 1, "RBC": 2, "WBC": 3}
    assert np.bincount(pixels(tmp_path / "out" / "class" / "a.png").ravel()).tolist() == [5800, 0, 1000, 1200]
    assert np.bincount(pixels(tmp_path / "out" / "instance" / "a.png").ravel()).tolist() == [
        5800,
        1200,
        800,
        200,
    ]
    assert np.count_nonzero(pixels(tmp_path / "out" / "edge" / "a.png")[10:40, 10:50]) == 2 * 40 + 2 * 28
    (image,) = masks.read(tmp_path / "out" / "instance" / "a.png", ReadOptions(), [])
    assert [
        shapely.equals(one.shape, other.shape) for one, other in zip(image.cells, cells, strict=True)
    ] == [True] * 3
    (none,) = masks.read(tmp_path / "out" / "instance" / "x" / "none.png", ReadOptions(), [])
    assert (none.file_name, none.cells, none.annotated) == ("x/none", (), {"PLT", "RBC", "WBC"})


def test_touching_cells_are_kept_apart_by_an_edge_of_2_px(tmp_path: Path) -> None:
    cells = Cell("RBC", shapely.box(0, 10, 20, 30)), Cell("RBC", shapely.box(20, 10, 40, 30))
    write(tmp_path / "out", image_of(*cells))
    edge = pixels(tmp_path / "out" / "edge" / "a.png")
    assert np.flatnonzero(edge[20]).tolist() == [19, 20, 39]  # and none where the image ends
    inner = (pixels(tmp_path / "out" / "class" / "a.png") > 0) & (edge == 0)
    assert len(masks.mask_to_cells(inner, "RBC", 1, "", [])) == 2


def test_what_is_covered_is_counted(tmp_path: Path) -> None:
    small = shapely.box(10, 10, 20, 20)
    cells = (
        Cell("RBC", small, attributes={"z_order": True}),  # no number: as if it had none
        Cell("RBC", shapely.box(15, 10, 25, 20), attributes={"z_order": -1}),
        Cell("WBC", small),
        Cell("RBC", shapely.box(50.6, 50.6, 50.9, 50.9)),
        Cell("RBC", small, "box"),
        Cell("RBC", shapely.Point(3, 3), "point"),
    )
    told = [(f.id, f.what) for f in write(tmp_path / "out", image_of(*cells))]
    assert told == [
        ("4", "the RBC cell is only a box, not an outline; left out"),
        ("5", "the RBC cell is only a point, not an outline; left out"),
        ("0", "the RBC cell lies wholly below others, all 100 px of it; left out"),
        ("1", "the RBC cell lies partly below others: 50 of its 100 px are theirs"),
        ("3", "the RBC cell covers no pixel's centre; left out"),
    ]


def test_classes_are_numbered_by_name_or_as_stated(tmp_path: Path) -> None:
    images = [image_of(Cell(label, RECTANGLE), name=f"{label}.jpg") for label in ("b", "c", "a")]
    write(tmp_path / "one", *images)
    write(tmp_path / "two", *images[::-1])
    one, two = (
        {path.relative_to(out).as_posix(): path.read_bytes() for path in out.rglob("*.*")}
        for out in (tmp_path / "one", tmp_path / "two")
    )
    assert one == two
    assert [pixels(tmp_path / "one" / "class" / f"{label}.png").max() for label in "abc"] == [1, 2, 3]
    write(tmp_path / "three", images[0], categories=("z", "b"))
    assert json.loads((tmp_path / "three" / "labels.json").read_text()) == {"background": 0, "z": 1, "b": 2}
    assert pixels(tmp_path / "three" / "class" / "b.png").max() == 2


def test_what_cannot_be_written(tmp_path: Path) -> None:
    many = tuple(Cell(f"c{n}", RECTANGLE) for n in range(256))
    with pytest.raises(OutputError, match="more than 255 categories"):
        write(tmp_path / "out", image_of(*many))
    with pytest.raises(RecipeError, match="'background' is what masks call"):
        write(tmp_path / "out", image_of(Cell("background", RECTANGLE)))
    with pytest.raises(RecipeError, match="none of the categories RBC"):
        write(tmp_path / "out", image_of(Cell("WBC", RECTANGLE)), categories=("RBC",))
    assert not list(tmp_path.iterdir())
    findings = write(
        tmp_path / "out",
        image_of(*[Cell("RBC", RECTANGLE)] * 65_536),
        image_of(name="b.jpg", size=(MAX_PIXELS, 2)),
        image_of(name="c.jpg"),
        image_of(name="c.png"),
    )
    assert [(f.kind, f.file) for f in findings] == [
        ("unreadable", "a.jpg"), ("unreadable", "b.jpg"), ("missing_image", "c.png")
    ]  # fmt: skip
    assert [path.name for path in (tmp_path / "out" / "class").iterdir()] == ["c.png"]


# ---------------------------------------------------------------- sets of masks, read back


@pytest.fixture
def a_set(tmp_path: Path) -> Path:
    write(tmp_path / "set", image_of(Cell("WBC", RECTANGLE), Cell("RBC", shapely.box(60, 10, 64, 14))))
    return tmp_path / "set"


def test_only_the_instance_mask_is_read(a_set: Path) -> None:
    findings: list[Finding] = []
    for kind in ("class", "edge"):
        assert not list(masks.read(a_set / kind / "a.png", ReadOptions(base=a_set), findings))
    assert [(f.kind, f.file) for f in findings] == [("note", "class/a.png"), ("note", "edge/a.png")]
    assert "read from instance/a.png" in findings[0].what


def test_a_class_mask_alone_has_components(a_set: Path) -> None:
    (a_set / "instance" / "a.png").unlink()
    (image,) = masks.read(a_set / "class" / "a.png", ReadOptions(), [])
    assert [(c.label, c.outline, c.area) for c in image.cells] == [
        ("RBC", "component", 16), ("WBC", "component", 1200)
    ]  # fmt: skip


def test_specks_of_a_set(a_set: Path) -> None:
    findings: list[Finding] = []
    options = ReadOptions(min_area={"RBC": 17, "WBC": 1200})
    (image,) = masks.read(a_set / "instance" / "a.png", options, findings)
    assert [cell.label for cell in image.cells] == ["WBC"]
    assert [f.what for f in findings] == ["1 RBC region below 17 px; left out"]


def test_classes_that_do_not_fit_their_instances(a_set: Path) -> None:
    classes = pixels(a_set / "class" / "a.png").copy()
    classes[10:20, 10:20] = 1
    classes[10:14, 60:64] = 7
    save(a_set / "class" / "a.png", classes)
    findings: list[Finding] = []
    (image,) = masks.read(a_set / "instance" / "a.png", ReadOptions(), findings)
    assert [(cell.label, cell.area) for cell in image.cells] == [("WBC", 1200)]
    assert [(f.kind, f.id) for f in findings] == [("damaged", "instance 1"), ("unknown_label", "instance 2")]
    assert "100 px of 'RBC', 1100 px of 'WBC'" in findings[0].what
    assert "(16 px of 7)" in findings[1].what


def test_an_instance_mask_whose_classes_are_lost(a_set: Path) -> None:
    path = a_set / "instance" / "a.png"
    save(a_set / "class" / "a.png", np.zeros((5, 6), np.uint8))
    with pytest.raises(DataError, match=r"is 100x80 px, but class/a\.png.* 6x5"):
        list(masks.read(path, ReadOptions(), []))
    (a_set / "class" / "a.png").unlink()
    with pytest.raises(DataError, match=r"class/a\.png, which is not there"):
        list(masks.read(path, ReadOptions(), []))
    (a_set / "labels.json").write_text("{")
    with pytest.raises(DataError, match="broken JSON"):
        list(masks.read(path, ReadOptions(), []))


@pytest.mark.parametrize(
    "labels",
    ["[]", "{}", '{"RBC": 1}', '{"background": 0, "RBC": 1, "WBC": 1}', '{"background": 0, "RBC": 256}',
     '{"background": false, "RBC": true}', '{"background": 0, "RBC": 1.0}', '{"background": 0, " ": 1}'],
)  # fmt: skip
def test_a_labels_json_of_something_else(a_set: Path, labels: str) -> None:
    (a_set / "labels.json").write_text(labels)
    (image,) = masks.read(a_set / "instance" / "a.png", ReadOptions(label="cell"), [])
    assert [(cell.label, cell.area) for cell in image.cells] == [("cell", 1200), ("cell", 16)]


def test_colours_that_were_given_count_more(a_set: Path) -> None:
    options = ReadOptions(colours={"edge": (255, 255, 255), "background": (0, 0, 0)})
    (image,) = masks.read(a_set / "edge" / "a.png", options, [])
    assert {cell.label for cell in image.cells} == {"edge"}
