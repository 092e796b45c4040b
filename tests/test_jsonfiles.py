"""JSON files: what broken ones say, and what is let in. The round trip is a law in laws/test_file_laws.py."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from smearprep.errors import DataError, OutputError
from smearprep.jsonfiles import dump_json, read_json, write_json


def _read(tmp_path: Path, data: bytes) -> Any:
    path = tmp_path / "markup.json"
    path.write_bytes(data)
    return read_json(path)


@pytest.mark.parametrize(
    ("text", "line", "column"),
    [
        ('{"a": 1,\n "b": }', 2, 7),
        ('{"a": 1', 1, 8),
        ("[1, 2\n3]", 2, 1),
        ('{"a": 1} x', 1, 10),
        ("{'a': 1}", 1, 2),
    ],
)
def test_broken_json_names_file_line_and_column(text: str, line: int, column: int, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=rf"markup\.json: broken JSON at line {line}, column {column}: "):
        _read(tmp_path, text.encode())


@pytest.mark.parametrize("data", [b"", b" \n\t\n"])
def test_an_empty_file_says_so(data: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is empty"):
        _read(tmp_path, data)


def test_what_is_not_utf_8_says_where(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"not UTF-8 text \(byte 2\)"):
        _read(tmp_path, b'["\xff"]')


def test_a_byte_order_mark_is_let_in(tmp_path: Path) -> None:
    assert _read(tmp_path, b'\xef\xbb\xbf{"name": "\xc3\xa4"}') == {"name": "ä"}


def test_nan_and_infinity_are_let_in(tmp_path: Path) -> None:
    nan, infinity = _read(tmp_path, b"[NaN, -Infinity]")
    assert math.isnan(nan) and infinity == -math.inf


def test_nesting_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="nested too deeply"):
        _read(tmp_path, b"[" * 100_000)


def test_a_number_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"markup\.json"):
        _read(tmp_path, b"[" + b"1" * 5000 + b"]")


def test_half_a_surrogate_can_be_written_again_or_is_refused_when_read(tmp_path: Path) -> None:
    """Its JSON is legal, its text is not: that must not come to light when the output is written."""
    try:
        value = _read(tmp_path, rb'["\ud83d"]')
    except DataError:
        return
    assert dump_json(value)


def test_a_missing_file_and_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not there"):
        read_json(tmp_path / "none.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_json(tmp_path)


def test_the_bytes_written_are_utf_8_in_the_order_given_with_exact_floats() -> None:
    value = {"b": 0.1, "a": [1, 1e-7, 2.5], "ä": None}
    assert dump_json(value) == '{"b":0.1,"a":[1,1e-7,2.5],"ä":null}\n'.encode()
    assert dump_json({"b": [1]}, pretty=True) == b'{\n  "b": [\n    1\n  ]\n}\n'


def test_writing_where_a_folder_lies_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError):
        write_json(tmp_path, {})
