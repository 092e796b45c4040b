"""The course of a training: a table and a picture."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

_LINES = ("-", "--", ":", "-.")


def rows_to_csv(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Rows as CSV; the columns are all their keys, in order of appearance."""
    text = io.StringIO()
    columns = list(dict.fromkeys(key for row in rows for key in row))
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


def curves_png(rows: Sequence[Mapping[str, Any]]) -> bytes:
    """Losses at the left, metrics at the right, over the epochs of all phases; PNG bytes, the same each time.

    Args:
        rows: "phase", "epoch", and numbers, those that end in "loss" being losses.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    from smearprep.drawing import OKABE_ITO

    epochs = _running_epochs(rows)
    keys = list(dict.fromkeys(key for row in rows for key in row if key not in ("phase", "epoch", "score")))
    losses = [key for key in keys if key.endswith("loss")]
    others = [key for key in keys if key not in losses]
    figure = Figure(figsize=(10, 4), layout="constrained")
    canvas = FigureCanvasAgg(figure)
    for axes, title, names in zip(
        figure.subplots(1, 2), ("loss", "on validation images"), (losses, others), strict=True
    ):
        for n, name in enumerate(names):
            points = [(e, row[name]) for e, row in zip(epochs, rows, strict=True) if name in row]
            colour = tuple(value / 255 for value in OKABE_ITO[n % len(OKABE_ITO)])
            style = _LINES[n // len(OKABE_ITO) % len(_LINES)]
            axes.plot(
                *zip(*points, strict=True), style, color=colour, label=name.replace("_", " "), marker="."
            )
        axes.set(title=title, xlabel="epoch")
        axes.grid(alpha=0.3)
        if names:
            axes.legend(fontsize=8)
        for at, row, before in zip(epochs[1:], rows[1:], rows[:-1], strict=True):
            if row["phase"] != before["phase"]:
                axes.axvline(at - row["epoch"], color="0.5", linewidth=1)
    data = io.BytesIO()
    canvas.print_png(data, metadata={"Software": ""})  # type: ignore[no-untyped-call]
    return data.getvalue()


def _running_epochs(rows: Sequence[Mapping[str, Any]]) -> list[int]:
    """Epochs numbered through all phases."""
    out: list[int] = []
    before, last = 0, None
    for row in rows:
        if last is not None and row["phase"] != last["phase"]:
            before += last["epoch"]
        out.append(before + row["epoch"])
        last = row
    return out
