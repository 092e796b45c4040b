"""The main job: the same bytes whatever happens on the way, nothing else touched, every field true."""

import datetime
import json
import multiprocessing
import re
import socket
from collections import Counter, defaultdict
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import shapely
from PIL import Image
from pycocotools.coco import COCO

from smearprep import datasets, images
from smearprep.checking import check
from smearprep.errors import DataError, OutputError, RecipeError
from smearprep.output_folder import journal
from smearprep.prepare import parse_roots, prepare
from smearprep.recipes import ImageFiles, Recipe, Source, load_recipe
from smearprep.records import View
from smearprep.rendering import read_journal
from smearprep.splitting import Split
from smearprep.steps import one_step
from smearprep.synthetic import write_all_idb1, write_bccd
from smearprep.tiling import Pad, Tile
from tests.sets import (
    EVEN,
    SIZE,
    SQUARE,
    coco_files,
    edit_json,
    folder_recipe,
    image_stamps,
    images_of,
    kinds,
    noise,
    stop_at,
    tree,
    write_coco,
    write_folder,
)

RECIPE = load_recipe("yolact-cis")
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning:pycocotools")

TILES = folder_recipe(tile=Tile((20, 20), (10, 10)))


@pytest.fixture(scope="module")
def raw(tmp_path_factory):
    """ALL-IDB1 and BCCD in miniature, as the recipe yolact-cis wants them."""
    root = tmp_path_factory.mktemp("raw")
    write_all_idb1(root / "ALL_IDB1", images=5, size=(648, 486))
    write_bccd(root / "BCCD", images=5)
    return [("all_idb1", root / "ALL_IDB1"), (None, root / "BCCD")]


@pytest.fixture(scope="module")
def made(raw, tmp_path_factory):
    """The set that an undisturbed run makes: folder and summary."""
    out = tmp_path_factory.mktemp("made") / "set"
    return out, prepare(RECIPE, raw, out)


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A plain folder of six small images."""
    return write_folder(tmp_path_factory.mktemp("tiny") / "raw")


@pytest.fixture(scope="module")
def tiny_set(tiny, tmp_path_factory):
    """The tiny folder in 15 windows each, undisturbed."""
    out = tmp_path_factory.mktemp("tiny_set") / "set"
    prepare(TILES, [("folder", tiny)], out)
    return out


# ---------------------------------------------------------------- the same bytes


def test_twice(raw, made, tmp_path):
    out, summary = made
    again = prepare(RECIPE, raw, tmp_path / "set")
    assert tree(tmp_path / "set") == tree(out)
    assert replace(again, output="", next_step="") == replace(summary, output="", next_step="")


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_any_number_of_workers(raw, made, tmp_path, workers):
    prepare(RECIPE, raw, tmp_path / "set", workers=workers)
    assert tree(tmp_path / "set") == tree(made[0])


@pytest.mark.parametrize("kind", ["threads", "processes"])
def test_any_executor(tiny, tiny_set, tmp_path, kind):
    spawn = multiprocessing.get_context("spawn")  # a fork of a process with threads may hang
    executor = ThreadPoolExecutor(2) if kind == "threads" else ProcessPoolExecutor(2, mp_context=spawn)
    with executor:
        prepare(TILES, [("folder", tiny)], tmp_path / "set", executor=executor)
        assert executor.submit(abs, -1).result() == 1  # it is the caller's: not shut down
    assert tree(tmp_path / "set") == tree(tiny_set)


def test_whatever_the_raw_folder_is_called(tiny, tiny_set, tmp_path):
    (tmp_path / "elsewhere").symlink_to(tiny)
    prepare(TILES, [("folder", tmp_path / "elsewhere")], tmp_path / "set")
    assert tree(tmp_path / "set") == tree(tiny_set)


@pytest.mark.parametrize("force", [False, True])
def test_a_finished_set_is_not_written_again(tiny, tmp_path, force):
    prepare(TILES, [("folder", tiny)], tmp_path / "set")
    before, stamps = tree(tmp_path / "set"), image_stamps(tmp_path / "set")
    prepare(TILES, [("folder", tiny)], tmp_path / "set", force=force)
    assert tree(tmp_path / "set") == before
    assert image_stamps(tmp_path / "set") == stamps


def test_only_what_is_missing_or_damaged_is_written_again(tiny, tiny_set, tmp_path):
    out = tmp_path / "set"
    prepare(TILES, [("folder", tiny)], out)
    stamps = image_stamps(out)
    lost, damaged, *_, kept = stamps
    lost.unlink()
    damaged.write_bytes(damaged.read_bytes()[:-1] + b"x")
    (out / "annotations/instances_all.json").unlink()
    prepare(TILES, [("folder", tiny)], out)
    assert tree(out) == tree(tiny_set)
    assert image_stamps(out)[kept] == stamps[kept]


# ---------------------------------------------------------------- killed, interrupted


FILES = 6 * 15 + 3  # plan, images, annotations, manifest: each is renamed once


def tile(raw, out):
    """The run of `TILES` by the command line's function, in this process."""
    return one_step("tile", raw, out, tile=TILES.sources[0].tile)


