"""Train and measure row after row, and write the table after each."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from shlex import quote
from typing import Any

import torch

from smearprep.errors import OutputError, TrainingError
from smearprep.findings import Finding, Summary
from smearprep.formats.reading import stays_inside
from smearprep.images import write_atomic
from smearprep.jsonfiles import read_json, write_json
from smearprep.models.ablation.rows import AblationRow
from smearprep.models.costs import count_macs, count_parameters
from smearprep.models.evaluation import evaluate, markdown_table
from smearprep.models.hardware import Hardware
from smearprep.models.recipes import InstanceRecipe
from smearprep.models.runs import build_network, read_run
from smearprep.models.training import train

TABLE = "ablation"
_FIGURES = ("ap", "ap50", "ap75", "loss", "dice", "iou", "accuracy")


def ablate(
    rows: Sequence[AblationRow],
    folder: Path,
    out: Path,
    *,
    subset: str | None = None,
    hardware: Hardware | None = None,
    force: bool = False,
    progress: Callable[[int, int], None] | None = None,
) -> Summary:
    """Train and measure each row, and write OUT/ablation.md and .json.

    A row that is done is neither trained nor measured again; one that was stopped goes on. A row is measured
    again if the images on which it is measured have changed; where its recipe or what it learned from has,
    its run is replaced with `force`, and only that. The table has the rows so far after each of them.

    Args:
        rows: The trainings.
        folder: The prepared set.
        out: The folder to write: the table, and in `runs/` a run for each row.
        subset: On which is measured; None: "test" if the set has one, else "val".
        hardware: On what; None: what is there.
        force: Replace runs of other recipes or other data.
        progress: Told of steps done, of all, of the row that is trained.

    Returns:
        The summary, with the table.

    Raises:
        As `train` and `evaluate`; a row whose loss became no number is named, and the next one begins.
    """
    names = [_folder_name(row.name) for row in rows]
    if len({name.casefold() for name in names}) < len(names):
        raise OutputError(f"{out}: two rows would have the same folder; give them names that differ more")
    table: list[dict[str, Any]] = []
    findings: list[Finding] = []
    for row, name in zip(rows, names, strict=True):
        run = out / "runs" / name
        try:
            train(row.recipe, folder, run, hardware=hardware, force=force, progress=progress)
        except TrainingError as error:
            findings.append(Finding("invalid", f"row {row.name}: {error}", str(run)))
            table.append({"row": row.name, **_costs(row, run), "remark": "its loss became no number"})
        else:
            table += _measured(row, run, folder, subset, hardware)
        write_json(out / f"{TABLE}.json", table, pretty=True)
        write_atomic(out / f"{TABLE}.md", f"# Ablation\n\n{markdown_table(table)}\n".encode())
    return Summary(
        command="ablate",
        output=str(out / f"{TABLE}.md"),
        counts={"rows": len(rows)},
        findings=tuple(findings),
        tables={"rows": tuple(table)},
        next_step=f"smearprep evaluate {quote(str(out / 'runs' / names[0]))} {quote(str(folder))}",
    )


def _folder_name(name: str) -> str:
    """A row's name as that of a folder."""
    plain = "".join(c if c.isalnum() or c in "-." else "_" for c in name.strip())
    if not stays_inside(plain):
        raise OutputError(f"the row {name!r} has no name for a folder; give it another")
    return plain


def _measured(
    row: AblationRow, run: Path, folder: Path, subset: str | None, hardware: Hardware | None
) -> list[dict[str, Any]]:
    """The lines of a row: one a data set or output, as its evaluation has them."""
    summary = evaluate(run, folder, subset=subset, hardware=hardware, again=False)
    record = read_json(Path(str(summary.output)).with_suffix(".json"))
    lines = record.get("masks") or record.get("outputs") or []
    costs = _costs(row, run)
    out = []
    for n, line in enumerate(lines):
        what = {key: line[key] for key in ("group", "category", "output") if key in line}
        figures = {key: line[key] for key in _FIGURES if key in line}
        paper = {f"paper {key}": value for key, value in row.paper.items()} if n == 0 else {}
        out.append({"row": row.name, **costs, **what, **figures, **paper})
    return out


def _costs(row: AblationRow, run: Path) -> Mapping[str, Any]:
    """Parameters and multiply-accumulates of a row's network, without its values."""
    recipe = row.recipe
    with torch.device("meta"):
        network = build_network(recipe, read_run(run).categories)
    size = recipe.size if isinstance(recipe, InstanceRecipe) else read_run(run).network.input_size
    return {
        "parameters": count_parameters(network),
        "G MACs": round(count_macs(network, (1, 3, size, size)) / 1e9, 3),
    }
