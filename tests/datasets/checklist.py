"""What every loader must do, whatever its data set: plain functions that each data set's tests call.

Each takes a raw folder and the data set's name. Those that spoil the folder say so.
"""

from pathlib import Path

import pytest
import shapely

from smearprep import datasets
from smearprep.datasets.loading import LoadOptions
from smearprep.errors import RecipeError
from smearprep.images import probe
from smearprep.records import RawSet

EVERYTHING = LoadOptions()


def check_loader(root: Path, name: str, options: LoadOptions = EVERYTHING) -> RawSet:
    """All cases that leave the folder as it is. Returns what was loaded, for cases of one's own."""
    raw = datasets.load(root, options, name)
    assert raw.dataset == name
    assert raw.layout
    check_sources(raw)
    check_sizes(raw)
    check_cells(raw)
    check_findings(raw, root)
    check_repeatable(raw, root, options)
    check_wanted(raw, root, options)
    check_options(root, name)
    return raw


def check_sources(raw: RawSet) -> None:
    sources = [sample.source for sample in raw.samples]
    assert sources == sorted(set(sources))
    assert all(source.startswith(f"{raw.dataset}/") for source in sources)
    assert all("\\" not in source and "/../" not in source for source in sources)
    assert all(sample.smear for sample in raw.samples)
    assert all(sample.subset in (None, "train", "val", "test") for sample in raw.samples)


def check_sizes(raw: RawSet) -> None:
    """The stated size is the image's, in the stated frame."""
    for sample in raw.samples:
        assert sample.size == probe(sample.path).oriented_size(sample.oriented)


def check_cells(raw: RawSet) -> None:
    assert len(set(raw.categories)) == len(raw.categories)
    for sample in raw.samples:
        assert sample.annotated <= set(raw.categories)
        for cell in sample.cells:
            x0, y0, x1, y1 = cell.bounds
            assert x0 >= 0 and y0 >= 0 and x1 <= sample.size[0] and y1 <= sample.size[1]
            assert shapely.is_valid(cell.shape)
            assert cell.label in raw.categories


def check_findings(raw: RawSet, root: Path) -> None:
    """No finding, and nothing else that is written down, tells where the folder lies on this machine."""
    for finding in raw.findings:
        assert not Path(finding.file).is_absolute()
        assert str(root) not in finding.what + finding.file + finding.id
        assert finding.what and not finding.what.endswith(".")
    for sample in raw.samples:
        assert str(root) not in sample.source + sample.smear + str(sample.attributes)


def check_repeatable(raw: RawSet, root: Path, options: LoadOptions = EVERYTHING) -> None:
    assert datasets.load(root, options, raw.dataset) == raw


def check_wanted(raw: RawSet, root: Path, options: LoadOptions = EVERYTHING) -> None:
    """Asked for one category, a loader gives its cells as before and none of another."""
    for wanted in raw.categories:
        if options.wanted is not None and wanted not in options.wanted:
            continue
        few = datasets.load(root, LoadOptions(frozenset({wanted}), options.extra), raw.dataset)
        assert [s.source for s in few.samples] == [s.source for s in raw.samples]
        for one, whole in zip(few.samples, raw.samples, strict=True):
            assert one.cells == tuple(cell for cell in whole.cells if cell.label == wanted)
            assert one.annotated == whole.annotated & {wanted}


def check_options(root: Path, name: str) -> None:
    with pytest.raises(RecipeError, match="no_such_option"):
        datasets.load(root, LoadOptions(extra={"no_such_option": 1}), name)


def check_headers_only(root: Path, name: str) -> None:
    """Images without their end, which cannot be decoded, load as before. Spoils the folder."""
    before = datasets.load(root, EVERYTHING, name)
    for sample in before.samples:
        if sample.path.suffix == ".tif":
            continue  # TIFF has its header anywhere, often at the end
        data = sample.path.read_bytes()
        sample.path.write_bytes(data[:-12])
    assert datasets.load(root, EVERYTHING, name) == before


def check_unreadable_image(root: Path, name: str) -> None:
    """An empty image is named, and all others are loaded. Spoils the folder."""
    before = datasets.load(root, EVERYTHING, name)
    victim = before.samples[0]
    victim.path.write_bytes(b"")
    after = datasets.load(root, EVERYTHING, name)
    assert after.samples == before.samples[1:]
    file = victim.path.relative_to(root).as_posix()
    assert any(f.kind == "unreadable" and f.file == file for f in after.findings)
