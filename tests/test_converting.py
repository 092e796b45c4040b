"""convert: any annotation files into one COCO file; nothing lost without a word."""

import json
from pathlib import Path

import pytest

from smearprep.converting import convert
from smearprep.errors import DataError, LayoutError, OutputError
from smearprep.formats.reading import ReadOptions

RECTANGLE = [(10, 10), (50, 10), (50, 40), (10, 40)]
MAP = {"Truck": "RBC", "Tanker": "RBC", "Trailer": "RBC"}


def entry(points=RECTANGLE, label="Truck", **more):
    return {"vertices": [{"x": x, "y": y} for x, y in points], "object_label": label, **more}


def markup(path, *entries, name="a.jpg", size=(100, 80)):
    image = {"image_name": name, "image_width": size[0], "image_height": size[1]}
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"image_information": image, "markup": list(entries)}))
    return path


def picture(path, size=(100, 80)):
    from PIL import Image

    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size).save(path)


def kinds(summary):
    return [(f.kind, f.file, f.id) for f in summary.findings]


def written(path):
    return json.loads(path.read_bytes())


def test_a_folder_becomes_one_file_and_counts_add_up(tmp_path):
    raw, out = tmp_path / "raw", tmp_path / "out" / "cells.json"
    markup(raw / "b.json", entry(), entry([(0, 0), (4, 4), (8, 8)]), name="b.jpg")
    markup(raw / "deep" / "a.json", entry([(0, 0), (4, 4), (4, 0), (0, 4)], "Tanker"), name="a.jpg")
    steps = []
    summary = convert([raw], out, labels=MAP, progress=lambda done, total: steps.append((done, total)))
    assert steps == [(1, 2), (2, 2)]
    assert summary.counts == {
        "files": 2, "images": 2, "shapes_read": 3, "cells": 2, "repaired": 1, "zero_area": 1, "note": 1
    }  # fmt: skip
    assert summary.by_category == {"RBC": 2}
    assert kinds(summary) == [
        ("zero_area", "b.json", "1"),
        ("repaired", "deep/a.json", "0"),
        ("note", "", ""),
    ]
    assert "'Trailer', which no cell has" in summary.findings[-1].what
    assert summary.tables["images"][0] == {
        "image": "b.jpg", "shapes_read": 2, "cells": 1, "left_out": 1, "repaired": 0
    }  # fmt: skip
    assert not summary.has_problems and not summary.next_step
    record = written(out)
    assert [i["file_name"] for i in record["images"]] == ["b.jpg", "a.jpg"]
    assert [a["attributes"]["original_label"] for a in record["annotations"]] == ["Truck", "Tanker"]
    assert all(i["not_exhaustive_category_ids"] == [] for i in record["images"])


def test_vehicle_labels_without_a_map_are_kept_and_a_hint_names_the_map(tmp_path):
    source = markup(tmp_path / "my markup.json", entry())
    summary = convert([source], tmp_path / "c.json")
    assert summary.by_category == {"Truck": 1}
    (note,) = summary.findings
    assert note.kind == "note" and "--map Truck=RBC" in note.what
    assert summary.next_step.startswith(f"smearprep convert '{source}' -o ")
    assert "--map Tanker=RBC --map Trailer=RBC --map Truck=RBC" in summary.next_step


def test_twice_is_the_same_file_and_coco_is_read_too(tmp_path):
    source = markup(tmp_path / "a.json", entry(marker="anna"), entry([(60, 50), (70, 50), (70, 60)], "Zelle"))
    convert([source], tmp_path / "1.json")
    convert([source], tmp_path / "2.json")
    convert([tmp_path / "2.json"], tmp_path / "3.json")
    one, two, three = ((tmp_path / f"{n}.json").read_bytes() for n in (1, 2, 3))
    assert one == two
    assert one.replace(b'"annotation_file":"a.json"', b'"annotation_file":"2.json"') == three


def test_an_unusable_file_is_reported_and_the_others_written(tmp_path):
    raw = tmp_path / "raw"
    markup(raw / "a.json", entry(label="RBC"))
    (raw / "b.json").write_text('{"markup": [\n  1,}')
    (raw / "c.json").write_text("")
    (raw / "d.json").write_text('{"scripts": {}}')
    (raw / "e.txt").write_text("dear reader")
    summary = convert([raw, tmp_path / "gone.json"], tmp_path / "c.json")
    assert [(f.kind, f.file) for f in summary.findings] == [
        ("unreadable", "raw/b.json"),
        ("unreadable", "raw/c.json"),
        ("note", "raw/d.json"),
        ("note", "raw/e.txt"),
        ("unreadable", "gone.json"),
    ]
    assert "line 2" in summary.findings[0].what
    assert summary.has_problems and summary.counts["images"] == 1
    with pytest.raises(DataError, match="line 2"):
        convert([raw], tmp_path / "strict.json", strict=True)
    assert not (tmp_path / "strict.json").exists()


