"""Random sequences of requests, sound and broken: none is ever a fault, and the set stays sound.

Run by hand: python -m tests.serving.fuzzing --cases 1500 --seed 1
"""

import argparse
import copy
import json
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.serving.asking import HOST, Served, drawn, prepare_set, served
from tests.sets import report

ODD = [
    None, True, False, 0, -1, 1, 2**31, 2**63, 10**40, 0.5, -0.0, 1e308, "", "x", "../x", "\0", "new-1",
    "NaN",
    "<b>", "\u202e", "\U0001fa78", "a" * 3000, [], {}, [[]], [None], {"a": 1}, "train/i0.png",
    "WBC", "drawn",
    [1, 2], [[1, 2], [3, 4]], [1, 2, 3, 4],
]  # fmt: skip
GETS = ("set", "image", "pixels", "changes")
POSTS = ("edit", "edit", "edit", "edit", "undo", "redo", "outline", "category", "leave", "token")


def run_case(site: Served, rng: random.Random) -> Counter:
    """A few requests, one after the other. Returns how many had which status."""
    found = Counter()
    for _ in range(rng.randint(1, 10)):
        asked = _broken(rng, _sound(site, rng)) if rng.random() < 0.5 else _sound(site, rng)
        answer = site.client.ask(**asked)
        found[answer.status] += 1
        assert answer.status < 500, (asked, answer.body)
        if answer.status != 200:
            assert answer.error
    return found


def _sound(site: Served, rng: random.Random) -> dict:
    """A request as the page makes it; that of an edit may be late."""
    key = rng.choice(site.names)
    if rng.random() < 0.3:
        name = rng.choice(GETS)
        queries = {"set": {}, "changes": {"since": rng.randint(0, 50)}}
        return {"method": "GET", "path": f"/api/{name}", "query": queries.get(name, {"key": key})}
    name = rng.choice(POSTS)
    state = site.session.image(key)
    step = {
        "key": key,
        "edit": f"e{rng.randint(0, 500)}",
        "revision": state["revision"] - (rng.random() < 0.1),
    }
    bodies = {
        "edit": {**step, "title": "tried", "cells": _patch(state["cells"], rng), "image": _marks(rng)},
        "undo": step,
        "redo": step,
        "outline": {"key": key, "category": "WBC", "box": [rng.uniform(-5, 60) for _ in range(4)]},
        "category": {"name": rng.choice(["Platelets", "other", f"c{rng.randint(0, 9)}"])},
        "leave": {"key": key},
        "token": {"ticket": "used"},
    }
    return {"method": "POST", "path": f"/api/{name}", "body": bodies[name]}


def _patch(cells: list, rng: random.Random) -> dict:
    """Cells drawn, changed and deleted."""
    patch = {f"new-{k}": drawn(rng.choice(["WBC", "RBC"]), _part(rng)) for k in range(rng.randint(0, 2))}
    for cell in rng.sample(cells, min(len(cells), rng.randint(0, 3))):
        changes = [
            None,
            {**cell, "accepted": True},
            {**cell, "category": "RBC"},
            {**cell, "parts": [_part(rng)]},
        ]
        patch[str(cell["id"])] = rng.choice(changes)
    return patch


def _part(rng: random.Random) -> dict:
    """A ring that may cross itself, and may reach beyond the image."""
    ring = [[rng.uniform(-10, 70), rng.uniform(-10, 50)] for _ in range(rng.randint(3, 8))]
    return {"outer": ring, "holes": []}


def _marks(rng: random.Random) -> dict:
    marks = {"reviewed": rng.random() < 0.5, "flagged": rng.random() < 0.5, "note": "n" * rng.randint(0, 5)}
    return {name: marks[name] for name in rng.sample(sorted(marks), rng.randint(0, 3))}


def _broken(rng: random.Random, asked: dict) -> dict:
    """A request with something wrong in it."""
    asked = copy.deepcopy(asked)
    which = rng.randrange(5)
    if which == 0:
        headers = {"authorization": "Bearer x", "content-type": "text/plain", "host": "x", "origin": "null"}
        name = rng.choice(sorted(headers))
        asked["headers"] = {name: rng.choice([None, headers[name], HOST])}
    elif which == 1:
        asked["path"] = rng.choice(
            ["/api/", "/", "/api/../api/set", "/page/x", asked["path"] + "/", "/api/redo"]
        )
    elif "query" in asked:
        asked["query"] = {**asked["query"], rng.choice(["key", "since", "x"]): rng.choice(ODD[:20])}
    elif which == 2:
        data = bytearray(json.dumps(asked["body"]).encode())
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(len(data))] = rng.randrange(256)
        asked["body"] = bytes(data[: rng.randint(1, len(data))] if rng.random() < 0.3 else data)
    else:
        for _ in range(rng.randint(1, 3)):
            asked["body"] = _mutated(asked["body"], rng)
    return asked


def _mutated(value: object, rng: random.Random) -> object:
    """A JSON value of which one place is replaced, taken away or added."""
    if isinstance(value, dict) and value and rng.random() < 0.9:
        name = rng.choice(sorted(value))
        changed = {**value, name: _mutated(value[name], rng)}
        if rng.random() < 0.15:
            del changed[name]
        if rng.random() < 0.1:
            changed[rng.choice(["x", "id", "cells", "new-9", "parts", ""])] = rng.choice(ODD)
        return changed
    if isinstance(value, list) and value and rng.random() < 0.8:
        k = rng.randrange(len(value))
        return [*value[:k], *([] if rng.random() < 0.2 else [_mutated(value[k], rng)]), *value[k + 1 :]]
    return copy.deepcopy(rng.choice(ODD))


def fuzz(folder: Path, cases: int, seed: int) -> Counter:
    """Run cases on one set, open it again, and check it. Returns how many answers had which status."""
    found = Counter()
    with served(folder) as site:
        for case in range(cases):
            found += run_case(site, random.Random(f"{seed} {case}"))
        images = [site.session.image(name) for name in site.names]
    with served(folder) as site:
        assert [site.session.image(name) for name in site.names] == images
    report("check", folder)
    return found


def main(arguments: list[str]) -> None:
    """Fuzz from the command line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=1500)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        found = fuzz(prepare_set(Path(folder)), given.cases, given.seed)
    print(f"{given.cases} cases, {sum(found.values())} requests: {dict(sorted(found.items()))}")


if __name__ == "__main__":
    main(sys.argv[1:])
