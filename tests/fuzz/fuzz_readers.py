"""Every reader against damaged files, guided by coverage. atheris is installed for this alone.

    pip install atheris
    for SEED in 1 2 3 4 5; do
        python -m tests.fuzz.fuzz_readers FORMAT FOLDER -seed=$SEED -runs=20000 -timeout=5 -rss_limit_mb=1024
    done

(five times 20,000, for atheris itself grows by about 10 kB a run.) FOLDER keeps what was found worth trying;
it is best on a RAM disk. An exception other than a SmearprepError, a file that takes more than
5 s, or memory above the limit ends the run with an error and leaves the file as `crash-...` in FOLDER.
"""

from __future__ import annotations

import os
import random
import sys
from pathlib import Path

import atheris

with atheris.instrument_imports(include=["smearprep"]):
    from smearprep import formats
    from tests.fuzz.harness import Harness

from tests.fuzz.mutations import mutate
from tests.fuzz.seeds import seeds


def main() -> None:
    """Fuzz one reader."""
    name, folder = sys.argv[1], Path(sys.argv[2]).resolve()
    with atheris.instrument_imports(include=["smearprep"]):
        formats.get(name)
    corpus, place = folder / "corpus", folder / "place"
    for made in (corpus, place):
        made.mkdir(parents=True, exist_ok=True)
    for n, data in enumerate(seeds(name)):
        (corpus / f"seed{n}").write_bytes(data)
    harness = Harness(place, name)

    def damage(data: bytes, max_size: int, seed: int) -> bytes:
        return mutate(data, random.Random(seed))[:max_size]

    os.chdir(folder)
    options = [f"-artifact_prefix={folder}/", "-max_len=400000", "-len_control=0", *sys.argv[3:], str(corpus)]
    atheris.Setup([sys.argv[0], *options], harness.try_out, custom_mutator=damage)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
