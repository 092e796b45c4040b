"""Lists read record by record are what the whole file holds; whatever is not written so is read whole."""

import json
import os

import orjson
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from smearprep import jsonlists
from smearprep.errors import DataError
from smearprep.formats.coco import CocoWriter
from smearprep.jsonfiles import dump_json, read_json
from smearprep.jsonlists import JsonLists
from tests.laws.strategies import LAW
from tests.sets import write_coco

KEYS = ("categories", "images", "annotations", "licenses", "info", "missing")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=5,
)
FRAGMENTS = (
    b"\n", b"\n\n", b",", b"]", b"[", b"{", b"}", b'"', b'"images":[\n', b'"images":[],', b"],\n", b"\\",
    b"1", b'"a":{\n', b"\r\n", b" ", b"NaN", b'{"id":1},\n', b'"im\\u0061ges":[1],',
)  # fmt: skip


def lines(lists):
    """The lists as smearprep writes them: a record a line."""
    parts = [
        b'"%b":[\n%b\n]' % (key.encode(), b",\n".join(orjson.dumps(row) for row in rows))
        for key, rows in lists.items()
    ]
    return b'{"info":{"a":"b"},\n' + b",\n".join(parts) + b"}\n"


def same_as_whole(path):
    """What the two readers say of a file is the same; returns what it is."""
    try:
        whole = read_json(path)
    except DataError as error:
        with pytest.raises(DataError) as found:
            JsonLists(path)
        assert str(found.value) == str(error)
        return None
    lists = JsonLists(path)
    for key in KEYS:
        rows = whole.get(key) if isinstance(whole, dict) else None
        assert lists.has(key) == isinstance(rows, list)
        if isinstance(rows, list):
            assert list(lists.records(key)) == rows
        assert len(lists.records(key)) == (len(rows) if isinstance(rows, list) else 0)
        assert lists.has(key) or not list(lists.records(key))
    return lists


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file to be written again and again."""
    return tmp_path_factory.mktemp("lists") / "a.json"


@LAW
@given(st.dictionaries(st.sampled_from(KEYS[:4]), st.lists(VALUES, max_size=4), min_size=1))
def test_what_is_written_a_record_a_line(path, lists):
    path.write_bytes(lines(lists))
    found = same_as_whole(path)
    assert found is not None
    lengths = {key: len(rows) for key, rows in lists.items()}
    assert {key: len(where) for key, where in found._lines.items()} == lengths


@LAW
@given(VALUES, st.sampled_from([None, 1]))
def test_any_other_file(path, value, indent):
    path.write_text(json.dumps({"images": value} if indent else value, indent=indent))
    same_as_whole(path)


@LAW
@given(st.lists(st.tuples(st.integers(0, 400), st.sampled_from(FRAGMENTS), st.integers(0, 9)), min_size=1))
@example([(0, b'"a":{\n', 0)])
def test_a_file_that_was_meddled_with(path, changes):
    data = lines({"images": [{"id": 1}, {"id": 2, "a": [1]}], "annotations": [], "categories": [{"id": 7}]})
    for place, fragment, cut in changes:
        data = data[: place % len(data)] + fragment + data[place % len(data) + cut :]
    path.write_bytes(data)
    same_as_whole(path)


@pytest.mark.parametrize(
    "text",
    [
        '{"images":[\n{"id":1}\n],\n"images":[\n{"id":2}\n]}\n',  # two lists of one name
        '{"a":{\n"images":[\n{"id":1}\n]}\n}',  # not its own
        '{"a":{\n"images":[\n{"id":1}\n]},"images":[]}',
        '{"a":{\n"images":[\n{"id":1}\n]},"im\\u0061ges":[]}',
        '[{\n"images":[\n{"id":1}\n]}]',
        '{"images":[\n{"id":1},\n]}',
        '{"images":[\n\n{"id":1}\n]}',
        '{"images":[\n{"a":[{"b":1},\n{"b":2}]}\n]}',
        '{"images":[\n{"id":NaN}\n]}',
        '{"images":[\n"\\ud800"\n]}',
        '\ufeff{"images":[\n1\n]}',
        '{"images":[\n1',
        "[]",
        "",
    ],
)
def test_files_that_seem_to_be_in_lines(tmp_path, text):
    path = tmp_path / "a.json"
    path.write_text(text, encoding="utf-8", errors="surrogatepass")
    same_as_whole(path)


def test_own_files_are_not_read_whole(tmp_path, monkeypatch):
    with CocoWriter(tmp_path / "own.json") as writer:
        for n in range(3):
            writer.add_image(f"{n}.png", (9, 9))
    foreign = write_coco(tmp_path / "foreign.json", ["a.png"])
    expected = read_json(tmp_path / "own.json")["images"]
    monkeypatch.setattr(jsonlists, "read_json", lambda path: pytest.fail("read whole"))
    lists = JsonLists(tmp_path / "own.json")
    assert list(lists.records("images")) == expected and len(lists.records("annotations")) == 0
    with pytest.raises(pytest.fail.Exception):
        JsonLists(foreign)


def test_a_long_frame_is_read_whole(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b'{"more":"' + b"x" * (1 << 20) + b'",\n"images":[\n1\n]}\n')
    assert list(same_as_whole(path).records("images")) == [1]


def test_a_file_that_is_changed_meanwhile(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(lines({"images": list(range(9))}))
    lists = JsonLists(path)
    rows = iter(lists.records("images"))
    assert next(rows) == 0
    os.truncate(path, 0)
    with pytest.raises(DataError, match=r"a\.json: was changed while it was read"):
        list(lists.records("images"))
    path.unlink()
    with pytest.raises(DataError, match=r"a\.json: was changed while it was read"):
        lists.records("images")[0]


def test_records_by_position(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(lines({"images": list(range(9)), "annotations": []}))
    lists = JsonLists(path)
    records = lists.records("images")
    assert [records[n] for n in (8, 0, -1, -9)] == [8, 0, 8, 0]
    assert records[2:7:2] == [2, 4, 6] and records[9:] == [] and list(records.at([3, 4, 1])) == [3, 4, 1]
    assert list(lists.records("annotations")) == [] == list(lists.records("missing"))
    for outside in (9, -10):
        with pytest.raises(IndexError):
            records[outside]


def test_dumped_whole(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(dump_json({"images": [1, 2]}, pretty=True))
    assert list(same_as_whole(path).records("images")) == [1, 2]
