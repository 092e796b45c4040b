"""Bad input, as users meet it: a clear message, the right exit status, nothing else lost."""

import errno
import json
import os
import shutil
import struct
import subprocess
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from smearprep import images
from smearprep.synthetic import write_bccd, write_image
from tests.sets import (
    COMMAND,
    SIZE,
    SQUARE,
    coco_files,
    edit_json,
    fail,
    images_of,
    noise,
    report,
    start,
    tree,
    write_coco,
    write_folder,
)

PLAIN = ("--ratio", "1:0:0")  # everything in one subset, as it is


@pytest.fixture
def raw(tmp_path):
    """Six images, each with a white and a red cell."""
    return write_folder(tmp_path / "raw")


@pytest.fixture
def out(tmp_path):
    return tmp_path / "set"


def found(data, kind):
    """The findings of a kind: (file, id, what)."""
    return [(f["file"], f["id"], f["what"]) for f in data["findings"] if f["kind"] == kind]


def names(out):
    return [path.name for path in images_of(out)]


def records(out):
    """File name of each image of a set -> its annotations."""
    by_image = {}
    for coco in coco_files(out).values():
        for image in coco["images"]:
            by_image[image["file_name"]] = [
                annotation for annotation in coco["annotations"] if annotation["image_id"] == image["id"]
            ]
    return by_image


# ---------------------------------------------------------------- folders


def test_empty_folder(tmp_path, out):
    (tmp_path / "empty").mkdir()
    for arguments in (["inspect", tmp_path / "empty"], ["tile", tmp_path / "empty", out]):
        assert fail(*arguments) == f"error: {tmp_path / 'empty'}: is an empty folder\n"
    assert not out.exists()


@pytest.mark.parametrize("name", ["notes.txt", "paper.pdf", "masks/a.png", "sub/sub/table.csv"])
def test_unknown_layout_says_what_it_looked_for(tmp_path, name):
    write_image(tmp_path / "x.png", noise())
    (tmp_path / "raw" / name).parent.mkdir(parents=True)
    shutil.copy(tmp_path / "x.png", tmp_path / "raw" / name)
    message = fail("inspect", tmp_path / "raw")
    for words in ("no data set is recognised", "ALL-IDB1: im/", "BCCD: JPEGImages/", "Raabin", "any images"):
        assert words in message


def test_part_of_a_data_set(tmp_path):
    write_bccd(tmp_path / "BCCD", images=3)
    message = fail("inspect", tmp_path / "BCCD/JPEGImages")
    assert f"Did you mean its parent, {tmp_path / 'BCCD'}?" in message
    write_bccd(tmp_path / "shelf/one", images=3)
    write_bccd(tmp_path / "shelf/two", images=3)
    message = fail("inspect", tmp_path / "shelf")
    assert "holds one (BCCD), two (BCCD)" in message


# ---------------------------------------------------------------- images that cannot be used


