"""The folder that `predict` writes: what a network said of each image, and the cells made of it.

predictions.json          categories, network, run, and each image with its size; no clock, no absolute path
mask/<name>.png           8 bits: the probability times 255 that a pixel belongs to a cell
edge/<name>.png           the same that it lies on an outline; of networks that tell edges or single cells
separated/<name>.png      0 or 255: the mask less its edges
cells.json                the cells as COCO
geojson/<name>.geojson    the same, as QuPath opens them
labelme/<name>.json       the same, as labelme opens them, with the image in it as a JPEG; outlines go round
                          holes, which labelme does not have, through slits without width
overlay/<name>.png        the image with the cells drawn over it
"""

from __future__ import annotations

from smearprep.predictions.folders import replaced_folder
from smearprep.predictions.reading import is_prediction_folder, read_index, read_predictions
from smearprep.predictions.records import INDEX, Boxes, PredictedImage, Prediction, PredictionIndex
from smearprep.predictions.writing import PredictionWriter

__all__ = [
    "INDEX",
    "Boxes",
    "PredictedImage",
    "Prediction",
    "PredictionIndex",
    "PredictionWriter",
    "is_prediction_folder",
    "read_index",
    "read_predictions",
    "replaced_folder",
]
