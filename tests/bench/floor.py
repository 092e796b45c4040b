"""The bare loop: decode each image once, encode and write its 512/256 windows; nothing else.

python floor.py IMAGES OUT WORKERS jpg|png
"""

from __future__ import annotations

import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np

SAMPLING = (cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)
OPTIONS = {
    "jpg": [cv2.IMWRITE_JPEG_QUALITY, 95, *SAMPLING],
    "png": [cv2.IMWRITE_PNG_STRATEGY, cv2.IMWRITE_PNG_STRATEGY_RLE],
}


def starts(length: int) -> list[int]:
    out = list(range(0, length - 512 + 1, 256))
    return out if out[-1] + 512 == length else [*out, length - 512]


def tile(path: Path, out: Path, kind: str) -> int:
    image = cv2.imdecode(np.frombuffer(path.read_bytes(), np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    corners = [(x, y) for y in starts(image.shape[0]) for x in starts(image.shape[1])]
    for x, y in corners:
        encoded = cv2.imencode(
            f".{kind}", np.ascontiguousarray(image[y : y + 512, x : x + 512]), OPTIONS[kind]
        )[1]
        (out / f"{path.stem}_{x}_{y}.{kind}").write_bytes(encoded.tobytes())
    return len(corners)


def tile_all(images: Path, out: Path, pool: ThreadPoolExecutor, kind: str) -> int:
    """How many windows were written."""
    out.mkdir(parents=True)
    return sum(pool.map(lambda path: tile(path, out, kind), sorted(images.glob("*.jpg"))))


if __name__ == "__main__":
    with ThreadPoolExecutor(int(sys.argv[3])) as workers:
        print(tile_all(Path(sys.argv[1]), Path(sys.argv[2]), workers, sys.argv[4]))