def png_of_size(width, height):
    """A PNG file whose header states any size."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(b"\0" * 9)) + chunk(b"IEND", b"")


def jpeg(pixels, **how):
    import io

    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "JPEG", quality=95, **how)
    return buffer.getvalue()


BROKEN = {
    "truncated.jpg": (jpeg(noise())[:-400], "truncated"),
    "truncated-thumbnail.jpg": (jpeg(noise(), exif=b"Exif\0\0II*\0\xff\xd8\xff\xd9")[:-400], "truncated"),
    "only-a-header.jpg": (jpeg(noise())[:200], ""),
    "truncated.png": (images.encode(noise(), "png")[:-400], "truncated"),
    "empty.jpg": (b"", "is empty (0 bytes)"),
    "empty.png": (b"", "is empty (0 bytes)"),
    "text.jpg": (b"this is no image", "is not an image"),
    "web-page.png": (b"<!DOCTYPE html><html>404 not found</html>", "is not an image"),
    "gigapixels.png": (png_of_size(40_000, 30_000), "pixels"),
    "large.png": (png_of_size(15_000, 15_000), "more than 178,000,000 pixels"),
    "no-width.png": (png_of_size(0, 10), ""),
}


@pytest.mark.parametrize("name", BROKEN)
def test_an_image_that_cannot_be_used(raw, out, name):
    data, words = BROKEN[name]
    (raw / name).write_bytes(data)
    before = tree(raw)
    result = report("tile", raw, out, "--size", 20, "--stride", 20, status=1)
    ((file, _, what),) = found(result, "unreadable")
    assert file == f"folder/{name}" and words in what and what.endswith("left out")
    assert result["counts"]["unreadable"] == 1
    assert result["counts"]["raw_images_used"] == 6
    assert len(images_of(out)) == result["counts"]["views"] == 6 * 6
    assert not report("check", out)["findings"]
    assert tree(raw) == before


@pytest.mark.parametrize("name", BROKEN)
def test_strict_stops_at_it(raw, out, name):
    (raw / name).write_bytes(BROKEN[name][0])
    message = fail("split", raw, out, *PLAIN, "--strict")
    assert f"folder/{name}" in message and BROKEN[name][1] in message
    assert not (out / "manifest.json").exists()


def test_data_behind_an_image_is_not_a_truncation(raw, out):
    tail = np.random.default_rng(0).integers(0, 256, 100_000, dtype=np.uint8).tobytes()
    (raw / "motion.jpg").write_bytes(jpeg(noise(seed=7)) + tail + b"\xff\xda\0\0")
    (raw / "tail.png").write_bytes(images.encode(noise(seed=8), "png") + tail)
    report("split", raw, out, *PLAIN)
    assert {"motion.jpg", "tail.png"} <= set(names(out))


def test_things_that_are_no_files(raw, out):
    os.mkfifo(raw / "pipe.png")
    os.mkfifo(raw / "pipe.json")
    (raw / "zero.json").symlink_to("/dev/zero")
    (raw / "folder.png").mkdir()
    (raw / "circle").symlink_to(raw)
    assert start("split", raw, out, *PLAIN, "--json", timeout=60).returncode == 0  # it must not wait for ever
    assert names(out) == [f"i{k}.png" for k in range(6)]


def test_links_that_lead_nowhere(raw, out, tmp_path):
    (raw / "gone.png").symlink_to("nowhere.png")
    (raw / "itself.png").symlink_to("itself.png")
    (tmp_path / "elsewhere.png").write_bytes(images.encode(noise(seed=9), "png"))
    (raw / "linked.png").symlink_to(tmp_path / "elsewhere.png")
    result = report("split", raw, out, *PLAIN, status=1)
    assert {file for file, _, _ in found(result, "unreadable")} == {"folder/gone.png", "folder/itself.png"}
    assert "linked.png" in names(out)
    assert str(tmp_path) not in json.dumps(result["findings"])


# ---------------------------------------------------------------- images of rare kinds


GREY, DEEP, RGBA = (
    noise()[..., 0],
    noise(seed=1)[..., 0].astype(np.uint16) * 256 + 77,
    np.dstack([noise()] * 2),
)


def repeated(plane):
    return np.dstack([plane] * 3)


def to_8_bit(plane):
    return np.rint(plane * (255 / 65535)).astype(np.uint8)


def bilevel():
    return Image.fromarray(GREY).convert("1", dither=Image.Dither.NONE)


def palette(**how):
    return Image.fromarray(noise() // 64 * 64).quantize(64, **how)


KINDS = {
    "grey.png": (lambda: Image.fromarray(GREY), repeated(GREY)),
    "deep.png": (lambda: Image.fromarray(DEEP), repeated(to_8_bit(DEEP))),
    "deep.tif": (lambda: Image.fromarray(DEEP), repeated(to_8_bit(DEEP))),
    "alpha.png": (lambda: Image.fromarray(RGBA[..., :4]), RGBA[..., :3]),
    "alpha.tif": (lambda: Image.fromarray(RGBA[..., :4]), RGBA[..., :3]),
    "grey-alpha.png": (lambda: Image.fromarray(RGBA[..., :2], "LA"), repeated(RGBA[..., 0])),
    "palette.png": (palette, np.asarray(palette().convert("RGB"))),
    "bilevel.png": (bilevel, repeated(np.asarray(bilevel()).astype(np.uint8) * 255)),
    "bilevel.tif": (bilevel, repeated(np.asarray(bilevel()).astype(np.uint8) * 255)),
    "colour.bmp": (lambda: Image.fromarray(noise()), noise()),
    "colour.tif": (lambda: Image.fromarray(noise()), noise()),
}


@pytest.mark.filterwarnings("ignore:'mode' parameter is deprecated:DeprecationWarning")
@pytest.mark.parametrize("name", KINDS)
def test_rare_kinds_become_8_bit_rgb(raw, out, name):
    make, expected = KINDS[name]
    make().save(raw / name)
    assert "unreadable" not in report("split", raw, out, *PLAIN)["counts"]
    (path,) = [path for path in images_of(out) if path.stem == Path(name).stem]
    with Image.open(path) as image:
        assert image.mode == "RGB" and image.format == "PNG"
    assert (images.read(path) == expected).all()


@pytest.mark.parametrize("mode", ["CMYK", "L", "RGB"])
def test_jpeg_kinds(raw, out, mode):
    pixels = np.asarray(Image.fromarray(noise((6, 4))).resize(SIZE, Image.Resampling.BILINEAR))
    source = Image.fromarray(pixels).convert(mode)
    source.save(raw / "x.jpg", quality=95, subsampling=0)
    report("split", raw, out, *PLAIN)
    written = images.read(out / "images/train/x.jpg").astype(int)
    with Image.open(out / "images/train/x.jpg") as image:
        assert image.mode == "RGB"
    assert abs(written - np.asarray(source.convert("RGB"))).mean() < 3


@pytest.mark.parametrize("stated", ["as stored", "as shown"])
@pytest.mark.parametrize("orientation", range(2, 9))
def test_annotations_of_turned_images_follow_the_stated_frame(tmp_path, out, stated, orientation):
    """A bright square; its outline is given in the frame of the stored pixels, or in that of the picture."""
    pixels = np.zeros((*SIZE[::-1], 3), np.uint8)
    pixels[5:15, 5:15] = 255
    write_image(tmp_path / "raw/a.jpg", pixels, quality=98, orientation=orientation)
    shown = images.read(tmp_path / "raw/a.jpg", oriented=True)
    frame = pixels if stated == "as stored" else shown
    ys, xs = np.nonzero(frame[..., 0] > 127)
    x0, y0, x1, y1 = xs.min(), ys.min(), xs.max() + 1, ys.max() + 1
    ring = tuple((int(x), int(y)) for x, y in ((x0, y0), (x1, y0), (x1, y1), (x0, y1)))
    size = (frame.shape[1], frame.shape[0])
    write_coco(tmp_path / "raw/cells.json", ["a.jpg"], size, ((ring,),))
    # Where the sides are not swapped, the stated size does not tell the frame: the option does.
    option = "exif=stored" if stated == "as stored" else "exif=applied"
    report("split", tmp_path / "raw", out, *PLAIN, "--option", option)
    (annotation,) = records(out)["a.jpg"]
    written = images.read(out / "images/train/a.jpg", oriented=False)
    x, y, w, h = map(int, annotation["bbox"])
    assert (w, h) == (10, 10)
    inside = written[y : y + h, x : x + w].astype(int)
    assert inside.mean() > 240
    assert written.astype(int).sum() - inside.sum() < 0.05 * inside.sum()


def test_the_stated_size_tells_the_frame(tmp_path, out):
    write_image(tmp_path / "raw/a.jpg", noise(), orientation=6)
    for size, option in ((SIZE, "applied"), (SIZE[::-1], "stored")):
        write_coco(tmp_path / "raw/cells.json", ["a.jpg"], size)
        result = report("split", tmp_path / "raw", out, *PLAIN, "--force", "--option", f"exif={option}")
        assert not result["findings"] and result["counts"]["cells"] == 2
        (coco,) = coco_files(out).values()
        assert (coco["images"][0]["width"], coco["images"][0]["height"]) == size


# ---------------------------------------------------------------- annotations


def test_annotation_for_a_missing_image(raw, out):
    (raw / "i2.png").unlink()
    result = report("split", raw, out, *PLAIN, status=1)
    ((file, id_, what),) = found(result, "missing_image")
    assert (file, id_) == ("folder/cells.json", "i2.png") and "is not there; 2 cells left out" in what
    assert result["counts"]["views"] == 5 and result["counts"]["cells"] == 10


def test_image_without_annotation(raw, out):
    write_image(raw / "more.png", noise(seed=9))
    result = report("split", raw, out, *PLAIN)
    assert [file for file, _, _ in found(result, "missing_annotation")] == ["folder/more.png"]
    assert result["counts"]["views"] == 7
    (coco,) = coco_files(out).values()
    unknown = {image["file_name"]: image["not_exhaustive_category_ids"] for image in coco["images"]}
    assert unknown == {**{f"i{k}.png": [] for k in range(6)}, "more.png": [1, 2]}  # unknown, not empty


def test_wrong_size_in_the_annotation(raw, out):
    edit_json(raw / "cells.json", lambda data: data["images"][1].update(width=61))
    result = report("split", raw, out, *PLAIN, status=1)
    ((file, id_, what),) = found(result, "size_mismatch")
    assert (file, id_) == ("folder/cells.json", "i1.png") and "61x40" in what and "60x40" in what
    assert result["counts"]["views"] == 6 and result["counts"]["cells"] == 10
    assert records(out)["i1.png"] == []


NAN = float("nan")
BOW_TIE = ((5, 5), (25, 25), (25, 5), (5, 25))
RINGS = {
    "two points": (((5, 5), (15, 15)), "invalid", None, 0),
    "not a number": (((5, 5), (NAN, 5), (15, 15)), "invalid", None, 0),
    "infinite": (((5, 5), (float("inf"), 5), (15, 15)), "invalid", None, 0),
    "no area": (((5, 5), (15, 5), (25, 5)), "zero_area", None, 0),
    "self-crossing": (BOW_TIE, "repaired", 200, 0),
    "beyond the border": (((-10, 5), (10, 5), (10, 15), (-10, 15)), "clipped", 100, 0),
    "outside": (((100, 100), (110, 100), (110, 110)), "outside", None, 0),
    "left of the image": (((-20, 5), (-10, 5), (-10, 15)), "outside", None, 0),
}


@pytest.mark.parametrize("name", RINGS)
def test_bad_outlines(raw, out, name):
    ring, kind, area, status = RINGS[name]
    outlines = ((SQUARE, ring), (SQUARE, SQUARE))
    write_coco(raw / "cells.json", [f"i{k}.png" for k in range(6)], outlines=outlines)
    result = report("split", raw, out, *PLAIN, status=status)
    ((file, id_, what),) = found(result, kind)
    assert file == "folder/cells.json" and what
    assert "2" in id_ or "1" in id_  # the annotation's id, or its position in the image
    assert result["counts"][kind] == 1
    assert result["counts"]["cells"] == 11 + (area is not None)
    areas = [annotation["area"] for annotation in records(out)["i0.png"]]
    assert areas == [100.0] + ([area] if area is not None else [])
    assert all(len(cells) == 2 for file_name, cells in records(out).items() if file_name != "i0.png")
    assert not report("check", out)["findings"]


def test_unknown_label(raw, out):
    edit_json(raw / "cells.json", lambda data: data["annotations"][0].update(category_id=9))
    result = report("split", raw, out, *PLAIN)
    ((file, id_, what),) = found(result, "unknown_label")
    assert (file, id_) == ("folder/cells.json", "annotation 1") and "9" in what
    assert result["counts"]["cells"] == 11


def test_unknown_label_in_a_data_set(tmp_path, out):
    write_bccd(tmp_path / "raw", images=4)
    path = tmp_path / "raw/Annotations/BloodImage_00000.xml"
    path.write_text(path.read_text().replace("<name>Platelets</name>", "<name>Parasite</name>", 1))
    result = report("split", tmp_path / "raw", out)
    ((file, _, what),) = found(result, "unknown_label")
    assert file == "bccd/Annotations/BloodImage_00000.xml" and "Parasite" in what


def test_one_stem_in_two_folders(tmp_path, out):
    raw = tmp_path / "raw"
    for k, folder in enumerate("ab"):
        write_image(raw / folder / "x.png", noise(seed=k))
    write_coco(raw / "cells.json", ["x.png"])
    result = report("split", raw, out, *PLAIN, status=1)
    ((file, id_, what),) = found(result, "missing_image")
    assert (file, id_) == ("folder/cells.json", "x.png") and "a/x.png or b/x.png" in what
    write_coco(raw / "cells.json", ["b/x.png"])
    report("split", raw, out, *PLAIN, "--force")
    (coco,) = coco_files(out).values()
    assert len(names(out)) == len(set(names(out))) == 2
    (annotated,) = {a["image_id"] for a in coco["annotations"]}
    assert [image["source"] for image in coco["images"] if image["id"] == annotated] == ["folder/b/x.png"]


def test_names_that_are_not_ascii_or_hold_blanks(tmp_path, out):
    raw = tmp_path / "my raw data ö"
    given = ["Färbung 1.png", "細胞.png", "a  b.png", "100%.png", "quote'\".png", "q?*.png"]
    for k, name in enumerate(given):
        write_image(raw / name, noise(seed=k))
    write_coco(raw / "Zellen ä.json", given)
    result = report("split", raw, out, *PLAIN)
    assert not result["findings"] and result["counts"]["cells"] == 12
    (coco,) = coco_files(out).values()
    assert {image["source"] for image in coco["images"]} == {f"folder/{name}" for name in given}
    assert all(name.isascii() and " " not in name for name in names(out))
    assert not report("check", out)["findings"]


@pytest.mark.parametrize("name", ["../secret.png", "sub/../../secret.png", "/etc/passwd", "..\\secret.png"])
def test_file_names_that_lead_out(raw, out, tmp_path, name):
    write_image(tmp_path / "secret.png", noise(seed=99))
    edit_json(raw / "cells.json", lambda data: data["images"][0].update(file_name=name))
    result = report("split", raw, out, *PLAIN, status=1)
    told = [(kind, what) for f in result["findings"] if (kind := f["kind"]) and (what := f["what"])]
    assert any(Path(name).name in what.replace("\\\\", "\\") for _, what in told)
    assert result["counts"]["views"] == 6 and result["counts"]["cells"] == 10
    assert names(out) == [f"i{k}.png" for k in range(6)]


@pytest.mark.parametrize("name", ["C:\\data\\i0.png", "/home/somebody/i0.png", "elsewhere/i0.png"])
def test_file_names_of_another_computer(raw, out, name):
    edit_json(raw / "cells.json", lambda data: data["images"][0].update(file_name=name))
    result = report("split", raw, out, *PLAIN)
    assert not result["findings"] and result["counts"]["cells"] == 12


def test_file_name_that_is_too_long(raw, out):
    edit_json(raw / "cells.json", lambda data: data["images"][0].update(file_name="n" * 300 + ".png"))
    assert len(found(report("split", raw, out, *PLAIN, status=1), "missing_image")) == 1
    assert report("convert", raw / "cells.json", "-o", out / "c.json", "--images", raw, status=1)


BOMB = """<?xml version="1.0"?>
<!DOCTYPE lolz [
<!ENTITY a "lollollollol"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;&b;&b;&b;">
]>
<annotation><filename>&c;</filename></annotation>
"""
OUTSIDE = """<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<annotation><filename>&a;</filename></annotation>
"""


@pytest.mark.parametrize("text", [BOMB, OUTSIDE, "<annotation><object>", "", "no xml", "<a/>"])
def test_bad_xml(tmp_path, out, text):
    write_bccd(tmp_path / "raw", images=4)
    (tmp_path / "raw/Annotations/BloodImage_00000.xml").write_text(text)
    result = report("split", tmp_path / "raw", out, status=1)
    ((file, _, what),) = found(result, "unreadable")
    assert file == "bccd/Annotations/BloodImage_00000.xml" and what
    assert "root:" not in what and "lollol" not in what
    assert result["counts"]["views"] == 4  # the image is kept as one of which nothing is known
    assert (
        report("convert", tmp_path / "raw/Annotations", "-o", out / "c.json", status=1)["counts"]["images"]
        == 3
    )


def test_broken_json_names_line_and_column(raw, out):
    (raw / "broken.json").write_text('{"images": [],\n  "annotations": [}\n}')
    (raw / "i0.json").write_text('{"markup": [\n1,\n')
    result = report("split", raw, out, *PLAIN, status=1)
    told = {file: what for file, _, what in found(result, "unreadable")}
    assert "line 3, column 1" in told["folder/i0.json"]
    message = fail("convert", raw / "broken.json", "-o", out / "cells.json")
    assert "broken.json" in message and "line 2, column 19" in message
    assert not (out / "cells.json").exists()


# ---------------------------------------------------------------- disks


@pytest.mark.parametrize(
    ("method", "code"),
    [("replace", errno.ENOSPC), ("replace", errno.EROFS), ("mkdir", errno.EACCES)],
    ids=["full", "read-only", "closed"],
)
@pytest.mark.parametrize("command", ["split", "convert"])
def test_disk_that_cannot_be_written(raw, out, tmp_path, monkeypatch, command, method, code):
    arguments = {
        "split": ["split", raw, out, *PLAIN],
        "convert": ["convert", raw / "cells.json", "-o", out / "cells.json"],
    }[command]

    def broken(path, *more, **how):
        if Path(path).is_relative_to(out):
            raise OSError(code, os.strerror(code), str(path))
        return original(path, *more, **how)

    original = getattr(os, method)
    monkeypatch.setattr(os, method, broken)
    message = fail(*arguments)
    monkeypatch.undo()
    assert message.endswith(f"cannot be written ({os.strerror(code)})\n") and message.count("\n") == 1
    report(*arguments)  # with the disk in order, the same command goes through
    if command == "split":
        assert not report("check", out)["findings"]
    assert not list(tmp_path.rglob("*.part"))


@pytest.mark.parametrize("command", ["split", "tile", "convert"])
def test_disk_that_fills_up_within_a_file(raw, out, command):
    """No file may become larger than 2 KiB: the images (about 7 KiB) and the annotations do not fit."""
    arguments = {
        "split": ["split", raw, out, *PLAIN],
        "tile": ["tile", raw, out, "--size", "20"],  # the images fit, the annotations do not
        "convert": ["convert", raw / "cells.json", "-o", out / "cells.json"],
    }[command]
    limited = ["bash", "-c", 'ulimit -f 2; "$@"', "bash", COMMAND, *arguments]
    done = subprocess.run(limited, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    assert done.returncode == 2 and done.stdout == ""
    assert done.stderr.endswith("cannot be written (File too large)\n") and done.stderr.count("\n") == 1
    assert not [path for path in out.rglob("*") if path.name.endswith(".part")]
    report(*arguments)
    if command != "convert":
        assert not report("check", out)["findings"]


def test_output_of_another_recipe(raw, out):
    report("split", raw, out, *PLAIN)
    before = tree(out)
    message = fail("tile", raw, out, "--size", 20)
    assert "holds a set from another recipe" in message and "--force" in message
    assert tree(out) == before
    report("tile", raw, out, "--size", 20, "--force")
    assert report("check", out)["counts"]["images"] == 6 * 15


@pytest.mark.parametrize("way", ["a folder", "a pipe", "an image", "a table"])
def test_output_of_convert_replaces_nothing_else(raw, tmp_path, way):
    target = tmp_path / "target"
    if way == "a folder":
        target.mkdir()
    elif way == "a pipe":  # a device, such as /dev/null, is nothing to try this on
        os.mkfifo(target)
    else:
        target.write_bytes((raw / "i0.png").read_bytes() if way == "an image" else b"image,cells\n1,2\n")
    kind, data = target.stat().st_mode, target.read_bytes() if target.is_file() else None
    assert str(target) in fail("convert", raw / "cells.json", "-o", target)
    assert target.stat().st_mode == kind
    assert data is None or target.read_bytes() == data
    report("convert", raw / "cells.json", "-o", tmp_path / "cells.json")
    report("convert", raw / "cells.json", "-o", tmp_path / "cells.json")  # its own output is replaced


# ---------------------------------------------------------------- windows


def test_window_larger_than_the_image(raw, out, tmp_path):
    for edge in ("shift", "pad"):
        report("tile", raw, tmp_path / edge, "--size", "64x50", "--edge", edge)
        (coco,) = coco_files(tmp_path / edge).values()
        assert [image["window"] for image in coco["images"]] == [[0, 0, 64, 50]] * 6
        for image in coco["images"]:
            shown = images.read(tmp_path / edge / "images/all" / image["file_name"])
            assert (shown[:40, :60] == images.read(raw / image["file_name"])).all()
            assert not shown[40:].any() and not shown[:, 60:].any()
        assert not report("check", tmp_path / edge)["findings"]
    message = fail("tile", raw, out, "--size", "64x50", "--edge", "drop")
    assert "nothing is left to prepare" in message
    assert not out.exists()


def test_one_image_is_smaller_than_the_window(raw, out):
    write_image(raw / "small.png", noise((10, 10)))
    result = report("tile", raw, out, "--size", 20, "--stride", 20, "--edge", "drop")
    assert result["counts"]["raw_images"] == 7
    assert result["counts"]["raw_images_used"] == 6  # counted, not silently short
