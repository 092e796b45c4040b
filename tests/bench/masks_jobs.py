"""Masks -> outlines by other programs, in their own environment; run by bench_masks.

python masks_jobs.py supervision|datumaro MASKS.npz ROUNDS

Prints JSON: how many outlines there are, and the seconds of the fastest round.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np


def by_supervision(mask: Any) -> list[Any]:
    from supervision.detection.utils.converters import mask_to_polygons

    return mask_to_polygons(mask)


def by_datumaro(mask: Any) -> list[Any]:
    from datumaro.util.mask_tools import mask_to_polygons

    return mask_to_polygons(mask)


WAYS: dict[str, Callable[[Any], list[Any]]] = {"supervision": by_supervision, "datumaro": by_datumaro}

if __name__ == "__main__":
    way, rounds = WAYS[sys.argv[1]], int(sys.argv[3])
    with np.load(sys.argv[2]) as held:
        masks = [held[name] for name in held.files]
    times, outlines = [], 0
    for _ in range(rounds + 1):  # the first one imports
        start = time.perf_counter()
        outlines = sum(len(way(mask)) for mask in masks)
        times.append(time.perf_counter() - start)
    print(json.dumps({"outlines": outlines, "seconds": min(times[1:])}))
