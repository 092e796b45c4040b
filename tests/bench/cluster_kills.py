"""A cluster that loses a worker every few seconds makes the same set as threads that lose none.

    python -m tests.bench.cluster_kills [--images 2000] [--every 5] [--workers 2]

Synthetic fields of BCCD's size, cut into windows. Tells how long both took, how many workers were killed,
and whether the two sets are the same to the byte; exit status 1 if they are not.
"""

from __future__ import annotations

import argparse
import os
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

from smearprep import synthetic
from smearprep.executors import Cluster, hire
from smearprep.steps import one_step
from smearprep.tiling import Tile
from tests.dask_cluster import dask_cluster


def main() -> int:
    """Make the set twice, and compare."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--images", type=int, default=2000)
    parser.add_argument("--every", type=float, default=5.0, help="s between two kills")
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cluster_kills") as scratch:
        root = Path(scratch)
        synthetic.write_bccd(root / "raw", images=args.images)
        plain = timed("threads", lambda: tile(root, "threads", None))
        killed = kills(root, args.workers, args.every)
        same = digests(root / "threads") == digests(root / "cluster")
        print(f"{len(digests(root / 'threads'))} files; {killed} workers killed; the same bytes: {same}")
        return 0 if same and plain else 1


def timed(name: str, job: Callable[[], object]) -> float:
    """How many s a job takes; tells it."""
    start = time.perf_counter()
    job()
    seconds = time.perf_counter() - start
    print(f"{name}: {seconds:.1f} s", flush=True)
    return seconds


def tile(root: Path, name: str, executor: Cluster | None) -> None:
    """The set."""
    window = Tile((320, 320), (160, 160))
    summary = one_step("tile", root / "raw", root / name, tile=window, executor=executor)
    assert not summary.has_problems, summary.findings[:3]


def kills(root: Path, workers: int, every: float) -> int:
    """Make the set on a cluster while its workers are killed one after the other; returns how many were."""
    over, count = threading.Event(), 0
    with dask_cluster(workers, root) as address, hire(dask=address) as cluster:
        assert isinstance(cluster, Cluster)

        def kill() -> None:
            nonlocal count
            while not over.wait(every):
                victims = sorted(set(cluster._client.run(os.getpid, on_error="ignore").values()))
                if victims:
                    os.kill(victims[count % len(victims)], signal.SIGKILL)
                    count += 1

        killer = threading.Thread(target=kill)
        killer.start()
        try:
            timed("cluster", lambda: tile(root, "cluster", cluster))
        finally:
            over.set()
            killer.join()
    return count


def digests(folder: Path) -> dict[str, str]:
    """Of each file of a folder."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): sha256(path.read_bytes()).hexdigest() for path in files}


if __name__ == "__main__":
    sys.exit(main())
