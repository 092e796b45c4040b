"""Files that were found by fuzzing, cut down: each once ended in a traceback, or asked for gigabytes."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.fuzz.fuzzing import outcome_of
from tests.fuzz.targets import TARGETS
from tests.test_bad_input import png_of_size

_RECIPE = "name: x\nsources: [{{dataset: folder}}]\nunknown: keep\nsplit: {{ratio: '{}'}}\n"
_RUN = {"categories": ["WBC"], "data": "12ab", "status": "finished"}


@pytest.mark.parametrize(
    ("name", "data", "words"),
    [
        ("parameters", b"watershed: {min_distance: 4294967296}", "between 1 and 1,000"),
        ("parameters", b"hough: {max_radius: 4294967296}", "give 1 to 1,000 px"),
        ("parameters", b"hough: {dp: 1e300}", "between 1 and 100"),
        ("run", json.dumps({**_RUN, "recipe": "-"}).encode(), "is not as `smearprep train` writes it"),
        (
            "run",
            json.dumps({**_RUN, "recipe": {"network": "unet"}, "categories": []}).encode(),
            "is not as `smearprep train` writes it",
        ),
        ("predicted_mask", png_of_size(16_000, 11_000), "is 16000x11000 px, RGB; one grey channel"),
        ("set", b'{"images": [], "annotations": [], "categories": 0.5}', "has no list of categories"),
        ("recipe", _RECIPE.format("1e308:1:1").encode(), "ratio"),
    ],
)
def test_what_was_found_ends_in_a_message(name: str, data: bytes, words: str, tmp_path: Path) -> None:
    assert words in outcome_of(TARGETS[name](tmp_path), data)


def test_notes_of_a_run_that_do_not_fit_are_passed_over(tmp_path: Path) -> None:
    target = TARGETS["journal"](tmp_path)
    lines = [json.loads(line) for line in target.seeds[0].splitlines()]
    for change in (
        {"source": "folder/i9.png"},
        {"key": []},
        {"outputs": None},
        {"outputs": {}},
        {"error": "x"},
    ):
        data = b"".join(json.dumps({**line, **change}).encode() + b"\n" for line in lines)
        assert outcome_of(target, data) == "finished"
