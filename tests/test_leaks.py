"""What leaks between subsets: the same field photographed twice, windows that overlap, shared smears."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import combinations
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest

from smearprep.errors import DataError, LayoutError
from smearprep.images import encode, read
from smearprep.leaks import (
    NEAR,
    AuditedImage,
    Overlap,
    Shared,
    audit,
    audit_set,
    fingerprint,
    near,
    percent,
    read_small,
    set_images,
    without_padding,
)
from smearprep.leaks.windows import union_area
from smearprep.prepare import prepare
from smearprep.splitting import Split
from smearprep.synthetic import write_bccd, write_image
from smearprep.tiling import Tile
from tests.sets import EVEN, folder_recipe, noise, write_coco, write_folder

Image = npt.NDArray[np.uint8]


@pytest.fixture(scope="module")
def fields(tmp_path_factory: pytest.TempPathFactory) -> list[Image]:
    """Ten different artificial fields of 640x480 px."""
    root = tmp_path_factory.mktemp("fields")
    write_bccd(root, seed=3, images=10)
    return [read(path) for path in sorted((root / "JPEGImages").iterdir())]


def again(image: Image, quality: int) -> Image:
    """An image after JPEG."""
    decoded = cv2.imdecode(np.frombuffer(encode(image, "jpg", quality), np.uint8), cv2.IMREAD_COLOR_RGB)
    return np.asarray(decoded, np.uint8)


def shifted(image: Image, x: int, y: int) -> Image:
    """What a camera sees that has been moved."""
    move = np.array([[1, 0, x], [0, 1, y]], np.float32)
    size = image.shape[1], image.shape[0]
    return np.asarray(cv2.warpAffine(image, move, size, borderMode=cv2.BORDER_REFLECT), np.uint8)


def bits_apart(a: Image, b: Image) -> int:
    first, second = fingerprint(a), fingerprint(b)
    assert first is not None and second is not None
    return int(np.bitwise_count(first ^ second).sum())


# ---------------------------------------------------------------- fingerprints


@pytest.mark.parametrize(
    "change",
    [
        lambda image: again(image, 50),
        lambda image: cv2.convertScaleAbs(image, alpha=0.7),
        lambda image: cv2.convertScaleAbs(image, alpha=1, beta=40),
        lambda image: cv2.resize(image, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA),
        lambda image: shifted(image, 5, -4),
        lambda image: again(cv2.convertScaleAbs(shifted(image, 4, 3), alpha=0.9, beta=15), 60),
    ],
    ids=["jpeg", "darker", "brighter", "half", "shifted", "all"],
)
def test_the_same_field_is_found(fields: list[Image], change) -> None:
    assert max(bits_apart(image, change(image)) for image in fields) <= NEAR


def test_different_fields_are_not(fields: list[Image]) -> None:
    assert min(bits_apart(a, b) for a, b in combinations(fields, 2)) > NEAR + 10


def test_what_shows_nothing_has_no_fingerprint() -> None:
    grey = np.full((64, 64, 3), 180, np.uint8)
    assert fingerprint(grey) is None
    assert fingerprint(np.zeros((1, 1, 3), np.uint8)) is None
    grey[::2] += 1  # half a grey level of spread
    assert fingerprint(grey) is None


def test_padding_is_not_seen(fields: list[Image]) -> None:
    padded = np.zeros((640, 700, 3), np.uint8)
    padded[100:580, 20:660] = fields[0]
    assert (without_padding(padded) == fields[0][1:-1, 1:-1]).all()  # the outermost px may be mixed
    assert bits_apart(without_padding(again(padded, 90)), fields[0]) <= 4
    black = np.zeros((9, 7, 3), np.uint8)
    assert without_padding(black).shape == (9, 7, 3)
    black[4, 3] = 255
    assert without_padding(black).shape == (1, 1, 3)


@pytest.mark.parametrize("side", [550, 551, 577, 640])
@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_padding_does_not_darken_a_small_image(tmp_path: Path, side: int, suffix: str) -> None:
    """Wherever the border of the image lies in the blocks of the file, nothing of the padding stays."""
    padded = np.zeros((640, 640, 3), np.uint8)
    padded[:480] = (200, 150, 180)
    write_image(tmp_path / f"a{suffix}", cv2.resize(padded, (side, side), interpolation=cv2.INTER_AREA))
    small = without_padding(read_small(tmp_path / f"a{suffix}"))
    assert small.shape[0] > 0.73 * small.shape[1]
    assert small.reshape(-1, 3).mean(axis=0) == pytest.approx(small[20, 20], abs=0.3)


@pytest.mark.parametrize("suffix", [".jpg", ".png"])
def test_small_is_the_image_shrunk(fields: list[Image], tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"a{suffix}"
    write_image(path, fields[0], quality=95)
    small = read_small(path)
    assert small.shape == (240, 320, 3)  # a quarter would have fewer than 128 rows
    expected = cv2.resize(fields[0], (320, 240), interpolation=cv2.INTER_AREA)
    assert np.abs(small.astype(int) - expected).mean() < 2
    assert bits_apart(small, fields[0]) <= 6


def test_small_images_stay_as_they_are(tmp_path: Path) -> None:
    write_image(tmp_path / "a.png", noise((60, 40)))
    assert (read_small(tmp_path / "a.png") == noise((60, 40))).all()


def test_a_damaged_image(fields: list[Image], tmp_path: Path) -> None:
    data = encode(fields[0], "jpg")
    (tmp_path / "cut.jpg").write_bytes(data[: len(data) // 2])
    (tmp_path / "none.jpg").write_bytes(b"text")
    for name in ("cut.jpg", "none.jpg", "missing.jpg"):
        with pytest.raises(DataError):
            read_small(tmp_path / name)


# ---------------------------------------------------------------- near-duplicates


def marked(name: str, subset: str, bits: int, **more: str) -> AuditedImage:
    """An image whose fingerprint has its first bits set."""
    flags = np.zeros(256, bool)
    flags[:bits] = True
    return AuditedImage(name, subset, fingerprint=np.packbits(flags).view(np.uint64), **more)


def test_pairs_in_two_subsets_nearest_first() -> None:
    found = audit(
        [
            marked("c", "test", 70),
            marked("a", "train", 0),
            marked("b", "val", NEAR),
            marked("d", "test", 200),
            marked("e", "test", 70 + NEAR + 1),
        ]
    )
    assert found.subsets == ("train", "val", "test") and found.compared == 5
    pairs = [(pair.first, pair.second, pair.distance, pair.subsets) for pair in found.near]
    assert pairs == [("b", "c", 10, ("val", "test")), ("a", "b", NEAR, ("train", "val"))]
    assert (found.near_pairs, found.near_images) == (2, 3)
    kinds = {(f.kind, f.file, f.is_problem) for f in found.findings()}
    assert kinds == {("leak", "a", True), ("leak", "b", True)}
    assert not found.is_clean


def test_one_raw_image_and_one_subset_are_no_pairs() -> None:
    same_subset = [marked("a", "train", 0), marked("b", "train", 0)]
    assert audit(same_subset).is_clean
    same_source = [marked("a", "train", 0, source="s"), marked("b", "test", 0, source="s")]
    assert not audit(same_source).near
    same_origin = [replace(i, source=i.name, origin="o") for i in same_source]
    assert not audit(same_origin).near
    assert audit([marked("a", "train", 0), marked("b", "test", 0)]).near_pairs == 1


def test_thousands_of_pairs_are_counted_and_the_nearest_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "MOST_PAIRS", 5)
    monkeypatch.setattr(near, "_ROWS", 7)  # several blocks
    monkeypatch.setattr(near, "_COLUMNS", 6)
    images = [marked(f"{k:02}", "train", 0) for k in range(40)]
    images += [marked(f"x{k:02}", "test", k) for k in range(20)]
    found = audit(images)
    assert (found.near_pairs, found.near_images) == (800, 60)
    assert [(p.first, p.second) for p in found.near] == [(f"{k:02}", "x00") for k in range(5)]
    assert found.findings()[5].what.startswith("795 more pairs")


def test_pairs_are_those_of_plain_counting(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(near, "_ROWS", 11)
    monkeypatch.setattr(near, "_COLUMNS", 9)
    rng = np.random.default_rng(0)
    centre = rng.integers(0, 2**63, 4, dtype=np.uint64)
    prints = [centre ^ np.packbits(rng.random(256) < 0.17).view(np.uint64) for _ in range(90)]
    images = [
        AuditedImage(f"{n:02}", ("train", "val", "test")[n % 3], f"raw{n % 5}", fingerprint=one)
        for n, one in enumerate(prints)
    ]
    expected = {}
    for a, b in combinations(images, 2):
        bits = sum(int(x).bit_count() for x in a.fingerprint ^ b.fingerprint)
        if bits <= NEAR and a.subset != b.subset and a.source != b.source:
            expected[frozenset((a.name, b.name))] = bits
    found = audit(images)
    assert 20 < len(expected) < near.MOST_PAIRS
    assert {frozenset((pair.first, pair.second)): pair.distance for pair in found.near} == expected
    assert found.near_pairs == len(expected)
    assert found.near_images == len({name for pair in expected for name in pair})


def test_images_without_a_fingerprint_are_not_compared() -> None:
    found = audit([AuditedImage("a", "train"), AuditedImage("b", "test")])
    assert found.compared == 0 and found.is_clean and found.findings() == ()


# ---------------------------------------------------------------- windows, smears


def windowed(subset: str, *windows: tuple[int, int, int, int], source: str = "s") -> list[AuditedImage]:
    return [
        AuditedImage(f"{subset}{source}{k}", subset, source, window=window)
        for k, window in enumerate(windows)
    ]


def test_shares_of_overlapping_windows() -> None:
    found = audit(
        [
            *windowed("train", (0, 0, 10, 10), (5, 0, 10, 10)),
            *windowed("test", (10, 5, 10, 10), (12, 5, 10, 10)),
            *windowed("test", (0, 0, 30, 10), source="other"),
            *windowed("val", (100, 100, 10, 10)),
        ]
    )
    assert found.overlaps == (
        Overlap("val", "train", 100, 0, 0),
        Overlap("test", "train", 120 + 300, 25, 1),
        Overlap("test", "val", 420, 0, 0),
    )
    assert found.overlaps[1].share == 25 / 420
    told = [f.what for f in found.findings() if "px" in f.what]
    assert told == ["6.0 % of the px in test windows lie in train windows, too (25 of 420 px; raw images: 1)"]


def test_padding_left_of_and_above_the_image_is_not_counted() -> None:
    images = [*windowed("train", (-5, -5, 10, 10)), *windowed("test", (-5, -5, 20, 20), (-9, -9, 9, 9))]
    assert audit(images).overlaps == (Overlap("test", "train", 225, 25, 1),)


def test_a_set_that_states_no_windows_says_nothing_of_them() -> None:
    images = [AuditedImage("a", "train", "s"), *windowed("test", (0, 0, 9, 9))]
    assert audit(images).overlaps == ()


def test_union_area_of_huge_windows_is_exact() -> None:
    far = 2**30 - 1
    assert union_area([(0, 0, far, far), (1, 1, far - 1, far)]) == far * far + far - 1
    assert union_area([]) == 0


def test_shared_smears_and_raw_images() -> None:
    found = audit(
        [
            AuditedImage("a", "train", "s1", "p"),
            AuditedImage("b", "test", "s1", "p"),
            AuditedImage("c", "test", "s2", "p"),
            AuditedImage("d", "test", "s3", "q"),
        ]
    )
    assert found.shared == (
        Shared("smear", "test", "train", ("p",), 2, 3),
        Shared("raw", "test", "train", ("s1",), 1, 3),
    )
    assert [f.what for f in found.findings()] == [
        "1 smear and 1 raw image of test also in train; they hold 2 of the 3 test images"
    ]
    assert found.names_smears and not audit([AuditedImage("a", "train")]).names_smears


def test_the_shares_of_pixels_are_told_first_and_pairs_of_images_last() -> None:
    images = [*windowed("train", (0, 0, 9, 9)), *windowed("test", (0, 0, 9, 9))]
    told = [f.what for f in audit([*images, marked("a", "train", 0), marked("b", "test", 0)]).findings()]
    assert [what.partition(" of ")[0] for what in told[:2]] == ["100.0 %", "1 raw image"]
    assert told[2].startswith("shows nearly the same as b") and len(told) == 3


def test_data_sets_in_which_each_raw_image_is_a_smear() -> None:
    def named(raw: str, smear: str, origin: str = "") -> AuditedImage:
        return AuditedImage(f"{raw}{smear}", "train", raw, smear, origin=origin)

    own = [named("a/1.jpg", "a/1"), named("a/2.jpg", "a/2"), named("a/2.jpg", "a/2")]
    assert audit(own).own_smears == ("a",)
    two_of_one_smear = [named("b/1.jpg", "s"), named("b/2.jpg", "s")]
    assert audit([*own, *two_of_one_smear, named("c/1.jpg", "")]).own_smears == ("a", "c")
    one_in_two_smears = [named("d/1.jpg", "s"), named("d/1.jpg", "t"), named("d/2.jpg", "t")]
    assert audit(one_in_two_smears).own_smears == ()
    assert audit([named("images/1.jpg", "t", origin="e/1.jpg")]).own_smears == ("e",)
    assert audit([AuditedImage("x", "train", smear="s"), AuditedImage("y", "train")]).own_smears == ("",)
    assert audit([AuditedImage("y", "train")]).own_smears == ()


@pytest.mark.parametrize(
    ("share", "words"),
    [(0, "0.0 %"), (1e-9, "< 0.1 %"), (0.123, "12.3 %"), (0.99999, "> 99.9 %"), (1, "100.0 %")],
)
def test_percent_rounds_nothing_to_none_or_all(share: float, words: str) -> None:
    assert percent(share) == words


# ---------------------------------------------------------------- whole sets


@pytest.fixture(scope="module")
def raw(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("raw") / "raw")


def test_a_split_by_smear_is_clean_and_one_by_image_is_not(raw: Path, tmp_path: Path) -> None:
    tile = Tile((20, 20), (10, 10))
    prepare(folder_recipe(tile=tile, split=EVEN), [("folder", raw)], tmp_path / "smear")
    prepare(
        folder_recipe(tile=tile, split=Split((1, 1, 1), by="image")), [("folder", raw)], tmp_path / "image"
    )
    clean = audit_set(tmp_path / "smear")
    assert clean.is_clean and clean.compared == 90
    assert [(o.pixels, o.leaked) for o in clean.overlaps] == [(2 * 60 * 40, 0)] * 3
    seen = []
    leaking = audit_set(tmp_path / "image", lambda done, total: seen.append((done, total)))
    assert seen == [(n, 90) for n in range(1, 91)]
    assert not leaking.is_clean and not leaking.near
    assert min(overlap.share for overlap in leaking.overlaps) > 0.3
    assert {shared.what for shared in leaking.shared} == {"smear", "raw"}


def test_the_same_photograph_in_two_subsets_of_a_foreign_set(fields: list[Image], tmp_path: Path) -> None:
    for subset, images in {"train": fields[:3], "test": [again(fields[1], 60), fields[5]]}.items():
        for k, image in enumerate(images):
            write_image(tmp_path / f"images/{subset}/{k}.jpg", image)
        names = [f"{k}.jpg" for k in range(len(images))]
        write_coco(tmp_path / f"annotations/instances_{subset}.json", names, (640, 480))
    (pair,) = audit_set(tmp_path).near
    assert (pair.first, pair.second) == ("images/train/1.jpg", "images/test/0.jpg")


def test_records_that_cannot_be_used(tmp_path: Path) -> None:
    odd = [
        None,
        "x",
        [0, 0, 5],
        [0, 0, 0, 5],
        [0, 0, 5, -1],
        [True, 0, 5, 5],
        [0.5, 0, 5, 5],
        [0, 0, 2**40, 5],
    ]
    images = [{"id": n, "file_name": f"{n}.png", "window": window} for n, window in enumerate(odd)]
    images += [{"id": 90, "file_name": "../a.png"}, {"id": 91}, {"id": 92, "file_name": 3}, "text", None]
    path = tmp_path / "annotations/instances_train.json"
    path.parent.mkdir()
    path.write_text(json.dumps({"images": images}))
    for k, text in enumerate(("", "[]", '{"images": 3}', "{")):
        (tmp_path / f"annotations/instances_{k}.json").write_text(text)
    found = set_images(tmp_path)
    assert [image.name for image in found] == [f"images/train/{n}.png" for n in range(len(odd))]
    assert {image.window for image in found} == {None}
    assert audit_set(tmp_path).compared == 0  # and no image is there


def test_no_set(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match=r"looked for annotations/instances_\*\.json"):
        audit_set(tmp_path)
