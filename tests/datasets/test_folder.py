import json
import os
from pathlib import Path

import numpy as np
import pytest
from shapely import box

from smearprep import datasets
from smearprep.datasets.loading import LoadOptions
from smearprep.errors import LayoutError, RecipeError
from smearprep.formats.coco import CocoWriter
from smearprep.formats.coco.reading import CocoFile
from smearprep.records import RawSet, Sample
from smearprep.synthetic import write_image
from tests.datasets import checklist

VOC = (
    "<annotation><filename>{name}</filename><size><width>{w}</width><height>{h}</height><depth>3</depth></size>"
    "<object><name>{label}</name><bndbox><xmin>11</xmin><ymin>11</ymin><xmax>30</xmax><ymax>30</ymax></bndbox>"
    "</object></annotation>"
)
W, H = 80, 60


def image(path: Path, size: tuple[int, int] = (W, H), orientation: int = 1) -> None:
    pixels = np.full((size[1], size[0], 3), 180, np.uint8)
    write_image(path, pixels, orientation=orientation)


def voc(path: Path, name: str, label: str = "WBC", size: tuple[int, int] = (W, H)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(VOC.format(name=name, label=label, w=size[0], h=size[1]), encoding="utf-8")


def text(path: Path, content: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content, encoding="utf-8")


def coco(path: Path, *names: str, size: tuple[int, int] = (W, H)) -> None:
    images = [
        {"id": n, "file_name": name, "width": size[0], "height": size[1]} for n, name in enumerate(names)
    ]
    cells = [
        {
            "id": n,
            "image_id": n,
            "category_id": 1,
            "bbox": [10 + n, 10, 20, 20],
            "segmentation": [],
            "area": 400,
        }
        for n in range(len(names))
    ]
    text(path, json.dumps({"images": images, "annotations": cells, "categories": [{"id": 1, "name": "WBC"}]}))


def mask(path: Path, size: tuple[int, int] = (W, H)) -> None:
    pixels = np.zeros(size[::-1], np.uint8)
    pixels[10:30, 10:30] = 255
    write_image(path, pixels)


def load(root: Path, *wanted: str, **extra: object) -> RawSet:
    return datasets.load(root, LoadOptions(frozenset(wanted) or None, extra), "folder")


def by_path(raw: RawSet) -> dict[str, Sample]:
    return {sample.source.removeprefix("folder/"): sample for sample in raw.samples}


def told(raw: RawSet, kind: str) -> str:
    return " | ".join(f"{f.file} {f.id}: {f.what}" for f in raw.findings if f.kind == kind)


@pytest.fixture
def root(tmp_path) -> Path:
    """Images with VOC boxes, a COCO file for a subfolder, names with blanks and beyond ASCII, one unknown."""
    root = tmp_path / "raw"
    image(root / "Blut bild.jpg")
    voc(root / "Blut bild.xml", "Blut bild.jpg")
    image(root / "größe" / "细胞.png")
    image(root / "größe" / "b.jpg", (70, 50))
    coco(root / "größe" / "cells.json", "细胞.png")
    voc(root / "größe" / "b.xml", "b.jpg", "RBC", (70, 50))
    image(root / "unknown.tif")
    return root


def test_checklist(root):
    raw = checklist.check_loader(root, "folder")
    assert datasets.recognise(root)[0] == "folder"
    assert {path: len(sample.cells) for path, sample in by_path(raw).items()} == {
        "Blut bild.jpg": 1,
        "größe/b.jpg": 1,
        "größe/细胞.png": 1,
        "unknown.tif": 0,
    }
    assert raw.categories == ("RBC", "WBC")
    assert by_path(raw)["unknown.tif"].annotated == frozenset()
    assert told(raw, "missing_annotation").startswith("unknown.tif")


def test_headers_only(root):
    checklist.check_headers_only(root, "folder")


def test_unreadable_image(root):
    checklist.check_unreadable_image(root, "folder")


def test_what_is_not_an_image(root):
    image(root / ".hidden.jpg")
    image(root / ".cache" / "a.jpg")
    text(root / "a.jpg.part", "")
    image(root / "out" / "images" / "train" / "a.jpg")
    coco(root / "out" / "annotations" / "instances_train.json", "a.jpg")
    text(root / "out" / "manifest.json", "{}")
    assert len(load(root).samples) == 4


def test_folder_without_images(tmp_path):
    coco(tmp_path / "cells.json", "a.jpg")
    with pytest.raises(LayoutError):
        datasets.load(tmp_path)


# ---------------------------------------------------------------- whose annotation is it?


def test_same_name_in_two_folders(tmp_path):
    for folder, size in (("a", (W, H)), ("b", (70, 50))):
        image(tmp_path / "images" / folder / "x.jpg", size)
        voc(tmp_path / "labels" / folder / "x.xml", "x.jpg", folder.upper(), size)
    samples = by_path(load(tmp_path))
    assert [cell.label for cell in samples["images/a/x.jpg"].cells] == ["A"]
    assert [cell.label for cell in samples["images/b/x.jpg"].cells] == ["B"]


def test_a_stated_path_decides(tmp_path):
    image(tmp_path / "a" / "x.jpg")
    image(tmp_path / "b" / "x.jpg")
    coco(tmp_path / "cells.json", "a/x.jpg", "b/x.jpg")
    samples = by_path(load(tmp_path))
    assert samples["a/x.jpg"].cells[0].bounds[0] == 10
    assert samples["b/x.jpg"].cells[0].bounds[0] == 11


def test_a_tie_is_reported_not_guessed(tmp_path):
    image(tmp_path / "a" / "x.jpg")
    image(tmp_path / "b" / "x.jpg")
    coco(tmp_path / "cells.json", "x.jpg")
    raw = load(tmp_path)
    assert not any(sample.cells for sample in raw.samples)
    assert "a/x.jpg or b/x.jpg: not guessed, 1 cell left out" in told(raw, "missing_image")


def test_annotation_of_a_missing_image_does_not_go_to_its_namesake(tmp_path):
    image(tmp_path / "a" / "x.jpg")
    image(tmp_path / "b" / "y.jpg")
    voc(tmp_path / "b" / "x.xml", "x.jpg")
    raw = load(tmp_path)
    assert not any(sample.cells for sample in raw.samples)
    assert "b/x.xml x.jpg: its image 'x.jpg' is not there" in told(raw, "missing_image")


def test_two_claims_of_one_file_on_one_image(tmp_path):
    image(tmp_path / "a" / "x.jpg")
    coco(tmp_path / "cells.json", "b/x.jpg", "a/x.jpg")
    raw = load(tmp_path)
    assert [cell.bounds[0] for cell in raw.samples[0].cells] == [11]
    assert "'b/x.jpg' is not there" in told(raw, "missing_image")


def test_two_annotations_of_one_image(tmp_path):
    image(tmp_path / "x.jpg")
    voc(tmp_path / "x.xml", "x.jpg", "WBC")
    coco(tmp_path / "cells.json", "x.jpg")
    raw = load(tmp_path)
    assert len(raw.samples[0].cells) == 1
    assert "x.xml x.jpg: cells.json speaks of the same image and category" in told(raw, "duplicate")
    voc(tmp_path / "x.xml", "x.jpg", "RBC")
    assert [cell.label for cell in load(tmp_path).samples[0].cells] == ["WBC", "RBC"]


def test_two_images_of_one_stem(tmp_path):
    image(tmp_path / "x.jpg")
    image(tmp_path / "x.png")
    voc(tmp_path / "x.xml", "x.png")
    text(tmp_path / "x.txt", "0 0.5 0.5 0.2 0.2\n")
    raw = load(tmp_path)
    assert {path: len(s.cells) for path, s in by_path(raw).items()} == {"x.jpg": 1, "x.png": 1}


def test_names_that_lead_out_of_the_folder(tmp_path):
    image(tmp_path / "raw" / "images" / "x.jpg")
    image(tmp_path / "y.jpg")
    voc(tmp_path / "raw" / "labels" / "x.xml", "../images/x.jpg")
    voc(tmp_path / "raw" / "labels" / "y.xml", "../../y.jpg")
    coco(tmp_path / "raw" / "cells.json", "../y.jpg")
    raw = load(tmp_path / "raw")
    assert {path: len(s.cells) for path, s in by_path(raw).items()} == {"images/x.jpg": 1}
    assert "labels/y.xml" in told(raw, "missing_image") and "cells.json" in told(raw, "missing_image")


def test_absolute_path_of_another_machine(tmp_path):
    image(tmp_path / "x.jpg")
    voc(tmp_path / "x.xml", r"C:\Users\me\pictures\x.jpg")
    assert len(load(tmp_path).samples[0].cells) == 1


def test_annotations_elsewhere(tmp_path):
    image(tmp_path / "raw" / "x.jpg")
    voc(tmp_path / "raw" / "x.xml", "x.jpg", "RBC")
    voc(tmp_path / "notes" / "x.xml", "x.jpg", "WBC")
    raw = load(tmp_path / "raw", annotations=str(tmp_path / "notes"))
    assert [cell.label for cell in raw.samples[0].cells] == ["WBC"]
    checklist.check_findings(raw, tmp_path)
    with pytest.raises(RecipeError, match="nowhere is not there"):
        load(tmp_path / "raw", annotations="nowhere")


# ---------------------------------------------------------------- sizes and frames


def test_wrong_size(tmp_path):
    image(tmp_path / "x.jpg")
    voc(tmp_path / "x.xml", "x.jpg", size=(W + 1, H))
    raw = load(tmp_path)
    assert raw.samples[0].cells == () and raw.samples[0].annotated == frozenset()
    assert "states 81x60 px, but the image is 80x60" in told(raw, "size_mismatch")


def test_exif_annotations_follow_the_stated_frame(tmp_path):
    for name, stated in (("shown", (H, W)), ("stored", (W, H))):
        image(tmp_path / f"{name}.jpg", (W, H), orientation=6)
        voc(tmp_path / f"{name}.xml", f"{name}.jpg", size=stated)
    image(tmp_path / "plain.jpg", (W, H), orientation=6)
    samples = by_path(load(tmp_path))
    assert (samples["shown.jpg"].size, samples["shown.jpg"].oriented) == ((H, W), True)
    assert (samples["stored.jpg"].size, samples["stored.jpg"].oriented) == ((W, H), False)
    assert samples["plain.jpg"].oriented
    assert not by_path(load(tmp_path, exif="stored"))["plain.jpg"].oriented
    assert by_path(load(tmp_path, exif="stored"))["shown.jpg"].oriented
    checklist.check_sizes(load(tmp_path))


def test_cells_beyond_the_border(tmp_path):
    image(tmp_path / "x.jpg", (20, 60))
    voc(tmp_path / "x.xml", "x.jpg", size=(20, 60))
    raw = load(tmp_path)
    assert raw.samples[0].cells[0].bounds == (10, 10, 20, 30)
    assert told(raw, "clipped").startswith("x.xml 0")


# ---------------------------------------------------------------- files of each kind


def test_yolo_with_an_empty_file(tmp_path):
    for name in ("x", "empty"):
        image(tmp_path / "images" / f"{name}.jpg")
    text(tmp_path / "labels" / "x.txt", "1 0.5 0.5 0.25 0.5\n")
    text(tmp_path / "labels" / "empty.txt", "")
    raw = load(tmp_path, classes=["RBC", "WBC"])
    samples = by_path(raw)
    assert samples["images/x.jpg"].cells[0].label == "WBC"
    assert samples["images/x.jpg"].cells[0].bounds == (30, 15, 50, 45)
    assert samples["images/empty.jpg"].annotated == {"RBC", "WBC"}
    assert raw.categories == ("RBC", "WBC")


def test_broken_files_are_named_and_the_rest_loaded(root):
    text(root / "unknown.json", "{")
    text(root / "größe" / "b.xml", "<annotation><object>")
    text(root / "readme.txt", "hello")
    raw = load(root)
    assert len(raw.samples) == 4
    assert "unknown.json" in told(raw, "unreadable")
    assert "größe/b.xml : broken XML at line 1, column" in told(raw, "unreadable")
    assert told(raw, "note").startswith("readme.txt")


def test_a_file_that_is_changed_while_it_is_read_says_nothing(tmp_path, monkeypatch):
    for n in range(3):
        image(tmp_path / f"{n}.png")
    with CocoWriter(tmp_path / "cells.json") as writer:
        for n in range(3):
            id_ = writer.add_image(f"{n}.png", (W, H))
            writer.add_cells(id_, (W, H), ["WBC"], [box(10, 10, 20, 20)], ["drawn"])
    stated = CocoFile.image

    def cut_short(file, key):
        if key == 2:
            os.truncate(file.path, file.path.stat().st_size // 2)
        return stated(file, key)

    monkeypatch.setattr(CocoFile, "image", cut_short)
    raw = load(tmp_path)
    assert [sample.cells for sample in raw.samples] == [()] * 3
    assert told(raw, "unreadable") == "cells.json : was changed while it was read; do it again; left out"


def test_annotated_says_what_was_looked_for(root):
    samples = by_path(load(root, annotated=["RBC", "WBC"]))
    assert samples["Blut bild.jpg"].annotated == {"RBC", "WBC"}
    assert samples["unknown.tif"].annotated == frozenset()


def test_masks_are_never_images(tmp_path):
    image(tmp_path / "images" / "x.jpg")
    mask(tmp_path / "masks" / "x.png")
    image(tmp_path / "y.jpg")
    mask(tmp_path / "y_mask.png")
    image(tmp_path / "alone_mask.png")  # no image of that name beside it: an image
    raw = load(tmp_path)
    assert set(by_path(raw)) == {"images/x.jpg", "y.jpg", "alone_mask.png"}
    assert "masks : 1 files are masks" in told(raw, "note")


def test_masks_that_are_named_are_read(tmp_path):
    for name in ("x", "y"):
        image(tmp_path / "images" / f"{name}.jpg")
        mask(tmp_path / "truth" / "wbc" / f"{name}_mask.png")
    mask(tmp_path / "truth" / "rbc" / "x.png", (30, 20))
    raw = load(tmp_path, masks={"WBC": "truth/wbc", "RBC": "truth/rbc"})
    samples = by_path(raw)
    assert set(samples) == {"images/x.jpg", "images/y.jpg"}
    assert [(cell.label, cell.area) for cell in samples["images/x.jpg"].cells] == [("WBC", 400)]
    assert samples["images/x.jpg"].annotated == {"WBC"}
    assert told(raw, "size_mismatch").startswith("truth/rbc/x.png images/x.jpg: states 30x20 px")
    (tmp_path / "truth" / "rbc" / "x.png").unlink()
    one = load(tmp_path, masks="truth/wbc", label="nucleus", min_area={"nucleus": 401})
    assert told(one, "speck") and one.samples[0].annotated == {"nucleus"}


# ---------------------------------------------------------------- smears and options


def test_smears(root):
    def smears(rule: str) -> list[str]:
        return [sample.smear for sample in load(root, smear=rule).samples]

    assert len(set(smears("image"))) == 4
    assert smears("folder") == [".", "größe", "größe", "."]
    assert smears(r"^(gr)")[1:3] == ["gr", "gr"]
    assert "does not fit the rule" in told(load(root, smear=r"^(gr)"), "note")


@pytest.mark.parametrize(
    "extra",
    [
        {"smear": "("},
        {"smear": "no group"},
        {"exif": "yes"},
        {"format": "masks"},
        {"threshold": 255},
        {"colours": {"WBC": [0, 0]}},
        {"classes": [1]},
        {"min_area": 5},
        {"masks": "."},
        {"masks": "nowhere"},
        {"masks": "unknown.tif"},
    ],
)
def test_options_that_cannot_be_used(root, extra):
    with pytest.raises(RecipeError, match=next(iter(extra))):
        load(root, **extra)
