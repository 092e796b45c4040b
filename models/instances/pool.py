"""A set's images and cells in the memory of the device, from which batches are made there.

So that a GPU never waits for a few CPU cores: what is random comes as a few numbers an image
(`smearprep.models.instances.draws`), everything else is tensor operations.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import shapely
import torch
from numpy.typing import NDArray
from shapely.geometry import MultiPolygon, Polygon
from torch import Tensor

from smearprep.geometry import shape_to_mask
from smearprep.models.instances.draws import Draw, Rectangle, centred
from smearprep.models.instances.inputs import inputs, turned
from smearprep.models.instances.scenes import Scene, boxes_of
from smearprep.models.transfers import to_device
from smearprep.models.yolact.truth import PADDING, Truth

_AT_ONCE = 2**25  # px of masks in memory at a time while they are looked up: 256 MB of places


@dataclass(frozen=True, eq=False)
class _Cells:
    """The cells of one image, then its crowds.

    Args:
        boxes: (n, 4) float32 x0, y0, x1, y1 in px of the image.
        labels: (n,) int64.
        crowd: (n,) bool.
        crops: (n, 5) int64: of each mask its first px in the pool, x, y, width and height in the image.
    """

    boxes: NDArray[np.float32]
    labels: NDArray[np.int64]
    crowd: NDArray[np.bool_]
    crops: NDArray[np.int64]

    def seen(self, window: Rectangle) -> NDArray[np.bool_]:
        """(n,) bool: cells whose centre lies in a window, and crowds that have any part in it."""
        x, y, width, height = window
        low, high = self.boxes[:, :2] < (x + width, y + height), self.boxes[:, 2:] > (x, y)
        return np.where(self.crowd, (low & high).all(axis=1), centred(self.boxes, window))


class ScenePool:
    """Images as they are, and the mask of each cell and crowd as the px of its box, all on one device.

    Args:
        scenes: The images; cells without an outline are not allowed.
        categories: Their place is the label.
        size: Width and height of the network's input, px.
        device: Where they are kept, and batches are made.
    """

    def __init__(
        self,
        scenes: Sequence[Scene],
        categories: Sequence[str],
        size: int,
        device: torch.device | str = "cpu",
    ) -> None:
        self.size, self.device = size, torch.device(device)
        self._images = [
            torch.from_numpy(np.ascontiguousarray(scene.image)).to(self.device).permute(2, 0, 1)
            for scene in scenes
        ]
        numbers = {name: n for n, name in enumerate(categories)}
        px = [np.zeros(1, np.uint8)]  # stands for all that lies outside a mask
        end, self._cells = 1, []
        for scene in scenes:
            regions = (*scene.cells, *scene.crowds)
            crops = np.empty((len(regions), 5), np.int64)
            for crop, cell in zip(crops, regions, strict=True):
                assert isinstance(cell.shape, Polygon | MultiPolygon), "a cell without an outline"
                mask, (x, y) = _crop(cell.shape)
                crop[:] = end, x, y, mask.shape[1], mask.shape[0]
                px.append(mask.astype(np.uint8).ravel())
                end += mask.size
            labels = np.array([numbers[cell.label] for cell in regions], np.int64)
            crowd = np.arange(len(regions)) >= len(scene.cells)
            self._cells.append(_Cells(boxes_of(regions), labels, crowd, crops))
        self._px = torch.from_numpy(np.concatenate(px)).to(self.device)

    def __len__(self) -> int:
        return len(self._images)

    @torch.no_grad()
    def batch(self, draws: Sequence[Draw], map_size: tuple[int, int]) -> tuple[Tensor, Truth]:
        """The input and the truth of some draws.

        Args:
            draws: On the images of this pool.
            map_size: (height, width) of the truth's masks: of the network's prototypes.

        Returns:
            (B, 3, size, size) float32, normalised; and the cells whose centre is seen, and what is seen of
            crowds, cut off where the input ends.
        """
        return inputs(self._images, draws, self.size), self._truth(draws, map_size)

    def _truth(self, draws: Sequence[Draw], map_size: tuple[int, int]) -> Truth:
        seen = [self._cells[one.image].seen(one.source) for one in draws]
        most = max(int(own.sum()) for own in seen)
        boxes = np.zeros((len(draws), most, 4), np.float32)
        labels = np.full((len(draws), most), PADDING, np.int64)
        crowd = np.zeros((len(draws), most), bool)
        masks = torch.zeros((len(draws), most, *map_size), dtype=torch.bool, device=self.device)
        for n, (one, own) in enumerate(zip(draws, seen, strict=True)):
            cells, count = self._cells[one.image], int(own.sum())
            boxes[n, :count] = _placed(cells.boxes[own], one, self.size)
            labels[n, :count] = cells.labels[own]
            crowd[n, :count] = cells.crowd[own]
            masks[n, :count] = self._masks(cells.crops[own], one, map_size)
        return Truth(
            to_device(boxes, self.device),
            to_device(labels, self.device),
            to_device(crowd, self.device),
            turned(masks, draws),
        )

    def _masks(self, crops: NDArray[np.int64], one: Draw, map_size: tuple[int, int]) -> Tensor:
        """(n, h, w) bool: at the centre of each px of the map, whether a cell is there; not yet turned."""
        x, y, width, height = one.source
        left, top, across, down = one.target
        columns = _image_px(map_size[1], self.size, left, across, x, width)
        rows = _image_px(map_size[0], self.size, top, down, y, height)
        table = to_device(np.ascontiguousarray(crops.T), self.device)[..., None]  # (5, n, 1)
        first, x0, y0, w, h = table
        at = to_device(columns, self.device) - x0  # (n, map width)
        at = torch.where((at >= 0) & (at < w), at, -len(self._px))
        line = to_device(rows, self.device) - y0
        line = torch.where((line >= 0) & (line < h), line * w, -len(self._px)) + first
        out = torch.empty((len(crops), *map_size), dtype=torch.bool, device=self.device)
        some = max(_AT_ONCE // (map_size[0] * map_size[1]), 1)
        for begin in range(0, len(crops), some):
            part = slice(begin, begin + some)
            out[part] = self._px[(line[part, :, None] + at[part, None, :]).clamp_min_(0)].bool()
        return out


def _crop(shape: Polygon | MultiPolygon) -> tuple[NDArray[np.bool_], tuple[int, int]]:
    """The mask of a shape in the px that its bounds touch, and x, y of the first of them."""
    x0, y0, x1, y1 = shape.bounds
    left, top = int(np.floor(x0)), int(np.floor(y0))
    size = max(int(np.ceil(x1)) - left, 1), max(int(np.ceil(y1)) - top, 1)
    return shape_to_mask(shapely.transform(shape, lambda xy: xy - (left, top)), size), (left, top)


def _placed(boxes: NDArray[np.float32], one: Draw, size: int) -> NDArray[np.float32]:
    """Boxes (n, 4) in px of the image as shares of the input, cut off at what is seen, turned and flipped."""
    (x, y, width, height), (left, top, across, down) = one.source, one.target
    corners = boxes.reshape(-1, 2, 2).astype(np.float64)
    corners = np.clip((corners - (x, y)) / (width, height), 0, 1) * (across, down) + (left, top)
    corners /= size
    for _ in range(one.turns):  # anticlockwise: what was to the right is on top
        corners = np.stack([corners[..., 1], 1 - corners[..., 0]], axis=-1)
    if one.flip:
        corners[..., 0] = 1 - corners[..., 0]
    return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1).astype(np.float32)


def _image_px(count: int, size: int, low: int, across: int, begin: int, length: int) -> NDArray[np.int64]:
    """Which px of the image lies at the centre of each of `count` px of a map, along one axis; -1: none.

    Args:
        count: Of the map.
        size: Of the input, px.
        low: Where the image begins in the input.
        across: How long it is there.
        begin: What of the image is seen: from this px on.
        length: So many px.
    """
    at = (np.arange(count) + 0.5) * (size / count) - low
    px = np.floor(at * (length / across)).astype(np.int64) + begin
    return np.where((at >= 0) & (at < across), px, -1)
