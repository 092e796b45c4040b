"""The README's figures are those that were measured and stored, and `--check` sees what has become slower."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from tests.bench.__main__ import BENCHES
from tests.bench.measuring import RESULTS
from tests.bench.ratios import LINES, RATIOS, compared, ratios, stored, table

ROOT = Path(__file__).resolve().parents[2]
MARKED = re.compile(r"<!-- bench -->\n(.*?)\n<!-- /bench -->", re.DOTALL)


def write(folder: Path, bench: str, *rows: dict[str, object]) -> None:
    """Store rows as a bench does."""
    hardware = {"cpu": "a processor", "cores": "2", "python": "3.11"}
    (folder / f"{bench}.json").write_text(json.dumps({"hardware": hardware, "rows": rows}))


def test_every_bench_can_be_named() -> None:
    modules = {path.stem.removeprefix("bench_") for path in (ROOT / "tests" / "bench").glob("bench_*.py")}
    assert {bench.module or name for name, bench in BENCHES.items()} == modules
    assert {ratio.bench for ratio in RATIOS} | {line.bench for line in LINES} <= modules


def test_the_readme_has_the_table_of_what_is_stored() -> None:
    tables = MARKED.findall((ROOT / "README.md").read_text(encoding="utf-8"))
    assert tables == [table(RESULTS)]


def test_the_columns_of_ratios_are_there() -> None:
    found = ratios(RESULTS)
    for ratio in RATIOS:
        if stored(RESULTS, ratio.bench):
            assert any(key[0] == ratio.bench for key in found), ratio


@pytest.mark.parametrize(
    ("bench", "row", "before", "now", "worse"),
    [
        ("tiling", {"job": "tile"}, 1.0, 0.86, False),
        ("tiling", {"job": "tile"}, 1.0, 0.84, True),
        ("tiling", {"job": "peak memory"}, 1.0, 0.5, False),
        ("tiling", {"job": "peak memory"}, 1.0, 1.2, True),
        ("convert", {"job": "x"}, 3.0, 2.0, False),
        ("convert", {"job": "x"}, 3.0, 3.6, True),
    ],
)
def test_what_has_become_worse_is_told(
    tmp_path: Path, bench: str, row: dict[str, object], before: float, now: float, worse: bool
) -> None:
    (column,) = [ratio.column for ratio in RATIOS if ratio.bench == bench]
    for folder, value in (("before", before), ("now", now)):
        (tmp_path / folder).mkdir()
        write(
            tmp_path / folder,
            bench,
            {**row, column: value},
            {"job": "has none"},
            {"job": "y", column: "words"},
        )
    ((told, is_worse),) = compared(tmp_path / "before", tmp_path / "now")
    assert is_worse == worse == told.endswith("WORSE")
    assert f"{before:g} -> {now:g}" in told


def test_a_line_of_the_table(tmp_path: Path) -> None:
    rows = [{"job": "smearprep", "s": 2.0, "time over smearprep's": 1.0}]
    write(tmp_path, "labelme", *rows, {"job": "labelme2coco", "s": 9.0, "time over smearprep's": 4.5})
    lines = table(tmp_path).splitlines()
    assert lines[2] == "| 50,000 outlines from labelme's files to COCO | 2.0 s | labelme2coco, 9.0 s | 4.5 |"
    assert lines[3:] == [
        "",
        "Measured on: a processor, 2 cores, Python 3.11. Least of several runs; `make bench` measures again.",
    ]
