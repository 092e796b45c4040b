"""The single steps on one raw folder: tile, pad, split. Each is `prepare` with a recipe of one source."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from smearprep import datasets
from smearprep.findings import Summary
from smearprep.prepare import prepare
from smearprep.recipes import ImageFiles, Recipe, Source
from smearprep.splitting import Split
from smearprep.tiling import Pad, Tile


def one_step(
    command: str,
    root: Path,
    out: Path,
    *,
    tile: Tile | None = None,
    pad: Pad | None = None,
    split: Split | None = None,
    dataset: str | None = None,
    labels: Mapping[str, str] | None = None,
    options: Mapping[str, Any] | None = None,
    categories: tuple[str, ...] = (),
    resize: tuple[int, int] | None = None,
    min_visible: float = 0.2,
    images: ImageFiles | None = None,
    **how: Any,
) -> Summary:
    """Tile, pad or split one raw folder. All its images are kept, also those with unknown categories.

    Args:
        command: The verb: "tile", "pad" or "split".
        root: The raw folder.
        out: The folder to write.
        tile: Cut into windows.
        pad: Pad with zeros.
        split: Split; None: one subset "all".
        dataset: The data set's name; None: recognised.
        labels: Label map, old -> new.
        options: The data set's own options.
        categories: Keep only these, in this order; none: all.
        resize: (width, height) of every output in px.
        min_visible: Share of a cell that must be inside a window.
        images: How images are written.
        how: `workers`, `dry_run`, `strict`, `force`, `progress`, `executor`: as in `prepare`.

    Raises:
        LayoutError, RecipeError, OutputError, DataError: As `prepare`.
    """
    name = dataset or datasets.recognise(root)[0]
    source = Source(name, labels or {}, options or {}, pad, tile)
    recipe = Recipe(
        name=command,
        sources=(source,),
        categories=categories,
        unknown="keep",
        resize=resize,
        min_visible=min_visible,
        split=split,
        images=images or ImageFiles(),
    )
    return prepare(recipe, [(name, root)], out, command=command, **how)
