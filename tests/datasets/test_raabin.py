"""Raabin-WBC: its four parts, in miniature and true to their layout."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from smearprep import datasets, synthetic
from smearprep.datasets.loading import LoadOptions
from smearprep.datasets.raabin.fields import decide
from smearprep.datasets.raabin.ground_truth import looks_exchanged
from smearprep.datasets.raabin.settings import KINDS, Settings
from smearprep.errors import DataError, RecipeError
from smearprep.geometry import shape_to_mask
from smearprep.records import RawSet
from smearprep.synthetic import write_image
from tests.datasets import checklist

SIZE = (664, 374)
WRITERS: dict[str, Callable[[Path], Any]] = {
    "cropped": lambda root: synthetic.write_raabin_cropped(root, size=96),
    "fields": lambda root: synthetic.write_raabin_fields(root, size=SIZE),
    "ground_truth": lambda root: synthetic.write_raabin_ground_truth(root, size=144, per_class=1),
    "yolo": lambda root: write_yolo(root),
}


def write_yolo(root: Path) -> None:
    """Three crops as TXL-PBC has them."""
    (root / "crops" / "labels").mkdir(parents=True)
    (root / "crops" / "classes.txt").write_text("WBC\nRBC\nPlatelets\n")
    for n, name in enumerate(("0232e871-12be", "0c17c658-7cc6", "a b é")):
        write_image(root / "crops" / "images" / f"{name}.jpg", np.zeros((80, 100, 3), np.uint8))
        (root / "crops" / "labels" / f"{name}.txt").write_text(f"{n % 2} 0.3 0.3125 0.4 0.375\n")


@pytest.fixture(scope="module", params=WRITERS)
def drawn(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with one part (read only)."""
    root = tmp_path_factory.mktemp("raabin")
    WRITERS[request.param](root)
    return root


