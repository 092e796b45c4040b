"""xyc points: any white space, blank lines, empty files, broken lines."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smearprep import formats
from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats import xyc
from smearprep.formats.reading import ReadOptions

NUMBERS = st.floats(-10, 5000, allow_nan=False)


def points(path: Path, findings: list[Finding] | None = None, origin: int = 0) -> list[tuple[float, float]]:
    cells = xyc.read_points(path, "blast", path.name, [] if findings is None else findings, origin)
    assert all(cell.outline == "point" and cell.label == "blast" for cell in cells)
    return [(cell.bounds[0], cell.bounds[1]) for cell in cells]


@given(st.lists(st.tuples(NUMBERS, NUMBERS)), st.sampled_from(["\t", " ", "  ", " \t"]), st.booleans())
def test_points_come_back(
    tmp_path_factory: pytest.TempPathFactory, xy: list[tuple[float, float]], sep: str, blank: bool
) -> None:
    path = tmp_path_factory.mktemp("xyc") / "Im001_1.xyc"
    path.write_text(("\n\n" if blank else "\n").join(f"{x!r}{sep}{y!r}" for x, y in xy))
    assert points(path) == xy
    if xy:
        assert formats.recognise(path) == "xyc"


@pytest.mark.parametrize("text", ["", "\n", " \r\n\n"])
def test_an_empty_file_means_that_none_was_found(tmp_path: Path, text: str) -> None:
    path = tmp_path / "Im100_0.xyc"
    path.write_text(text)
    assert xyc.sniff(path, text.encode())
    assert not xyc.sniff(tmp_path / "a.txt", text.encode())
    (image,) = xyc.read(path, ReadOptions(label="blast"), [])
    assert (image.file_name, image.size, image.cells) == ("Im100_0", None, ())
    assert image.annotated == {"blast"}


def test_one_based_files(tmp_path: Path) -> None:
    path = tmp_path / "a.xyc"
    path.write_text("1\t1\n635\t702\n")
    assert points(path) == [(1, 1), (635, 702)]
    assert points(path, origin=1) == [(0, 0), (634, 701)]


def test_broken_lines_are_named_and_left_out(tmp_path: Path) -> None:
    path = tmp_path / "a.xyc"
    path.write_bytes("\ufeff10 20\nx y\n30\n40 nan\n50 60 70\n80,5 90\n\n100 110\r\n".encode())
    findings: list[Finding] = []
    assert points(path, findings) == [(10, 20), (100, 110)]
    assert [f.kind for f in findings] == ["invalid"] * 5
    assert [f.id for f in findings] == [f"line {n}" for n in (2, 3, 4, 5, 6)]


def test_what_is_no_text(tmp_path: Path) -> None:
    path = tmp_path / "a.xyc"
    path.write_bytes(b"\x89PNG\r\n\0\0")
    with pytest.raises(DataError, match="not text"):
        points(path)
    with pytest.raises(DataError, match="not there"):
        points(tmp_path / "b.xyc")


@pytest.mark.parametrize("head", [b"WBC\nRBC\n", b"0 0.1 0.2 0.3 0.4\n", b"1 2 3\n", b"Im001 5\n", b"{}"])
def test_other_text_is_not_claimed(head: bytes) -> None:
    assert not xyc.sniff(Path("a.txt"), head)
