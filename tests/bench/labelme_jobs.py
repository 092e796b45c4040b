"""labelme files -> COCO by other programs, each in its own environment; run by bench_labelme.

    python labelme_jobs.py labelme2coco FOLDER OUT
    python labelme_jobs.py datumaro FORMAT FOLDER OUT

Each prints how many polygons it wrote and the seconds of the conversion alone, without its start.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path


def by_labelme2coco(folder: str, out: str) -> None:
    import labelme2coco

    start = time.perf_counter()
    labelme2coco.convert(folder, out)
    seconds = time.perf_counter() - start
    print(len(json.loads((Path(out) / "dataset.json").read_text())["annotations"]), seconds)


def by_datumaro(read_as: str, folder: str, out: str) -> None:
    from datumaro.components.dataset import Dataset

    start = time.perf_counter()
    cells = Dataset.import_from(folder, read_as)
    cells.export(out, "coco_instances", save_media=False)
    seconds = time.perf_counter() - start
    print(sum(len(item.annotations) for item in cells), seconds)


if __name__ == "__main__":
    {"labelme2coco": by_labelme2coco, "datumaro": by_datumaro}[sys.argv[1]](*sys.argv[2:])