@pytest.fixture(params=WRITERS)
def root(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A folder with one part, for a test to spoil."""
    WRITERS[request.param](tmp_path)
    return tmp_path


def load(root: Path, *wanted: str, **extra: object) -> RawSet:
    return datasets.load(root, LoadOptions(frozenset(wanted) or None, extra), "raabin")


def kinds(raw: RawSet) -> Counter[str]:
    return Counter(finding.kind for finding in raw.findings)


def test_checklist(drawn: Path) -> None:
    assert datasets.recognise(drawn)[0] == "raabin"
    checklist.check_loader(drawn, "raabin")


def test_headers_only(root: Path) -> None:
    checklist.check_headers_only(root, "raabin")


def test_unreadable_image(root: Path) -> None:
    checklist.check_unreadable_image(root, "raabin")


def test_all_parts_in_one_folder(tmp_path: Path) -> None:
    for write in WRITERS.values():
        write(tmp_path)
    raw = checklist.check_loader(tmp_path, "raabin")
    alone = [load(tmp_path, parts=[part]) for part in WRITERS]
    assert len(raw.samples) == sum(len(one.samples) for one in alone) > 0
    films = {s.smear for one in alone[:3] for s in one.samples}
    assert films == {"95-5-4-1", "95-8-12-2", "95-8-20-4"}  # one film is one smear, whatever the part


@pytest.mark.parametrize(
    "extra",
    [
        {"parts": ["fields"]},
        {"parts": "x"},
        {"parts": 5},
        {"experts": "x"},
        {"frame": "x"},
        {"keep": ["WBC"]},
        {"levels": {"nucleus": 128}},
        {"levels": {"x": 1}},
        {"levels": {"nucleus": 300}},
        {"levels": 5},
        {"test_list": 5},
    ],
)
def test_options_that_cannot_be_used(tmp_path: Path, extra: dict[str, object]) -> None:
    write_yolo(tmp_path)
    with pytest.raises(RecipeError, match=next(iter(extra))):
        load(tmp_path, **extra)


# ---------------------------------------------------------------- cropped


def test_cropped(tmp_path: Path) -> None:
    truth = WRITERS["cropped"](tmp_path)
    raw = load(tmp_path)
    assert [s.source for s in raw.samples] == sorted(f"raabin/{path}" for path in truth)
    for sample in raw.samples:
        folder, kind, name = sample.source.split("/")[1:]
        assert sample.attributes == {"class": kind, "folder": folder}
        assert sample.subset == (None if folder == "Train" else "test")
        assert sample.smear == name.split("_")[0]
        assert (sample.cells, sample.annotated) == ((), frozenset())
    assert [f.what for f in raw.findings if "do not keep films apart" in f.what]


def test_a_crop_whose_name_has_no_film(tmp_path: Path) -> None:
    write_image(tmp_path / "Train" / "Basophil" / "image 7.jpg", np.zeros((8, 9, 3), np.uint8))
    raw = load(tmp_path)
    assert raw.samples[0].smear == "Train/Basophil/image 7.jpg"
    assert [(f.kind, f.file) for f in raw.findings] == [("note", "Train/Basophil/image 7.jpg")]


# ---------------------------------------------------------------- fields


def write_field(
    root: Path, *cells: dict[str, Any], film: str = "95-5-4-1", stem: str = "a", **more: Any
) -> Path:
    """A field of 100x80 px and its description."""
    folder = root / "First_microscope" / film
    write_image(folder / "images" / f"{stem}.jpg", np.zeros((80, 100, 3), np.uint8))
    path = folder / "jsons" / f"{stem}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {f"Cell_{n}": cell for n, cell in enumerate(cells)}
    path.write_text(json.dumps({**data, "Film ID": film, "Cell Numbers": len(cells), **more}))
    return path


def cell(first: str | None, second: str | None, box: tuple[Any, ...] = (10, 10, 50, 40)) -> dict[str, Any]:
    return {
        "Label1": first,
        "Label2": second,
        **dict(zip(("x1", "y1", "x2", "y2"), map(str, box), strict=True)),
    }


def test_the_rectangle_of_1200(tmp_path: Path) -> None:
    write_field(tmp_path, cell("Neutrophil", "Neutrophil"), **{"Stain Method": "Giemsa", "Zoom": "100x"})
    (sample,) = load(tmp_path).samples
    (found,) = sample.cells
    assert (found.label, found.area, found.outline) == ("Neutrophil", 1200, "box")
    assert found.attributes == {"label1": "Neutrophil", "label2": "Neutrophil"}
    assert sample.annotated == set(KINDS)
    assert sample.attributes == {"stain": "Giemsa", "zoom": "100x"}
    assert (sample.smear, sample.oriented, sample.subset) == ("95-5-4-1", False, None)


ANY_LABEL = st.sampled_from([None, *KINDS, "Artifact", "Burst", "Unknn", "Not centered", "Nonsense"])


@given(ANY_LABEL, ANY_LABEL, st.sampled_from(["any", "both", "first", "second"]))
def test_a_box_is_a_cell_or_no_cell_or_leaves_kinds_open(
    first: str | None, second: str | None, experts: str
) -> None:
    label, unknown = decide((first, second), Settings(experts=experts))
    assert label is None or (label in KINDS and not unknown)
    assert unknown <= set(KINDS)
    if experts in ("any", "both"):
        assert decide((second, first), Settings(experts=experts)) == (label, unknown)
    if first == second:
        assert (label, unknown) == (
            (first, frozenset())
            if first in KINDS
            else (None, frozenset() if first in ("Artifact", "Burst") else frozenset(KINDS))
        )
    if label is None and {first, second} & {"Unknn", "Nonsense"} and experts in ("any", "both"):
        assert unknown == set(KINDS)


@pytest.mark.parametrize(
    ("experts", "labels", "kind", "unknown"),
    [
        ("any", ("Band", None), "Band", set()),
        ("any", (None, "Band"), "Band", set()),
        ("any", ("Band", "Meta"), None, {"Band", "Meta"}),
        ("any", ("Eosinophil", "Burst"), None, {"Eosinophil"}),
        ("any", ("Burst", "Artifact"), None, set()),
        ("both", ("Band", None), None, set(KINDS)),
        ("first", ("Band", "Meta"), "Band", set()),
        ("second", ("Band", None), None, set(KINDS)),
        ("second", ("Band", "Burst"), None, set()),
    ],
)
def test_two_experts(
    experts: str, labels: tuple[str | None, str | None], kind: str | None, unknown: set[str]
) -> None:
    assert decide(labels, Settings(experts=experts)) == (kind, unknown)


def test_what_is_left_out_is_counted(tmp_path: Path) -> None:
    cells = [cell("Burst", "Burst"), cell("Burst", None), cell(None, None), cell("Band", "Meta")]
    write_field(tmp_path, *cells, cell("NRBC", "NRBC"))
    raw = load(tmp_path)
    assert [c.label for c in raw.samples[0].cells] == ["NRBC"]
    (note,) = raw.findings
    assert note.what.startswith("4 boxes") and "2 Burst" in note.what and "1 Band against Meta" in note.what
    kept = load(tmp_path, keep=["Burst"])
    assert [c.label for c in kept.samples[0].cells] == ["Burst", "Burst", "NRBC"]
    assert "Burst" in kept.categories


def test_fields_are_what_was_drawn(tmp_path: Path) -> None:
    truth = WRITERS["fields"](tmp_path)
    raw = load(tmp_path)
    assert [s.source for s in raw.samples] == sorted(f"raabin/{path}" for path in truth)
    assert any(s.cells for s in raw.samples)
    for sample in raw.samples:
        white = [c for c in truth[sample.source.removeprefix("raabin/")] if c.label == "WBC"]
        for found in sample.cells:
            assert found.label.split()[-1].removesuffix("ocyte") in {
                c.attributes["class"].removesuffix("ocyte") for c in white
            }
            assert any(shapely.contains(found.shape, c.shape.centroid) for c in white)


@pytest.mark.parametrize("frame", ["stored", "shown"])
def test_boxes_live_in_the_unrotated_frame(tmp_path: Path, frame: str) -> None:
    synthetic.write_raabin_fields(tmp_path, films=1, fields=2, size=SIZE, orientation=6)
    raw = load(tmp_path, frame=frame)
    if frame == "stored":
        assert {(s.size, s.oriented) for s in raw.samples} == {(SIZE, False)}
        assert set(kinds(raw)) <= {"note"}
    else:
        checklist.check_sizes(raw)
        left_out = [f for f in raw.findings if f.kind == "size_mismatch"]
        assert len(left_out) + len(raw.samples) == 2
        assert left_out and "frame: shown" in left_out[0].what


def test_boxes_beyond_the_image(tmp_path: Path) -> None:
    write_field(
        tmp_path, cell("Band", "Band", (90, 70, 130, 110)), cell("Meta", "Meta", (200, 200, 240, 230))
    )
    raw = load(tmp_path)
    assert kinds(raw) == {"clipped": 1, "outside": 1}
    assert raw.samples[0].cells[0].bounds == (90, 70, 100, 80)


@pytest.mark.parametrize(
    "box", [(10, 10, 10, 40), (50, 10, 10, 40), ("nan", 1, 2, 3), ("x", 1, 2, 3), (1, 1, "inf", 9)]
)
def test_a_box_that_is_none(tmp_path: Path, box: tuple[Any, ...]) -> None:
    write_field(tmp_path, cell("Band", "Band", box), cell("Meta", "Meta"))
    raw = load(tmp_path)
    assert [(f.kind, f.id) for f in raw.findings] == [("invalid", "Cell_0")]
    assert [c.label for c in raw.samples[0].cells] == ["Meta"]
    assert raw.samples[0].annotated == frozenset()  # the broken box may have been any kind


def test_descriptions_that_contradict(tmp_path: Path) -> None:
    write_field(tmp_path, cell("Nonsense", "Band"), **{"Cell Numbers": 3, "Film ID": "x"})
    raw = load(tmp_path)
    assert kinds(raw) == {"damaged": 2, "unknown_label": 1, "note": 1}
    assert raw.samples[0].smear == "95-5-4-1"


@pytest.mark.parametrize("text", ["{", "", "[]", '{"Cell_0": '])
def test_a_description_that_cannot_be_read(tmp_path: Path, text: str) -> None:
    write_field(tmp_path, cell("Band", "Band")).write_text(text)
    raw = load(tmp_path)
    assert kinds(raw) == {"unreadable": 1}
    assert (raw.samples[0].cells, raw.samples[0].annotated) == ((), frozenset())


def test_missing_images_and_descriptions(tmp_path: Path) -> None:
    path = write_field(tmp_path, cell("Band", "Band"))
    path.rename(path.with_name("b.json"))
    raw = load(tmp_path)
    assert [(f.kind, f.file.rpartition("/")[2]) for f in raw.findings] == [
        ("missing_image", "b.json"),
        ("missing_annotation", "a.jpg"),
    ]


# ---------------------------------------------------------------- ground truth


@pytest.mark.parametrize("suffix", [".jpg", ".bmp"])
def test_ground_truth_is_what_was_drawn(tmp_path: Path, suffix: str) -> None:
    truth = synthetic.write_raabin_ground_truth(tmp_path, size=144, per_class=1, suffix=suffix)
    raw = load(tmp_path)
    assert len(raw.samples) == 5
    for sample in raw.samples:
        white, nucleus = truth[sample.source.removeprefix("raabin/")]
        kind = sample.path.parent.name
        assert [(c.label, c.outline) for c in sample.cells] == [(kind, "drawn"), ("Nucleus", "drawn")]
        for found, true in zip(sample.cells, (white, nucleus), strict=True):
            a, b = (shape_to_mask(c.shape, (144, 144)) for c in (found, true))
            assert (a & b).sum() / (a | b).sum() > 0.9
    assert set(kinds(raw)) <= {"speck"}


def test_exchanged_levels_are_noticed_and_can_be_set(tmp_path: Path) -> None:
    synthetic.write_raabin_ground_truth(tmp_path, size=144, per_class=1, levels=(0, 255, 128))
    raw = load(tmp_path)
    assert kinds(raw)["damaged"] == 1
    assert "look exchanged; set the option levels" in raw.findings[-1].what
    assert kinds(load(tmp_path, levels={"cytoplasm": 255, "nucleus": 128}))["damaged"] == 0


def test_what_lies_outside() -> None:
    disc = np.hypot(*np.mgrid[-20:21, -20:21]) < 18
    core = np.hypot(*np.mgrid[-20:21, -20:21]) < 9
    assert not looks_exchanged(core, disc & ~core)
    assert looks_exchanged(disc & ~core, core)
    assert not looks_exchanged(core, np.zeros_like(core))


def test_the_official_test_set_is_a_list(tmp_path: Path) -> None:
    synthetic.write_raabin_ground_truth(tmp_path, size=144, per_class=1)
    names = sorted(
        path.relative_to(tmp_path / "GrTh/Original") for path in tmp_path.glob("GrTh/Original/*/*")
    )
    (tmp_path / "test.txt").write_text(f"{names[0].stem}\r\n{names[1]}\n\nNobody/1.jpg\n")
    raw = load(tmp_path, test_list="test.txt")
    assert [s.subset for s in raw.samples] == ["test", "test", None, None, None]
    assert [(f.kind, f.id) for f in raw.findings if f.kind != "speck"] == [("missing_image", "Nobody/1")]
    with pytest.raises(DataError, match="nowhere"):
        load(tmp_path, test_list="nowhere.txt")


def test_masks_that_are_missing_odd_or_broken(tmp_path: Path) -> None:
    synthetic.write_raabin_ground_truth(tmp_path, size=144, per_class=1)
    masks = sorted((tmp_path / "GrTh" / "Ground Truth").glob("*/*.jpg"))
    masks[0].unlink()
    masks[1].write_bytes(b"no image")
    write_image(masks[2], np.zeros((9, 9), np.uint8))
    write_image(masks[3], np.zeros((144, 144), np.uint8))
    write_image(masks[4].with_name("95-1-1-1_1.jpg"), np.zeros((9, 9), np.uint8))
    raw = load(tmp_path)
    expected = {"missing_annotation", "unreadable", "size_mismatch", "damaged", "missing_image"}
    assert set(kinds(raw)) - {"speck"} == expected
    assert [len(s.cells) for s in raw.samples] == [0, 0, 0, 2]
    assert [len(s.annotated) for s in raw.samples] == [0, 0, 6, 6]


# ---------------------------------------------------------------- YOLO crops


def test_yolo_crops(tmp_path: Path) -> None:
    write_yolo(tmp_path)
    (tmp_path / "crops" / "labels" / "0c17c658-7cc6.txt").unlink()
    (tmp_path / "crops" / "labels" / "nobody.txt").touch()
    raw = load(tmp_path)
    assert [[(c.label, c.area) for c in s.cells] for s in raw.samples] == [
        [("WBC", pytest.approx(1200))],
        [],
        [("WBC", pytest.approx(1200))],
    ]
    assert [s.annotated == {"WBC", "RBC", "Platelets"} for s in raw.samples] == [True, False, True]
    assert kinds(raw) == {"missing_annotation": 1, "missing_image": 1, "note": 1}


def test_an_empty_label_file_means_that_none_was_found(tmp_path: Path) -> None:
    write_yolo(tmp_path)
    (tmp_path / "crops" / "labels" / "0c17c658-7cc6.txt").write_text("\n")
    (tmp_path / "crops" / "labels" / "0232e871-12be.txt").write_bytes(b"\0")
    broken, empty, _ = load(tmp_path).samples
    assert (empty.cells, len(empty.annotated)) == ((), 3)
    assert (broken.cells, len(broken.annotated)) == ((), 0)
