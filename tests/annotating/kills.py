"""Somebody edits a set, and the program is killed again and again: is everything there that was answered?

python -m tests.annotating.kills --edits 1000
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
import tempfile
from hashlib import sha256
from pathlib import Path

from smearprep.annotating import Session
from smearprep.checking import check
from tests.annotating.making import NAMES, cell, patch, square, write_set


def digest(state):
    """A digest of the cells and marks of an image."""
    return sha256(json.dumps([state["cells"], state["reviewed"], state["note"]]).encode()).hexdigest()


# ---------------------------------------------------------------- the one who edits


def edit_at_random(folder, seed):
    """Edit without end; every answer is told on standard output, as a line of JSON."""
    dice = random.Random(seed)
    with Session(folder) as session:
        keys = [row["key"] for row in session.overview()["images"]]
        for number in range(10**9):
            key = dice.choice(keys)
            done = one_edit(session, key, dice, f"{seed}-{number}")
            told = {"key": key, "revision": done["revision"], "digest": digest(done)}
            print(json.dumps(told), flush=True)
            if dice.random() < 0.2:
                session.fold()


def one_edit(session, key, dice, id_):
    """Some edit of an image."""
    state = session.image(key)
    what = dice.choice(["draw", "delete", "move", "mark", "undo", "undo", "redo"])
    if what in ("undo", "redo") and state[what] is not None:
        return getattr(session, what)(key, id_, state["revision"])
    cells, image = {}, {}
    if what == "mark":
        image = {"reviewed": not state["reviewed"], "note": id_}
    elif what in ("delete", "move") and len(state["cells"]) > 1:
        one = dice.choice(state["cells"])
        moved = cell(one["category"], parts=[square(dice.randrange(50), dice.randrange(30), 7)])
        cells = {str(one["id"]): None if what == "delete" else moved}
    else:
        ring = square(dice.randrange(50), dice.randrange(30), dice.randrange(2, 9))
        cells = {"new-a": cell(dice.choice(NAMES), parts=[ring])}
    return session.edit(key, {**patch(state, what, cells=cells, image=image), "edit": id_})


# ---------------------------------------------------------------- the one who kills


def run(scratch, edits, most_kills, seed):
    """Let somebody edit, kill him, look what is there, and again.

    Returns:
        How many edits were answered, how often the program was killed, and how many answered edits were lost.
    """
    dice, folder = random.Random(seed), write_set(scratch, images=2)
    answered, kills, lost, known = 0, 0, 0, {}
    while answered < edits:
        at_once = edits - answered if kills == most_kills else dice.randint(1, 2 * edits // (most_kills + 1))
        for told in answers(folder, f"{seed}-{kills}", at_once):
            answered += 1
            known[told["key"]] = told
        kills += kills < most_kills
        lost += count_lost(folder, known)
    return {"edits": answered, "kills": kills, "lost": lost, "findings": len(check(folder).findings)}


def answers(folder, seed, at_least):
    """Start somebody who edits, kill him after some answers, and give back all that he has answered."""
    command = [sys.executable, "-m", "tests.annotating.kills", "--child", str(folder), "--seed", seed]
    root = Path(__file__).parents[2]
    with subprocess.Popen(command, cwd=root, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as child:
        assert child.stdout is not None
        lines = [child.stdout.readline() for _ in range(at_least)]
        child.kill()
        lines += child.stdout.read().splitlines(keepends=True)
    return [json.loads(line) for line in lines if line.endswith(b"\n")]


def count_lost(folder, known):
    """Of how many images the last answer is not true any more; one that was never answered may be done."""
    with Session(folder) as session:
        states = {key: session.image(key) for key in known}
    lost = 0
    for key, told in known.items():
        ahead = states[key]["revision"] - told["revision"]
        lost += ahead not in (0, 1) or (ahead == 0 and digest(states[key]) != told["digest"])
        told["revision"], told["digest"] = states[key]["revision"], digest(states[key])
    return lost


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--edits", type=int, default=1000)
    parser.add_argument("--kills", type=int, default=24)
    parser.add_argument("--seed", default="1")
    parser.add_argument("--child", type=Path)
    asked = parser.parse_args()
    if asked.child:
        edit_at_random(asked.child, asked.seed)
    with tempfile.TemporaryDirectory() as scratch:
        print(json.dumps(run(Path(scratch), asked.edits, asked.kills, asked.seed)))


if __name__ == "__main__":
    main()
