"""What a network says of a whole image: in large windows, beside window by window as it was trained.

    python -m tests.bench.bench_prediction [--networks NAME ...] [--size WxH] [--rounds N]

Noise of the size of ALL-IDB1's larger images; the weights do not matter for the time. "Window by window"
reads one window of the size of training for each output of training, as the published counting code does;
both say the same up to rounding. The processor's usual precision, all cores; both take turns, and the least
time counts.
"""

from __future__ import annotations

import argparse

import numpy as np
import torch

from smearprep.models import zoo
from smearprep.models.building import seeded
from smearprep.models.hardware import Hardware
from smearprep.models.semantic.whole_image import predict_image, tile_windows
from tests.bench.bench_training import NETWORKS
from tests.bench.measuring import in_turns, store


def rows_of(name: str, size: tuple[int, int], rounds: int) -> list[dict[str, object]]:
    """A network, both ways."""
    info, hardware = zoo.semantic(name), Hardware(device="cpu")
    network = seeded(info.build, 0).eval().to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    image = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    tiles = {"smearprep": 500, "window by window": info.output_size}

    def look(tile: int) -> object:
        return predict_image(network, info, image, tile=tile, precision=hardware.autocast, as_uint8=True)

    jobs = [lambda tile=tile: look(tile) for tile in tiles.values()]
    seconds = in_turns(jobs, rounds)
    return [
        {
            "network": name,
            "job": job,
            "image": f"{size[0]}x{size[1]}",
            "windows": len(tile_windows(size, info, tile)),
            "s": round(one, 2),
            "time over smearprep's": round(one / seconds[0], 2),
        }
        for (job, tile), one in zip(tiles.items(), seconds, strict=True)
    ]


def main() -> None:
    """Measure and store."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--networks", nargs="+", choices=NETWORKS, default=NETWORKS)
    parser.add_argument("--size", default="2592x1944", help="of the image, px")
    parser.add_argument("--rounds", type=int, default=2)
    arguments = parser.parse_args()
    width, height = (int(side) for side in arguments.size.split("x"))
    rows = [row for name in arguments.networks for row in rows_of(name, (width, height), arguments.rounds)]
    store("prediction", rows)


if __name__ == "__main__":
    main()
