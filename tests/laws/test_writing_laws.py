"""What a format cannot hold: slits and bridges change no pixel, and are read back as the shape they were."""

from pathlib import Path

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st
from shapely.geometry import MultiPolygon, Point, Polygon

from smearprep.errors import OutputError, RecipeError
from smearprep.findings import Finding
from smearprep.formats.outlines import Drawn, drawn_to_cells
from smearprep.formats.staging import FilePerImage, StagedFolder
from smearprep.formats.writing import ALL_SHAPES, Holds, WriteOptions, fit_to_format, run_lengths
from smearprep.geometry import has_holes, shape_to_mask
from smearprep.records import Cell, ImageCells
from tests.laws.strategies import LAW, areas, shapes

SIZE = (40, 40)
ONE_RING: frozenset[Holds] = frozenset({"outlines"})
RING = shapely.box(0, 0, 9, 9) - shapely.box(2, 2, 4, 4)
TWO = MultiPolygon([shapely.box(0, 0, 2, 2), shapely.box(5, 0, 9, 3)])


def fitted(cell: Cell, holds: frozenset[Holds], **how: object) -> tuple[tuple[Cell, ...], list[Finding]]:
    findings: list[Finding] = []
    image = ImageCells("a.jpg", SIZE, (cell,), "a.json", frozenset({cell.label}))
    return fit_to_format(image, holds, WriteOptions(**how), findings).cells, findings  # type: ignore[arg-type]


def read_back(ring: Polygon) -> Polygon | MultiPolygon:
    """What a reader makes of an outline."""
    (cell,) = drawn_to_cells([Drawn("0", "WBC", [list(ring.exterior.coords)])], "a.json", [])
    assert isinstance(cell.shape, Polygon | MultiPolygon)
    return cell.shape


@LAW
@given(shape=areas())
def test_one_ring_holds_every_shape(shape: Polygon | MultiPolygon) -> None:
    (cell,), findings = fitted(Cell("WBC", shape), ONE_RING)
    assert isinstance(cell.shape, Polygon)
    assert not cell.shape.interiors
    assert bool(findings) == (isinstance(shape, MultiPolygon) or has_holes(shape))
    moved = shapely.transform(shape, lambda xy: xy + 12)
    np.testing.assert_array_equal(
        shape_to_mask(moved, (70, 70)),
        shape_to_mask(shapely.transform(cell.shape, lambda xy: xy + 12), (70, 70)),
    )
    assert shapely.symmetric_difference(read_back(cell.shape), shape).area < 1e-9


@LAW
@given(shape=shapes(), holds=st.frozensets(st.sampled_from(sorted(ALL_SHAPES))))
def test_what_is_held_is_left_alone_and_all_else_is_named(
    shape: Polygon | MultiPolygon | Point, holds: frozenset[Holds]
) -> None:
    cell = Cell("WBC", shape, "point" if isinstance(shape, Point) else "drawn", {"score": 0.5})
    cells, findings = fitted(cell, holds)
    assert (cells == (cell,)) == (not findings)
    assert all(finding.kind == "simplified" for finding in findings)
    assert all(other.attributes == cell.attributes for other in cells)


def test_the_named_options() -> None:
    ring, two = Cell("WBC", RING), Cell("WBC", TWO)
    assert [c.shape.area for c in fitted(ring, ONE_RING, holes="fill")[0]] == [81]
    assert fitted(ring, ONE_RING, holes="leave_out")[0] == ()
    assert [c.shape.area for c in fitted(two, ONE_RING, parts="split")[0]] == [4, 12]
    assert [c.shape.area for c in fitted(two, ONE_RING, parts="largest")[0]] == [12]
    assert fitted(two, ONE_RING, parts="leave_out")[0] == ()
    (box,), findings = fitted(two, frozenset({"boxes"}))
    assert (box.outline, box.bounds) == ("box", (0, 0, 9, 3))
    assert "only its box" in findings[0].what
    cells, findings = fitted(Cell("WBC", shapely.box(1, 1, 2, 2), "box"), ONE_RING)
    assert cells == () and "only a box" in findings[0].what  # no outline is invented


@pytest.mark.parametrize(
    "how", [{"holes": "slot"}, {"parts": ""}, {"categories": ("a", "a")}, {"shard_size": 0}]
)
def test_options_that_cannot_be(how: dict[str, object]) -> None:
    with pytest.raises(RecipeError):
        WriteOptions(**how)  # type: ignore[arg-type]


def test_holes_in_an_image_too_large_for_run_lengths() -> None:
    segmentation, area, box = run_lengths(RING, (2**31, 2))
    (ring,) = segmentation
    assert (area, box) == (77, [0, 0, 9, 9])
    assert read_back(Polygon(np.reshape(ring, (-1, 2)))).equals(RING)


# ---------------------------------------------------------------- folders


def test_a_folder_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(KeyboardInterrupt), StagedFolder(out) as folder:
        folder.write("a/b.txt", b"1")
        raise KeyboardInterrupt
    assert not list(tmp_path.iterdir())
    (tmp_path / ".out.part").mkdir()
    (tmp_path / ".out.part" / "left").write_text("of a killed run")
    out.mkdir()
    with StagedFolder(out) as folder:
        folder.write("a/b.txt", b"1")
        assert not list(out.iterdir())
    assert [path.relative_to(out).as_posix() for path in out.rglob("*.*")] == ["a/b.txt"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_what_is_there_is_never_replaced(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "mine").touch()
    (tmp_path / "file").touch()
    for name, found in (("full", "not empty"), ("file", "no folder"), ("file/below", "cannot be written")):
        with pytest.raises(OutputError, match=found), StagedFolder(tmp_path / name):
            raise AssertionError
    assert sorted(path.name for path in tmp_path.rglob("*")) == ["file", "full", "mine"]


def test_two_images_of_one_stem_are_not_mixed_up(tmp_path: Path) -> None:
    findings: list[Finding] = []
    writer = FilePerImage(tmp_path / "out", ".txt", lambda image: image.file_name.encode(), findings)
    with writer:
        for name in ("x/a.jpg", "x/A.png", "y/a.jpg", "x/a.b.jpg"):
            writer.add(ImageCells(name, SIZE, (), "a.json"), None)
    found = {
        path.relative_to(tmp_path / "out").as_posix(): path.read_text() for path in tmp_path.rglob("*.txt")
    }
    assert found == {"x/a.txt": "x/a.jpg", "y/a.txt": "y/a.jpg", "x/a.b.txt": "x/a.b.jpg"}
    assert [(f.kind, f.file) for f in findings] == [("missing_image", "x/A.png")]
