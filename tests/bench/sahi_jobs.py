"""The same jobs by sahi, in its own environment; run by bench_tiling.

python sahi_jobs.py whole COCO IMAGES OUT jpg|png | clip COCO | crash MARKUP IMAGES OUT
"""

from __future__ import annotations

import json
import sys
import tempfile
import time
from pathlib import Path

from sahi.slicing import get_slice_bboxes, process_coco_annotations, slice_coco
from sahi.utils.coco import Coco, CocoAnnotation


def whole(coco: str, images: str, out: str, kind: str) -> None:
    slice_coco(
        coco, images, "sliced", out, slice_height=512, slice_width=512, overlap_height_ratio=0.5,
        overlap_width_ratio=0.5, min_area_ratio=0.2, out_ext=f".{kind}",
    )  # fmt: skip


def clip(coco: str) -> None:
    sets = []
    for image in Coco.from_coco_dict_or_path(coco).images:
        cells = [
            CocoAnnotation(a.category_id, a.category_name, a.json["segmentation"]) for a in image.annotations
        ]
        sets.append((cells, get_slice_bboxes(image.height, image.width, 512, 512, False, 0.5, 0.5)))
    start = time.perf_counter()
    pieces = sum(len(process_coco_annotations(cells, box, 0.2)) for cells, boxes in sets for box in boxes)
    print(pieces, time.perf_counter() - start)


def crash(markup: str, images: str, out: str) -> None:
    """The markup as it is, zero-area polygons included, as COCO."""
    records, annotations = [], []
    for n, path in enumerate(sorted(Path(markup).glob("*.json")), 1):
        data = json.loads(path.read_text())
        about = data["image_information"]
        size = {"width": about["image_width"], "height": about["image_height"]}
        records.append({"id": n, "file_name": about["image_name"], **size})
        for entry in data["markup"]:
            xs, ys = [v["x"] for v in entry["vertices"]], [v["y"] for v in entry["vertices"]]
            ring = [value for vertex in entry["vertices"] for value in (vertex["x"], vertex["y"])]
            box = [min(xs), min(ys), max(xs) - min(xs), max(ys) - min(ys)]
            annotations.append(
                {"id": len(annotations) + 1, "image_id": n, "category_id": 1, "segmentation": [ring],
                 "bbox": box, "area": box[2] * box[3], "iscrowd": 0}
            )  # fmt: skip
    with tempfile.TemporaryDirectory() as folder:
        coco = Path(folder) / "coco.json"
        categories = [{"id": 1, "name": "RBC"}]
        coco.write_text(json.dumps({"images": records, "annotations": annotations, "categories": categories}))
        try:
            whole(str(coco), images, out, "jpg")
        except Exception as error:
            print(f"stops: {type(error).__name__}: {error}")
        else:
            print("runs through")


if __name__ == "__main__":
    {"whole": whole, "clip": clip, "crash": crash}[sys.argv[1]](*sys.argv[2:])