@pytest.fixture(scope="module")
def whole(tiny, tmp_path_factory):
    """What an undisturbed run of the command makes."""
    out = tmp_path_factory.mktemp("whole") / "set"
    done = stop_at("SIGKILL", FILES, "tile", tiny, out, "--size", 20, "--stride", 10)
    assert done.returncode == 0, done.stderr  # exactly FILES files are written
    return tree(out)


@pytest.mark.parametrize("count", [0, 1, FILES // 2, FILES - 2, FILES - 1])
def test_killed_and_run_again(tiny, whole, tmp_path, count):
    out = tmp_path / "set"
    assert stop_at("SIGKILL", count, "tile", tiny, out, "--size", 20, "--stride", 10).returncode == -9
    assert not (out / "manifest.json").exists()
    assert list(out.rglob(".*.part"))  # killed with a file half written
    assert tile(tiny, out).counts["views"] == 90
    assert tree(out) == whole


def test_killed_again_and_again(tiny, whole, tmp_path):
    """Each run goes on from where the last one was: what is noted as done is not written again."""
    out, stamps = tmp_path / "set", {}
    for count in (35, 50):
        job = "tile", tiny, out, "--size", 20, "--stride", 10, "--workers", 1
        assert stop_at("SIGKILL", count, *job).returncode == -9
        now = image_stamps(out)
        assert all(now[path] == stamps[path] for path in stamps)
        noted = [out / name for result in read_journal(journal(out)).values() for name in result.outputs]
        stamps = {path: now[path] for path in noted}
    assert stamps
    tile(tiny, out)
    now = image_stamps(out)
    assert all(now[path] == stamps[path] for path in stamps)
    assert tree(out) == whole


def test_interrupted_and_run_again(tiny, whole, tmp_path):
    out = tmp_path / "set"
    stopped = stop_at("SIGINT", 40, "tile", tiny, out, "--size", 20, "--stride", 10)
    assert stopped.returncode == 130
    assert stopped.stdout == b""
    assert stopped.stderr.decode().splitlines() == ["interrupted; give the same command again to go on"]
    assert not (out / "manifest.json").exists()
    tile(tiny, out)
    assert tree(out) == whole


def test_a_torn_journal_is_passed_over(tiny, tiny_set, tmp_path):
    def stop(done, total):
        if done > 60:
            raise KeyboardInterrupt

    out = tmp_path / "set"
    with pytest.raises(KeyboardInterrupt):
        prepare(TILES, [("folder", tiny)], out, workers=1, progress=stop)
    lines = journal(out).read_bytes().splitlines(keepends=True)
    assert len(lines) >= 4
    journal(out).write_bytes(b"5\nnull\n\xff\n" + b"".join(lines[:-1]) + lines[-1][: len(lines[-1]) // 2])
    prepare(TILES, [("folder", tiny)], out)
    assert tree(out) == tree(tiny_set)


def test_raw_images_changed_since_a_killed_run(tmp_path):
    raw, out = write_folder(tmp_path / "raw"), tmp_path / "set"

    def stop(done, total):
        if done > 60:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        prepare(TILES, [("folder", raw)], out, workers=1, progress=stop)
    (raw / "i0.png").write_bytes(images.encode(noise(seed=99), "png"))
    prepare(TILES, [("folder", raw)], out)
    prepare(TILES, [("folder", raw)], tmp_path / "fresh")
    assert tree(out) == tree(tmp_path / "fresh")
    assert not check(out).findings


def test_a_raw_image_that_breaks_and_heals(tmp_path):
    raw, out = write_folder(tmp_path / "raw"), tmp_path / "set"
    prepare(TILES, [("folder", raw)], out)
    whole, victim = tree(out), raw / "i2.png"
    data = victim.read_bytes()
    victim.write_bytes(data[:-20])
    assert kinds(prepare(TILES, [("folder", raw)], out)) == {"unreadable": 1}
    prepare(TILES, [("folder", raw)], tmp_path / "without")
    assert tree(out) == tree(tmp_path / "without")
    assert not any(path.name.startswith("i2") for path in images_of(out))
    victim.write_bytes(data)
    prepare(TILES, [("folder", raw)], out)
    assert tree(out) == whole


def test_no_image_left(tmp_path):
    raw = write_folder(tmp_path / "raw", images=2)
    for path in raw.glob("*.png"):
        path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(RecipeError, match=r"no image could be read.*2 unreadable.*i0\.png.*truncated"):
        prepare(TILES, [("folder", raw)], tmp_path / "set")
    assert not (tmp_path / "set/manifest.json").exists()


def test_deleted_between_plan_and_render(tmp_path):
    raw = write_folder(tmp_path / "raw")

    class Late(ThreadPoolExecutor):
        """Deletes an image before the first task is done."""

        def submit(self, *task, **how):
            (raw / "i5.png").unlink(missing_ok=True)
            return super().submit(*task, **how)

    with Late(1) as executor:
        summary = prepare(TILES, [("folder", raw)], tmp_path / "set", executor=executor)
    assert [(f.kind, f.file, f.what) for f in summary.findings] == [
        ("unreadable", "folder/i5.png", "is not there; left out")
    ]
    assert summary.counts["raw_images_used"] == 5
    assert not check(tmp_path / "set").findings


# ---------------------------------------------------------------- one decode an image


def test_one_decode_an_image(raw, made, tmp_path, monkeypatch):
    decoded = []

    def counted(data, path, *how):
        decoded.append(path.name)
        return images.decode(data, path, *how)

    monkeypatch.setattr("smearprep.rendering.decode", counted)
    prepare(RECIPE, raw, tmp_path / "set", workers=2)
    records = [image for coco in coco_files(tmp_path / "set").values() for image in coco["images"]]
    assert len(records) > len(decoded)  # some images have several windows
    assert Counter(decoded) == Counter({Path(image["source"]).name for image in records})


# ---------------------------------------------------------------- nothing else is touched


def test_other_recipe_is_refused_unless_forced(tiny, tmp_path):
    out = tmp_path / "set"
    other = folder_recipe(split=EVEN, images=ImageFiles("jpg", 80))
    prepare(TILES, [("folder", tiny)], out)
    before = tree(out)
    with pytest.raises(OutputError, match=r"another recipe.*--force"):
        prepare(other, [("folder", tiny)], out)
    assert tree(out) == before
    prepare(other, [("folder", tiny)], out, force=True)
    prepare(other, [("folder", tiny)], tmp_path / "fresh")
    assert tree(out) == tree(tmp_path / "fresh")


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize("name", ["notes.txt", "images/train/mine.jpg", "annotations/instances_train.json"])
def test_foreign_folder_is_refused(tiny, tmp_path, name, force):
    precious = tmp_path / "set" / name
    precious.parent.mkdir(parents=True)
    precious.write_text("{}")
    before = tree(tmp_path / "set")
    with pytest.raises(OutputError, match="not empty"):
        prepare(TILES, [("folder", tiny)], tmp_path / "set", force=force)
    assert tree(tmp_path / "set") == before


@pytest.mark.parametrize("where", ["raw", "raw/out", ".", "link", "link/out"])
def test_output_within_raw_data_is_refused(tmp_path, where):
    raw = write_folder(tmp_path / "raw", images=1)
    (tmp_path / "link").symlink_to(raw)
    before = tree(tmp_path)
    with pytest.raises(OutputError, match="raw folder"):
        prepare(TILES, [("folder", raw)], tmp_path / where, force=True)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("where", ["file", "file/out"])
def test_output_that_is_a_file(tiny, tmp_path, where):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(OutputError, match="cannot be written"):
        prepare(TILES, [("folder", tiny)], tmp_path / where, force=True)
    assert tree(tmp_path) == {"file": b"mine"}


def test_dry_run_writes_nothing(raw, made, tmp_path):
    summary = prepare(RECIPE, raw, tmp_path / "set", dry_run=True)
    assert tree(tmp_path) == {}
    assert summary.output is None
    assert summary.counts == made[1].counts
    assert summary.by_subset == made[1].by_subset


def test_raw_data_is_left_alone(tmp_path):
    raw = write_folder(tmp_path / "raw")
    before = tree(raw)
    prepare(TILES, [("folder", raw)], tmp_path / "set")
    assert tree(raw) == before


def test_nothing_tells_where_or_when(raw, made, tmp_path_factory):
    out, _ = made
    base = tmp_path_factory.getbasetemp().resolve()
    today = datetime.datetime.now(datetime.UTC).date()
    dates = [(today - datetime.timedelta(days=n)).isoformat() for n in (0, 1)]
    secrets = [str(base), str(Path.home()) + "/", *dates]
    written = [path for path in out.rglob("*") if path.is_file()]
    assert written
    for path in written:
        data = path.read_bytes()
        assert not [secret for secret in secrets if secret.encode() in data], path.name
        if path.suffix == ".json":  # a host's name may be short enough to lie in pixels by chance
            assert not re.search(rf"\b{re.escape(socket.gethostname())}\b", data.decode()), path.name


# ---------------------------------------------------------------- what is written


def test_pycocotools_loads_it(made):
    out, summary = made
    image_ids, cell_ids = [], []
    for subset in ("train", "val", "test"):
        coco = COCO(out / f"annotations/instances_{subset}.json")
        image_ids += coco.getImgIds()
        cell_ids += coco.getAnnIds()
        assert [c["name"] for c in coco.loadCats(coco.getCatIds())] == ["WBC"]
        for annotation in coco.loadAnns(coco.getAnnIds()):
            image = coco.loadImgs(annotation["image_id"])[0]
            if not annotation["segmentation"]:
                assert annotation["outline"] == "box"
                continue
            mask = coco.annToMask(annotation)
            assert mask.shape == (image["height"], image["width"])
            x, y, w, h = annotation["bbox"]
            # pycocotools rounds outlines to whole px: a small cell may lose a row on each side.
            assert abs(mask.sum() - annotation["area"]) <= 2 * (w + h) + 4
            ys, xs = np.nonzero(mask)
            assert xs.min() >= x - 1 and ys.min() >= y - 1
            assert xs.max() <= x + w + 1 and ys.max() <= y + h + 1
    assert image_ids == list(range(1, summary.counts["views"] + 1))
    assert cell_ids == list(range(1, summary.counts["cells"] + 1))


def test_files_are_those_listed(made):
    out, _ = made
    for subset, coco in coco_files(out).items():
        there = {path.name: images.probe(path).size for path in (out / "images" / subset).iterdir()}
        assert there == {image["file_name"]: (image["width"], image["height"]) for image in coco["images"]}
    assert {path.name for path in out.iterdir()} == {"images", "annotations", "manifest.json"}


def test_manifest(raw, made):
    out, summary = made
    manifest = json.loads((out / "manifest.json").read_bytes())
    for group in ("images", "annotations"):
        for name, digest in manifest[group].items():
            assert sha256((out / name).read_bytes()).hexdigest() == digest
    assert set(manifest["images"]) == {path.relative_to(out).as_posix() for path in images_of(out)}
    roots = {"all_idb1": raw[0][1], "bccd": raw[1][1]}
    for source, digest in manifest["inputs"].items():
        dataset, _, name = source.partition("/")
        assert sha256((roots[dataset] / name).read_bytes()).hexdigest() == digest
    assert len(manifest["inputs"]) == summary.counts["raw_images_used"]
    assert manifest["counts"] == summary.counts
    assert manifest["recipe"]["name"] == "yolact-cis" and manifest["recipe"]["min_visible"] == 0.2
    assert manifest["findings"] == [finding.as_dict() for finding in summary.findings]


def test_counts_agree(made):
    out, summary = made
    files = coco_files(out)
    assert list(summary.by_subset) == ["train", "val", "test"]
    for subset, coco in files.items():
        smears = {image["smear"] for image in coco["images"]}
        row = {"images": len(coco["images"]), "cells": len(coco["annotations"]), "smears": len(smears)}
        assert summary.by_subset[subset] == row
    whole = {
        (image["source"], annotation["cell"])
        for coco in files.values()
        for image in coco["images"]
        for annotation in coco["annotations"]
        if annotation["image_id"] == image["id"]
    }
    assert summary.counts["whole_cells"] == len(whole) < summary.counts["cells"]
    assert summary.by_category == {"WBC": summary.counts["cells"]}


def test_no_smear_in_two_subsets(made):
    subsets = defaultdict(set)
    for subset, coco in coco_files(made[0]).items():
        for image in coco["images"]:
            subsets[image["smear"]].add(subset)
    assert len(subsets) > 6
    assert all(len(found) == 1 for found in subsets.values())
    assert not check(made[0]).findings


def test_official_subsets_are_kept(raw, made):
    root = raw[1][1]
    official = {
        name: subset
        for subset in ("train", "val", "test")
        for name in (root / f"ImageSets/Main/{subset}.txt").read_text().split()
    }
    found = {
        Path(image["source"]).stem: subset
        for subset, coco in coco_files(made[0]).items()
        for image in coco["images"]
        if image["source"].startswith("bccd/")
    }
    assert found == official


def test_progress_counts_to_the_end(tiny, tmp_path):
    told = []
    prepare(TILES, [("folder", tiny)], tmp_path / "set", progress=lambda *seen: told.append(seen))
    assert told == [(15 * n, 90) for n in range(7)]


# ---------------------------------------------------------------- every field is true


def shapes_of(coco, image):
    """The polygon cells of an image: (annotation, shape on the canvas)."""
    for annotation in coco["annotations"]:
        rings = annotation["segmentation"]
        if annotation["image_id"] == image["id"] and isinstance(rings, list) and rings:
            shape = shapely.MultiPolygon([shapely.Polygon(np.reshape(ring, (-1, 2))) for ring in rings])
            yield annotation, shape


@pytest.mark.parametrize("resize", [None, (150, 90)])
def test_cells_lie_where_the_raw_cells_lie(raw, tmp_path, resize):
    source = Source("all_idb1", tile=Tile((200, 180), (130, 110), margin=7), pad=Pad("square", "centre"))
    recipe = Recipe("laws", (source,), unknown="keep", resize=resize, min_visible=0.3, split=None)
    prepare(recipe, raw[:1], tmp_path / "set")
    raw_cells = {s.source: s.cells for s in datasets.load(raw[0][1], name="all_idb1").samples}
    names = {c["id"]: c["name"] for c in coco_files(tmp_path / "set")["all"]["categories"]}
    coco = coco_files(tmp_path / "set")["all"]
    compared = 0
    for image in coco["images"]:
        view = View(tuple(image["window"]), (image["width"], image["height"]))
        window = shapely.box(*view.window[:2], *np.add(view.window[:2], view.window[2:]))
        for annotation, shape in shapes_of(coco, image):
            whole = raw_cells[image["source"]][annotation["cell"]]
            back = view.to_image(shape)
            part = shapely.intersection(whole.shape, window)
            assert shapely.symmetric_difference(back.buffer(0), part).area <= 1e-6 * whole.area
            assert annotation["visible"] == pytest.approx(part.area / whole.area, abs=1e-9)
            assert annotation["visible"] >= 0.3
            assert names[annotation["category_id"]] == whole.label
            assert annotation["outline"] == whole.outline
            compared += 1
    assert compared > 300


def test_windows_show_the_raw_pixels(tiny, tiny_set):
    for image in coco_files(tiny_set)["all"]["images"]:
        x, y, w, h = image["window"]
        pixels = images.read(tiny / Path(image["source"]).name)
        shown = images.read(tiny_set / "images/all" / image["file_name"])
        assert (shown == pixels[y : y + h, x : x + w]).all()


def test_what_was_looked_for(raw, tmp_path):
    source = Source("all_idb1", tile=Tile((162, 162), (162, 162)))
    recipe = Recipe("all", (source,), unknown="keep", split=None)
    prepare(recipe, raw[:1], tmp_path / "set")
    annotated = {s.source: s.annotated for s in datasets.load(raw[0][1], name="all_idb1").samples}
    coco = coco_files(tmp_path / "set")["all"]
    ids = {category["name"]: category["id"] for category in coco["categories"]}
    present = defaultdict(set)
    for annotation in coco["annotations"]:
        present[annotation["image_id"]].add(annotation["category_id"])
    unknown, absent = 0, 0
    for image in coco["images"]:
        searched = {ids[name] for name in annotated[image["source"]]}
        assert set(image["not_exhaustive_category_ids"]) == set(ids.values()) - searched
        assert set(image["neg_category_ids"]) == searched - present[image["id"]]
        unknown += len(image["not_exhaustive_category_ids"])
        absent += len(image["neg_category_ids"])
    assert unknown and absent


def test_unknown_images_are_left_out_and_counted(raw, made):
    out, summary = made
    unknown = [s.source for s in datasets.load(raw[0][1]).samples if "WBC" not in s.annotated]
    assert unknown
    told = [finding.file for finding in summary.findings if finding.kind == "not_annotated"]
    assert told == unknown
    assert summary.counts["not_annotated"] == len(unknown)
    assert summary.counts["raw_images"] - summary.counts["raw_images_used"] >= len(unknown)
    sources = {image["source"] for coco in coco_files(out).values() for image in coco["images"]}
    assert not sources & set(unknown)


def test_split_by_image_leaks_and_is_told(tiny, tmp_path):
    recipe = folder_recipe(tile=Tile((20, 20), (10, 10)), split=Split((7, 1, 2), by="image"))
    summary = prepare(recipe, [("folder", tiny)], tmp_path / "set")
    assert {name: row["images"] for name, row in summary.by_subset.items()} == {
        "train": 63,
        "val": 9,
        "test": 18,
    }
    leaks = [finding for finding in check(tmp_path / "set").findings if finding.kind == "leak"]
    assert {finding.id for finding in leaks} <= {
        image["smear"] for coco in coco_files(tmp_path / "set").values() for image in coco["images"]
    }
    assert len(leaks) == 6


# ---------------------------------------------------------------- image files


def test_untouched_images_are_copied_byte_for_byte(raw, tmp_path):
    recipe = Recipe("whole", (Source("bccd"),))
    prepare(recipe, raw[1:], tmp_path / "set")
    originals = {path.name: path.read_bytes() for path in (raw[1][1] / "JPEGImages").iterdir()}
    assert {path.name: path.read_bytes() for path in images_of(tmp_path / "set")} == originals


def test_format_follows_the_source(tmp_path):
    raw = tmp_path / "raw"
    for k, suffix in enumerate((".jpg", ".png", ".bmp", ".tif", ".JPEG")):
        path = raw / f"i{k}{suffix}"
        raw.mkdir(exist_ok=True)
        Image.fromarray(noise(seed=k)).save(path)
    prepare(TILES, [("folder", raw)], tmp_path / "set")
    found = {path.name[:2]: path.suffix for path in images_of(tmp_path / "set")}
    assert found == {"i0": ".jpg", "i1": ".png", "i2": ".png", "i3": ".png", "i4": ".jpg"}
    for path in images_of(tmp_path / "set"):
        with Image.open(path) as image:
            assert image.format == {".jpg": "JPEG", ".png": "PNG"}[path.suffix]


def test_jpeg_keeps_all_colours(tiny, tmp_path):
    for quality in (95, 30):
        recipe = replace(TILES, images=ImageFiles("jpg", quality))
        prepare(recipe, [("folder", tiny)], tmp_path / str(quality))
        for path in images_of(tmp_path / str(quality)):
            with Image.open(path) as image:
                assert [component[1:3] for component in image.layer] == [(1, 1)] * 3  # 4:4:4
    sizes = [sum(p.stat().st_size for p in images_of(tmp_path / q)) for q in ("95", "30")]
    assert sizes[0] > 1.5 * sizes[1]


def test_rotated_image_is_written_upright(tmp_path):
    (tmp_path / "raw").mkdir()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(noise()).save(tmp_path / "raw/a.jpg", exif=exif, quality=95)
    summary = prepare(folder_recipe(), [("folder", tmp_path / "raw")], tmp_path / "set")
    assert summary.counts["views"] == 1
    (image,) = coco_files(tmp_path / "set")["all"]["images"]
    assert (image["width"], image["height"]) == SIZE[::-1]
    with Image.open(images_of(tmp_path / "set")[0]) as written:
        assert written.size == SIZE[::-1]
        assert written.getexif().get(0x0112, 1) == 1


def test_names(tmp_path):
    names = [
        "a.png",
        "a.jpg",
        "sub/a.png",
        "A.png",
        "b c.png",
        "細胞.png",
        "..é.1.png",
        "-x.png",
        "n" * 240 + ".png",
    ]
    raw = tmp_path / "raw"
    for k, name in enumerate(names):
        (raw / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(noise(seed=k)).save(raw / name)
    hidden = 1  # ..é.1.png
    prepare(TILES, [("folder", raw)], tmp_path / "set")
    written = images_of(tmp_path / "set")
    assert len({path.name.casefold() for path in written}) == len(written) == 15 * (len(names) - hidden)
    assert all(path.name.isascii() and path.name[0].isalnum() and " " not in path.name for path in written)
    assert all(len(path.name) < 200 for path in written)
    assert not check(tmp_path / "set").findings


@pytest.mark.parametrize(
    "tile",
    [Tile((20, 20), (10, 10), margin=100), Tile((20, 20), (20, 20)), Tile((64, 64), (32, 32), edge="pad")],
    ids=["windows that all show all", "windows named like other images", "windows larger than the image"],
)
def test_no_two_windows_share_a_file(tmp_path, tile):
    raw = tmp_path / "raw"
    raw.mkdir()
    for k, name in enumerate(["a", "a_x0000_y0000", "a_x0020_y0000"]):
        Image.fromarray(noise(SIZE if k == 0 else (18, 18), k)).save(raw / f"{name}.png")
    summary = prepare(folder_recipe(tile=tile), [("folder", raw)], tmp_path / "set")
    assert len(images_of(tmp_path / "set")) == summary.counts["views"]
    assert not check(tmp_path / "set").findings


# ---------------------------------------------------------------- recipes and raw folders


def test_strict_stops_at_the_first_problem(tmp_path):
    raw = write_folder(tmp_path / "raw")
    victim = raw / "i3.png"
    victim.write_bytes(victim.read_bytes()[:-20])
    with ThreadPoolExecutor(1) as executor:
        with pytest.raises(DataError, match=r"i3\.png.*truncated"):
            prepare(TILES, [("folder", raw)], tmp_path / "set", strict=True, executor=executor)
        assert executor.submit(abs, -1).result() == 1
    assert not (tmp_path / "set/manifest.json").exists()
    assert kinds(prepare(TILES, [("folder", raw)], tmp_path / "set")) == {"unreadable": 1}


def test_strict_looks_at_annotations_before_it_writes(tmp_path):
    raw = write_folder(tmp_path / "raw")
    edit_json(raw / "cells.json", lambda data: data["images"][0].update(width=61))
    with pytest.raises(DataError, match=r"cells\.json.*61x40"):
        prepare(TILES, [("folder", raw)], tmp_path / "set", strict=True)
    assert not (tmp_path / "set").exists()


def test_two_data_sets_with_files_of_one_name(raw, tmp_path):
    write_bccd(tmp_path / "BCCD", images=3)
    names = [path.name for path in (tmp_path / "BCCD/JPEGImages").iterdir()]
    for k, name in enumerate(names):
        (tmp_path / "mine").mkdir(exist_ok=True)
        Image.fromarray(noise((640, 480), k)).save(tmp_path / "mine" / name)
    write_coco(tmp_path / "mine/cells.json", names, (640, 480), ((SQUARE,),), ("WBC",))
    recipe = Recipe("both", (Source("bccd"), Source("folder")), ("WBC",), split=None)
    roots = [(None, tmp_path / "mine"), (None, tmp_path / "BCCD")]
    summary = prepare(recipe, roots, tmp_path / "set")
    assert len(images_of(tmp_path / "set")) == summary.counts["views"] == 6
    assert not check(tmp_path / "set").findings


@pytest.mark.parametrize(
    ("entries", "pairs"),
    [
        (["bccd=B"], [("bccd", Path("B"))]),
        (["B", "all_idb1=a=b"], [(None, Path("B")), ("all_idb1", Path("a=b"))]),
        (["x=y"], [(None, Path("x=y"))]),
    ],
)
def test_roots(entries, pairs):
    assert parse_roots(entries) == pairs


def test_a_root_without_a_folder():
    with pytest.raises(RecipeError, match="bccd="):
        parse_roots(["bccd="])


@pytest.mark.parametrize(
    ("roots", "message"),
    [
        ([], "no raw folder holds it; give one with --raw all_idb1=FOLDER"),
        ([0], "wants bccd: no raw folder"),
        ([0, 0, 1], "two raw folders"),
        ([0, 1, 2], "holds folder, but recipe yolact-cis wants all_idb1, bccd"),
    ],
)
def test_roots_must_fit_the_recipe(raw, tiny, tmp_path, roots, message):
    given = [*raw, (None, tiny)]
    with pytest.raises(RecipeError, match=message):
        prepare(RECIPE, [given[n] for n in roots], tmp_path / "set")
    assert tree(tmp_path) == {}


def test_nothing_left_says_why(tiny, tmp_path):
    recipe = folder_recipe(tile=Tile((100, 100), (50, 50), edge="drop"))
    with pytest.raises(RecipeError, match="nothing is left to prepare"):
        prepare(recipe, [("folder", tiny)], tmp_path / "set")
    assert tree(tmp_path) == {}
