"""The report and the leak audit on the real images: what leaks in them, and that nothing else is said to."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from smearprep import datasets
from smearprep.datasets.loading import LoadOptions
from smearprep.images import read
from smearprep.leaks import NEAR, AuditedImage, audit, audit_set, fingerprint, read_small
from smearprep.planning import plan
from smearprep.prepare import prepare
from smearprep.recipes import Recipe, Source, load_recipe
from smearprep.reporting import report
from smearprep.reporting.looks import look_at, look_at_all
from smearprep.reporting.numbers import count
from smearprep.reporting.reading import read_set
from smearprep.splitting import Split
from smearprep.tiling import Tile
from tests.test_reporting import sound_page

SAME_FIELD = ("BloodImage_00037", "BloodImage_00038")
"""Two images of BCCD that show one field, refocused; its own split has one in val, the other in train."""


def link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    target.symlink_to(source)


@pytest.fixture(scope="module")
def prepared(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The recipe yolact-cis on a few images of each data set, and on the two that show one field."""
    root = tmp_path_factory.mktemp("report")
    for stem in ("Im002_1", "Im003_1", "Im010_1", "Im080_0"):
        for folder in ("im", "masks/wbc"):
            for source in (real_data / "ALL_IDB1" / folder).glob(f"{stem}.*"):
                link(source, root / "ALL_IDB1" / folder / source.name)
    for subset in ("train", "val", "test"):
        lines = (real_data / f"BCCD/ImageSets/Main/{subset}.txt").read_text().split()
        stems = sorted({*lines[:4], *(stem for stem in SAME_FIELD if stem in lines)})
        path = root / f"BCCD/ImageSets/Main/{subset}.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{stem}\n" for stem in stems))
        for stem in stems:
            for name in (f"JPEGImages/{stem}.jpg", f"Annotations/{stem}.xml"):
                link(real_data / "BCCD" / name, root / "BCCD" / name)
    out = root / "set"
    prepare(load_recipe("yolact-cis"), [(None, root / "ALL_IDB1"), (None, root / "BCCD")], out)
    return out


def test_the_page(prepared: Path) -> None:
    summary = report(prepared, um_per_px=0.1)
    page = sound_page(prepared / "report.html")
    assert (prepared / "report.html").stat().st_size < 3_000_000
    for words in (
        "ALL-IDB1",
        "on request; treat the images as not redistributable",
        "BCCD",
        "MIT",
        "each raw image of ALL-IDB1 and of BCCD counts as one",
    ):
        assert words in page.text
    assert {finding.kind for finding in summary.findings} == {"leak"}
    first = (prepared / "report.html").read_bytes()
    report(prepared, um_per_px=0.1)
    assert (prepared / "report.html").read_bytes() == first


def test_padded_images_are_as_bright_as_the_raw_ones(prepared: Path, real_data: Path) -> None:
    """BCCD's images of 640x480 px are padded to 640x640, resized to 550x550 and looked at in small."""
    images = [image for image in read_set(prepared).images if image.audited.dataset == "bccd"]
    looks, _, _ = look_at_all(images, prepared, ())
    assert len(looks) == len(images) >= 12
    for image in images:
        raw = look_at(read(real_data / "BCCD" / image.audited.raw.removeprefix("bccd/")))
        assert looks[image.name].brightness == pytest.approx(raw.brightness, abs=0.6)
        assert looks[image.name].colour == pytest.approx(raw.colour, abs=0.8)


def test_one_field_in_two_subsets_of_bccd(prepared: Path) -> None:
    found = audit_set(prepared)
    (pair,) = found.near
    assert {Path(pair.first).stem, Path(pair.second).stem} == set(SAME_FIELD)
    assert pair.subsets == ("train", "val")
    assert not found.shared and not any(overlap.leaked for overlap in found.overlaps)


def test_white_cells_are_as_large_as_white_cells(prepared: Path) -> None:
    """Sizes are in px of the raw image: BCCD's 550x550 images are 640x640, ALL-IDB1's windows 512x512."""
    (category,) = count(read_set(prepared)).categories
    assert set(category.outlines) == {"component", "box"}
    assert 100 < np.median(category.diameters) < 200
    assert category.whole < category.total


def test_no_other_pair_of_bccd_is_alike(real_data: Path) -> None:
    paths = sorted((real_data / "BCCD/JPEGImages").glob("*.jpg"))
    images = [AuditedImage(path.stem, "train", fingerprint=fingerprint(read_small(path))) for path in paths]
    prints = np.array([image.fingerprint for image in images])
    apart = np.bitwise_count(prints[:, None] ^ prints).sum(axis=2)
    pairs = {
        (paths[i].stem, paths[j].stem): int(apart[i, j]) for i, j in np.argwhere(np.triu(apart <= 84, 1))
    }
    assert list(pairs) == [SAME_FIELD] and pairs[SAME_FIELD] < NEAR // 2
    assert np.triu(np.ones_like(apart, bool), 1).sum() == 66_066


@pytest.mark.parametrize(("by", "least"), [("image", 0.9), ("smear", 0.0)])
def test_what_the_image_level_split_of_windows_leaks(real_data: Path, by: str, least: float) -> None:
    """Of ALL-IDB1 in windows of 512 px, one every 256 px, split as papers do: nine tenths of the px."""
    raw = datasets.load(real_data / "ALL_IDB1", LoadOptions(wanted=frozenset()), "all_idb1")
    source = Source("all_idb1", tile=Tile((512, 512), (256, 256)))
    recipe = Recipe("windows", (source,), unknown="keep", split=Split(by=by))  # type: ignore[arg-type]
    planned = plan(recipe, [(source, raw)]).views
    assert len(planned) == 4180
    found = audit(
        AuditedImage(p.name, p.subset, p.sample.source, p.sample.smear, p.view.window) for p in planned
    )
    for overlap in found.overlaps:
        if overlap.other == "train":
            assert least <= overlap.share <= least + 0.06
    assert len(found.overlaps) == 3 and found.is_clean == (by == "smear")
