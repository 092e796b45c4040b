"""ASAP's XML: order of the coordinates, decimal commas, groups as labels."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from smearprep.errors import DataError
from smearprep.findings import Finding
from smearprep.formats import asap
from smearprep.formats.reading import ReadOptions
from smearprep.records import ImageCells
from tests.laws.strategies import LAW, stars

RECTANGLE = [(10, 10), (50, 10), (50, 40), (10, 40)]
SHUFFLED = [(2, 50, 40), (0, 10, 10), (10, 10, 40), (1, 50, 10)]  # by number, not by text


def annotation(
    points: Any, type: str = "Polygon", group: str | None = "WBC", name: str = "Annotation 3"
) -> str:
    """Points are (x, y), or (order, x, y)."""
    of = "" if group is None else f' PartOfGroup="{group}"'
    numbered = [point if len(point) == 3 else (n, *point) for n, point in enumerate(points)]
    inside = "".join(f'<Coordinate Order="{n}" X="{x}" Y="{y}"/>' for n, x, y in numbered)
    start = f'<Annotation Name="{name}" Type="{type}"{of} Color="#F4FA58">'
    return f"{start}<Coordinates>{inside}</Coordinates></Annotation>"


def read(
    path: Path, *annotations: str, groups: tuple[str, ...] = (), label: str = "cell"
) -> tuple[ImageCells, list[Finding]]:
    listed = "".join(f'<Group Name="{name}" PartOfGroup="None"><Attributes/></Group>' for name in groups)
    text = (
        f'<?xml version="1.0"?>\n<ASAP_Annotations><Annotations>{"".join(annotations)}</Annotations>'
        f"<AnnotationGroups>{listed}</AnnotationGroups></ASAP_Annotations>"
    )
    assert asap.sniff(path, text.encode()[:4096])
    path.write_text(text, "utf-8")
    findings: list[Finding] = []
    (image,) = asap.read(path, ReadOptions(base=path.parent, label=label), findings)
    return image, findings


def test_the_rectangle_of_1200(tmp_path: Path) -> None:
    image, findings = read(tmp_path / "slide 1.xml", annotation(SHUFFLED), groups=("WBC", "PLT", " "))
    (cell,) = image.cells
    assert (image.file_name, image.size, findings) == ("slide 1", None, [])
    assert (cell.label, cell.area, cell.outline, cell.attributes) == ("WBC", 1200, "drawn", {})
    assert list(cell.shape.exterior.coords)[:4] == RECTANGLE
    assert image.annotated == {"WBC", "PLT"}


@LAW
@given(shape=stars(), commas=st.booleans(), seed=st.randoms(use_true_random=False))
def test_outlines_keep_their_vertices(tmp_path_factory: Any, shape: Any, commas: bool, seed: Any) -> None:
    points: list[Any] = [(n, x, y) for n, (x, y) in enumerate(shape.exterior.coords[:-1])]
    if commas:
        points = [(n, str(x).replace(".", ","), str(y).replace(".", ",")) for n, x, y in points]
    seed.shuffle(points)
    image, findings = read(tmp_path_factory.mktemp("law") / "a.xml", annotation(points))
    assert not findings
    assert image.cells[0].shape.equals_exact(shape, 0)


def test_every_type(tmp_path: Path) -> None:
    image, findings = read(
        tmp_path / "a.xml",
        annotation(RECTANGLE, "Spline"),
        annotation(RECTANGLE, "Rectangle"),
        annotation([(50, 10), (10, 40)], "Rectangle"),
        annotation([(10, 0), (20, 10), (10, 20), (0, 10)], "Rectangle"),
        annotation([("7,5", 3)], "Dot", "PLT"),
        annotation([(1, 2), (3, 4)], "PointSet", "PLT", "counted"),
        annotation([(1, 2), (3, 4)], "Measurement"),
        annotation(RECTANGLE, "None"),
    )
    assert [(cell.outline, cell.area) for cell in image.cells] == [
        ("drawn", 1200),
        ("box", 1200),
        ("box", 1200),
        ("drawn", 200),
        ("point", 0),
        ("point", 0),
        ("point", 0),
    ]
    assert [cell.bounds[:2] for cell in image.cells[4:]] == [(7.5, 3), (1, 2), (3, 4)]
    assert [dict(cell.attributes) for cell in image.cells[4:]] == [
        {},
        {"name": "counted"},
        {"name": "counted"},
    ]
    assert [(f.kind, f.id) for f in findings] == [
        ("invalid", "annotation 7 (Annotation 3)"),
        ("invalid", "annotation 8 (Annotation 3)"),
    ]
    assert findings[0].what == "its type is 'Measurement', which has no area and is no point; left out"
    assert findings[0].file == "a.xml"


def test_what_an_annotation_is_called(tmp_path: Path) -> None:
    image, findings = read(
        tmp_path / "a.xml",
        annotation(RECTANGLE, group="RBC", name="first"),
        annotation(RECTANGLE, group="None", name="smudge cell"),
        annotation(RECTANGLE, group=None, name="Annotation 12"),
        annotation(RECTANGLE, group=" ", name=""),
        label="thing",
    )
    assert [(cell.label, dict(cell.attributes)) for cell in image.cells] == [
        ("RBC", {"name": "first"}),
        ("smudge cell", {}),
        ("thing", {}),
        ("thing", {}),
    ]
    assert [(f.kind, f.what) for f in findings] == [
        ("note", "2 cells are in no group and have no name of their own; their label is 'thing'")
    ]
    assert image.annotated == {"RBC", "smudge cell", "thing"}


def test_broken_ones_are_named_and_the_others_kept(tmp_path: Path) -> None:
    nan = float("nan")
    image, findings = read(
        tmp_path / "a.xml",
        annotation([(0, 0), (4, 4), (4, 0), (0, 4)]),
        annotation([(0, 0), (4, 4), (8, 8)]),
        annotation([(0, 0), (4, 4)]),
        annotation([(0, 0), (4, nan), (4, 0)]),
        annotation([(0, 0), (4, "x"), (4, 0)]),
        annotation([(0, 0), (4, "1.000,5"), (4, 0)]),
        annotation([("nan", 0)], "Dot"),
        annotation([("1e300", 0)], "PointSet"),
        annotation([], "Dot"),
        annotation([], "Rectangle"),
        "<Annotation/>",
        annotation([("", 0, 0), ("b", 4, 0), ("-1", 4, 4)]),
    )
    assert [cell.area for cell in image.cells] == [8, 8]
    assert [(f.kind, f.id.split()[1]) for f in findings] == [
        ("invalid", "7"),
        ("invalid", "8"),
        ("invalid", "9"),
        ("invalid", "11"),
        ("repaired", "1"),
        ("zero_area", "2"),
        ("invalid", "3"),
        ("invalid", "4"),
        ("invalid", "5"),
        ("invalid", "6"),
        ("invalid", "10"),
    ]
    assert all(f.kind == "repaired" or f.what.endswith("; left out") for f in findings)


def test_files_that_cannot_be_used(tmp_path: Path) -> None:
    path = tmp_path / "a.xml"
    for text, said in [
        ("<Annotations/>", "its root is <Annotations>, not <ASAP_Annotations>"),
        ("<ASAP_Annotations>\n<Annotations>", "broken XML at line 2"),
        ("", "is empty"),
    ]:
        path.write_text(text, "utf-8")
        with pytest.raises(DataError, match=said):
            list(asap.read(path, ReadOptions(), []))
    with pytest.raises(DataError, match="is not there"):
        list(asap.read(tmp_path / "b.xml", ReadOptions(), []))