def test_nothing_usable_writes_nothing(tmp_path):
    (tmp_path / "a.json").write_text("[]")
    with pytest.raises(DataError, match="None of 1 files could be used"):
        convert([tmp_path / "a.json"], tmp_path / "c.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(LayoutError, match=r"looked for \.csv, \.geojson, \.json"):
        convert([tmp_path / "empty"], tmp_path / "c.json")
    with pytest.raises(LayoutError, match="no annotation file was given"):
        convert([], tmp_path / "c.json")
    assert not (tmp_path / "c.json").exists()


def test_an_input_is_never_overwritten(tmp_path):
    source = markup(tmp_path / "a.json", entry())
    before = source.read_bytes()
    for given in ([source], [tmp_path]):
        with pytest.raises(OutputError, match="choose another output"):
            convert(given, tmp_path / "x" / ".." / "a.json")
    assert source.read_bytes() == before


def test_two_files_for_one_image_are_told(tmp_path):
    markup(tmp_path / "raw" / "a" / "m.json", entry(label="RBC"))
    markup(tmp_path / "raw" / "b" / "m.json", entry(label="RBC"))
    summary = convert([tmp_path / "raw"], tmp_path / "c.json")
    assert kinds(summary) == [("duplicate", "b/m.json", "")]
    assert "a/m.json" in summary.findings[0].what and summary.counts["images"] == 2


def test_cells_are_cut_at_the_border_of_the_image(tmp_path):
    beyond, outside = [(90, 70), (110, 70), (110, 90), (90, 90)], [(200, 0), (210, 0), (210, 10)]
    source = markup(tmp_path / "a.json", entry(label="RBC"), entry(beyond, "RBC"), entry(outside, "RBC"))
    summary = convert([source], tmp_path / "c.json")
    assert [f.kind for f in summary.findings] == ["clipped", "outside"]
    assert [a["area"] for a in written(tmp_path / "c.json")["annotations"]] == [1200, 100]
    assert summary.tables["images"][0]["left_out"] == 1


# ---------------------------------------------------------------- with the images


def test_sizes_are_compared_with_the_images(tmp_path):
    raw, images = tmp_path / "raw", tmp_path / "images"
    for name in ("a", "b", "c", "d", "e"):
        markup(raw / f"{name}.json", entry(label="RBC"), name=f"{name}.jpg")
    picture(images / "train" / "a.jpg")
    picture(images / "b.jpg", (80, 80))
    (images / "d.jpg").write_bytes(b"")
    for folder in ("one", "two"):
        picture(images / folder / "e.jpg")
    summary = convert([raw], tmp_path / "c.json", reading=ReadOptions(images=images))
    assert [i["file_name"] for i in written(tmp_path / "c.json")["images"]] == ["train/a.jpg"]
    assert [(f.kind, f.file) for f in summary.findings] == [
        ("size_mismatch", "b.json"),
        ("missing_image", "c.json"),
        ("unreadable", "d.jpg"),
        ("missing_image", "e.json"),
    ]
    assert "states 100x80 px, b.jpg has 80x80" in summary.findings[0].what
    assert "could be one/e.jpg or two/e.jpg" in summary.findings[3].what
    assert summary.counts["shapes_read"] == 5 and summary.counts["cells"] == 1


def test_a_size_that_is_not_stated_is_taken_from_the_image(tmp_path):
    source = tmp_path / "raw" / "a.json"
    markup(source, entry(label="RBC"), size=(None, None))
    with pytest.raises(DataError, match="name the folder by --images"):
        convert([source], tmp_path / "c.json")
    picture(source.with_suffix(".png"))
    convert([source], tmp_path / "c.json")
    (image,) = written(tmp_path / "c.json")["images"]
    assert (image["file_name"], image["width"], image["height"]) == ("a.png", 100, 80)


@pytest.mark.parametrize("orientation", [1, 6])
def test_either_frame_of_a_rotated_image_is_let_in(tmp_path, orientation):
    from PIL import Image

    exif = Image.Exif()
    exif[0x0112] = orientation
    (tmp_path / "images").mkdir()
    Image.new("RGB", (100, 80)).save(tmp_path / "images" / "a.jpg", exif=exif)
    size = (80, 100) if orientation == 6 else (100, 80)
    source = markup(tmp_path / "a.json", entry(label="RBC"), size=size)
    summary = convert([source], tmp_path / "c.json", reading=ReadOptions(images=tmp_path / "images"))
    assert not summary.has_problems


def test_findings_never_hold_an_absolute_path(tmp_path):
    markup(tmp_path / "x" / "a.json", entry([(0, 0), (1, 1), (2, 2)]), entry())
    markup(tmp_path / "y" / "b.json", entry([(0, 0), (1, 1), (2, 2)]), name="b.jpg")
    summary = convert([tmp_path / "x", tmp_path / "y" / "b.json"], tmp_path / "c.json")
    named = [f.file for f in summary.findings if f.file]
    assert named == ["x/a.json", "y/b.json"]
    assert not any(Path(name).is_absolute() for name in named)
    assert str(tmp_path) not in (tmp_path / "c.json").read_text()


def test_the_output_of_an_earlier_run_is_no_input_of_the_next(tmp_path):
    markup(tmp_path / "a.json", entry())
    first = convert([tmp_path], tmp_path / "cells.json")
    markup(tmp_path / "b.json", entry())
    second = convert([tmp_path], tmp_path / "cells.json")
    assert (first.counts["cells"], second.counts["cells"]) == (1, 2)
