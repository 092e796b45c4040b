"""One damaged file through one reader: it ends in cells or in a SmearprepError, or the harness fails."""

from __future__ import annotations

import io
import warnings
from pathlib import Path

import numpy as np
from PIL import Image

from smearprep import formats
from smearprep.cells import fit_to_image
from smearprep.errors import SmearprepError
from smearprep.findings import KINDS, Finding
from smearprep.formats.reading import ReadOptions
from tests.fuzz.seeds import SUFFIXES


class Harness:
    """A folder with an image, in which files are tried.

    Args:
        folder: An empty folder, best on a RAM disk.
        name: The format.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._name = name
        self._file = folder / f"a{SUFFIXES[name]}"
        if name != "masks":
            Image.fromarray(np.zeros((80, 100, 3), np.uint8)).save(folder / "a.jpg")
        self._options = ReadOptions(base=folder, classes=("RBC", "WBC") if name == "yolo" else ())

    def try_out(self, data: bytes) -> int:
        """Read a file's bytes.

        Returns:
            How many cells came out.

        Raises:
            Exception: Any that a user must never see.
        """
        self._file.write_bytes(data)
        with warnings.catch_warnings():
            warnings.simplefilter("error")  # users would see them
            return self._read(data)

    def _read(self, data: bytes) -> int:
        findings: list[Finding] = []
        count = 0
        try:
            formats.get(self._name).sniff(self._file, data[:4096])
            for image in formats.read(self._file, self._options, findings, self._name):
                count += len(image.cells)
                for cell in image.cells:
                    assert isinstance(cell.label, str)
                    assert not cell.shape.is_empty
                if image.size is not None and max(image.size) < 10**6:
                    fit_to_image(image.cells, image.size, "a")
        except SmearprepError as error:
            assert str(error)
        for finding in findings:
            assert finding.kind in KINDS
            finding.what.encode("utf-8", "backslashreplace")
        return count


def png(array: np.ndarray) -> bytes:
    """A PNG's bytes."""
    out = io.BytesIO()
    Image.fromarray(array).save(out, "PNG")
    return out.getvalue()
