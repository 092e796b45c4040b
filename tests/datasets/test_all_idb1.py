from pathlib import Path

import cv2
import numpy as np
import pytest

from smearprep import datasets
from smearprep.datasets.loading import LoadOptions
from smearprep.errors import RecipeError
from smearprep.records import RawSet, Sample
from smearprep.synthetic import write_all_idb1
from tests.datasets import checklist


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    """A miniature set of 6 images (read only), and what was drawn."""
    root = tmp_path_factory.mktemp("ALL_IDB1")
    return root, write_all_idb1(root, images=6, defects=True)


@pytest.fixture
def root(tmp_path) -> Path:
    """A miniature set of 3 images that a test may spoil."""
    write_all_idb1(tmp_path / "raw", images=3, experts=2)
    return tmp_path / "raw"


def load(root: Path, *wanted: str, **extra: object) -> RawSet:
    return datasets.load(root, LoadOptions(frozenset(wanted) or None, extra), "all_idb1")


def by_stem(raw: RawSet) -> dict[str, Sample]:
    return {sample.path.stem: sample for sample in raw.samples}


def kinds(raw: RawSet) -> dict[str, str]:
    return {finding.kind: finding.what for finding in raw.findings}


def write_mask(path: Path, mask: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(cv2.imencode(path.suffix, mask.astype(np.uint8) * 255)[1].tobytes())


def test_checklist(drawn):
    checklist.check_loader(drawn[0], "all_idb1")


def test_headers_only(root):
    checklist.check_headers_only(root, "all_idb1")


def test_unreadable_image(root):
    checklist.check_unreadable_image(root, "all_idb1")


def test_what_is_annotated(drawn):
    raw = load(drawn[0])
    counted = {c: sum(c in sample.annotated for sample in raw.samples) for c in raw.categories}
    assert counted == {"RBC": 2, "WBC": 5, "Platelets": 4, "Blast": 6}
    assert "damaged" in kinds(raw) and "repaired" in kinds(raw) and "zero_area" in kinds(raw)


def test_markup_comes_before_masks(drawn):
    root, truth = drawn
    sample = by_stem(load(root, "RBC"))["Im001_1"]
    red = [cell for cell in truth["im/Im001_1.jpg"] if cell.label == "RBC"]
    assert len(sample.cells) == len(red) + 1  # the self-crossing one that was added
    assert {cell.outline for cell in sample.cells} == {"drawn"}
    assert [cell.attributes["kind"] for cell in sample.cells[:-1]] == [c.attributes["form"] for c in red]
    assert {cell.attributes["original_label"] for cell in sample.cells} <= {"Truck", "Tanker", "Trailer"}


def test_masks_without_their_edges_on_request(root):
    by_mask = by_stem(load(root, "RBC", rbc="mask"))["Im001_1"]
    assert {cell.outline for cell in by_mask.cells} == {"component"}
    for path in (root / "masks" / "rbc_edge").iterdir():
        path.unlink()
    merged = by_stem(load(root, "RBC", rbc="mask"))["Im001_1"]
    assert len(merged.cells) < len(by_mask.cells)


def test_expert_masks_on_request(root):
    (root / "masks" / "wbc" / "Im001_1.jpg").unlink()
    assert "WBC" not in by_stem(load(root))["Im001_1"].annotated
    sample = by_stem(load(root, "WBC", wbc="expert"))["Im001_1"]
    assert sample.annotated == {"WBC"} and sample.cells


def test_blasts_are_points(drawn):
    root, truth = drawn
    samples = by_stem(load(root, "Blast"))
    lymphoblasts = [c for c in truth["im/Im001_1.jpg"] if c.attributes.get("class") == "Lymphoblast"]
    assert len(samples["Im001_1"].cells) == len(lymphoblasts)
    assert {cell.outline for cell in samples["Im001_1"].cells} == {"point"}
    healthy = samples["Im034_0"]
    assert healthy.cells == () and healthy.annotated == {"Blast"}  # looked for, none found
    assert healthy.attributes == {"diagnosis": "healthy"}


def test_origin_of_xyc_is_an_option(root):
    zero, one = (by_stem(load(root, "Blast", xyc_origin=n))["Im001_1"].cells[0] for n in (0, 1))
    assert zero.bounds[0] - one.bounds[0] == 1


def test_healthy_without_xyc_is_unknown(root):
    (root / "xyc" / "Im034_0.xyc").unlink()
    assert "Blast" not in by_stem(load(root))["Im034_0"].annotated


def test_both_layouts_hold_the_same(drawn, tmp_path):
    root, _ = drawn
    write_all_idb1(tmp_path, images=6, masks="split", defects=True)
    flat, split = load(root), load(tmp_path)
    assert [s.cells for s in split.samples] == [s.cells for s in flat.samples]
    assert [s.annotated for s in split.samples] == [s.annotated for s in flat.samples]
    white = load(tmp_path, "WBC")
    assert {s.subset for s in white.samples} == {"train", "test", None}


def test_images_only_in_the_class_folders(tmp_path):
    write_all_idb1(tmp_path, images=4, masks="split")
    for folder in ("im", "xyc", "markup", "expert_masks"):
        for path in (tmp_path / folder).iterdir():
            path.unlink()
        (tmp_path / folder).rmdir()
    assert datasets.recognise(tmp_path)[0] == "all_idb1"
    raw = checklist.check_loader(tmp_path, "all_idb1")
    assert all("/train/image/" in s.source or "/test/image/" in s.source for s in raw.samples)
    assert len({s.path.stem for s in raw.samples}) == len(raw.samples)


def test_subsets_that_differ_between_classes_are_not_taken_over(tmp_path):
    image = np.full((60, 80), 200, np.uint8)
    for name, subset in (("wbc", "train"), ("plt", "test")):
        write_mask(tmp_path / name / subset / "image" / "Im001_1.jpg", image > 0)
        write_mask(tmp_path / name / subset / "mask" / "Im001_1.jpg", image > 0)
    assert load(tmp_path).samples[0].subset is None
    assert "no official subset" in " ".join(f.what for f in load(tmp_path).findings)
    assert load(tmp_path, "WBC").samples[0].subset == "train"
    assert load(tmp_path, "Platelets").samples[0].subset == "test"


def test_mask_of_another_size_is_left_out_and_the_category_unknown(root):
    write_mask(root / "masks" / "wbc" / "Im001_1.jpg", np.ones((30, 40)))
    raw = load(root)
    assert "WBC" not in by_stem(raw)["Im001_1"].annotated
    assert "is 40x30 px, but the image is 648x486" in kinds(raw)["size_mismatch"]


def test_broken_markup_falls_back_to_the_mask(root):
    (root / "markup" / "Im001_1.json").write_text('{"markup": [')
    raw = load(root, "RBC")
    assert "line 1" in kinds(raw)["unreadable"]
    assert {cell.outline for cell in by_stem(raw)["Im001_1"].cells} == {"component"}


def test_masks_and_images_that_lack_each_other(root):
    write_mask(root / "masks" / "wbc" / "Im099_0.jpg", np.ones((30, 40)))
    (root / "expert_masks" / "Im002_1_RBC.tif").rename(root / "expert_masks" / "Im002_1_odd.tif")
    write_mask(root / "im" / "Im100_0.jpg", np.ones((30, 40)))
    write_mask(root / "masks" / "rbc_edge" / "Im100_0.jpg", np.ones((30, 40)))
    write_mask(root / "im" / "Im101_0.jpg", np.ones((30, 40)))
    raw = load(root)
    found = {(f.kind, f.file) for f in raw.findings}
    assert ("missing_image", "masks/wbc/Im099_0.jpg") in found
    assert ("missing_image", "expert_masks/Im002_1_odd.tif") in found
    assert ("missing_annotation", "masks/rbc_edge/Im100_0.jpg") in found
    assert ("missing_annotation", "im/Im101_0.jpg") in found
    assert by_stem(raw)["Im101_0"].annotated == frozenset()


def test_minimum_areas(tmp_path):
    mask = np.zeros((200, 200), bool)
    mask[10:15, 10:15] = mask[50:60, 50:60] = True  # 25 and 100 px
    write_mask(tmp_path / "im" / "Im001_1.png", np.ones((200, 200)))
    write_mask(tmp_path / "masks" / "plt" / "Im001_1.png", mask)
    write_mask(tmp_path / "masks" / "wbc" / "Im001_1.png", mask)
    raw = load(tmp_path)
    assert [(cell.label, cell.area) for cell in raw.samples[0].cells] == [("Platelets", 100)]
    assert raw.samples[0].annotated == {"WBC", "Platelets"}
    assert len(load(tmp_path, min_area={"WBC": 0, "Platelets": 0}).samples[0].cells) == 4


@pytest.mark.parametrize(
    "extra",
    [
        {"rbc": "best"},
        {"wbc": "markup"},
        {"xyc_origin": 2},
        {"min_area": {"rbc": 5}},
        {"min_area": {"RBC": -1}},
    ],
)
def test_options_that_cannot_be_used(root, extra):
    with pytest.raises(RecipeError, match=next(iter(extra))):
        load(root, **extra)
