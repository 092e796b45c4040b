"""The whole job on smears that smearprep draws itself: raw folders, COCO, a prepared set, a picture."""

from __future__ import annotations

from pathlib import Path
from shlex import quote

from smearprep import datasets, synthetic
from smearprep.checking import check
from smearprep.converting import convert
from smearprep.drawing import contact_sheet, overlay
from smearprep.errors import OutputError
from smearprep.findings import Summary
from smearprep.images import encode, read, write_atomic
from smearprep.prepare import prepare
from smearprep.recipes import load_recipe
from smearprep.rendering import Progress

_ALL_IDB1_SIZE = (1296, 972)  # a quarter of the real area, cells at their real size
_SHOWN_OF_EACH = 4
_MARK = "ARTIFICIAL.txt"  # only a folder with this mark is drawn over


def demo(out: Path, seed: int = 0, workers: int | None = None, progress: Progress | None = None) -> Summary:
    """Draw raw folders, convert outlines, prepare a set, check it, and draw a picture of it.

    What is written: `raw/` with miniature ALL-IDB1, BCCD and Raabin-WBC folders, `cells.json` (outlines as
    COCO), `set/` (recipe yolact-cis), and `overlay.png`. The same seed gives the same bytes.

    Args:
        out: The folder to write; given again, the demo is made again.
        seed: Of the smears.
        workers: As in `prepare`.
        progress: As in `prepare`.

    Returns:
        The summary of the preparation, with a table of what was made.

    Raises:
        OutputError: The folder holds something else, or cannot be written.
    """
    raw = out / "raw"
    if out.exists() and not (raw / _MARK).is_file() and (not out.is_dir() or any(out.iterdir())):
        raise OutputError(f"{out}: is not empty and holds no demo; choose another folder")
    write_atomic(
        raw / _MARK, b"What is in these folders was drawn by `smearprep demo`. No smear was photographed.\n"
    )
    _draw(raw, seed)
    labels = dict.fromkeys(("Truck", "Tanker", "Trailer"), "RBC")
    converted = convert([raw / "ALL_IDB1" / "markup"], out / "cells.json", labels=labels)
    recipe = load_recipe("yolact-cis")
    roots = [(None, raw / "ALL_IDB1"), (None, raw / "BCCD")]
    prepared = prepare(recipe, roots, out / "set", workers=workers, force=True, progress=progress)
    checked = check(out / "set")
    _picture(out)
    made = (
        {"step": "draw smears", "result": "raw/", "what": "ALL_IDB1, BCCD and RAABIN_WBC in miniature"},
        {"step": "convert", "result": "cells.json", "what": f"{converted.counts['cells']} outlines as COCO"},
        {
            "step": "prepare",
            "result": "set/",
            "what": f"{prepared.counts['views']} images, split and resized",
        },
        {"step": "check", "result": "", "what": "holds" if not checked.has_problems else "does not hold"},
        {"step": "picture", "result": "overlay.png", "what": "outlines on images of the set: look at it"},
    )
    return Summary(
        command="demo",
        output=str(out),
        counts=prepared.counts,
        by_category=prepared.by_category,
        by_subset=prepared.by_subset,
        findings=(*prepared.findings, *checked.findings),
        next_step=f"smearprep inspect {quote(str(raw / 'RAABIN_WBC'))}",
        tables={"made": made},
    )


def _draw(raw: Path, seed: int) -> None:
    """Draw the raw folders."""
    try:
        synthetic.write_all_idb1(raw / "ALL_IDB1", seed, images=8, size=_ALL_IDB1_SIZE, radius=40)
        synthetic.write_bccd(raw / "BCCD", seed, images=12)
        synthetic.write_raabin(raw / "RAABIN_WBC", seed)
    except OSError as error:
        raise OutputError(f"{raw}: cannot be written ({error.strerror or error})") from None


def _picture(out: Path) -> None:
    """A sheet of prepared images with the outlines of their cells: of each kind of outline, a few."""
    samples = [sample for sample in datasets.load(out / "set", name="prepared").samples if sample.cells]
    chosen = []
    for outline in sorted({sample.cells[0].outline for sample in samples}, reverse=True):
        own = [sample for sample in samples if sample.cells[0].outline == outline]
        chosen += own[:: -(-len(own) // _SHOWN_OF_EACH)]  # spread over the set
    categories = sorted({cell.label for sample in chosen for cell in sample.cells})
    pictures = [overlay(read(sample.path), sample.cells, categories) for sample in chosen]
    sheet = contact_sheet(pictures, [sample.path.name for sample in chosen], columns=4)
    write_atomic(out / "overlay.png", encode(sheet, "png"))
