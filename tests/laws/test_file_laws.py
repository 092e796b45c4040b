"""Files: what is written is read back, and damage is told from pictures."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image

from smearprep.errors import DataError
from smearprep.images import decode, encode, probe
from smearprep.jsonfiles import dump_json, read_json, write_json
from tests.laws.strategies import LAW, pictures

NAME = Path("a picture")

_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@LAW
@given(value=_JSON, pretty=st.booleans())
def test_json_is_read_back_as_it_was_written(value: Any, pretty: bool, tmp_path_factory: Any) -> None:
    path = tmp_path_factory.getbasetemp() / "value.json"
    write_json(path, value, pretty)
    again = read_json(path)
    assert again == value
    assert dump_json(again, pretty) == path.read_bytes() == dump_json(value, pretty)


@LAW
@given(image=pictures())
def test_png_is_lossless(image: NDArray[np.uint8]) -> None:
    data = encode(image, "png")
    assert probe(NAME, data).size == (image.shape[1], image.shape[0])
    np.testing.assert_array_equal(decode(data, NAME), image)


def _saved(image: NDArray[np.uint8], format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    Image.fromarray(image).save(file, format, **options)
    return file.getvalue()


def _examples() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    image = rng.integers(0, 256, (30, 44, 3), dtype=np.uint8)
    deep = rng.integers(0, 65536, (30, 44), dtype=np.uint16)
    exif = Image.Exif()
    exif[0x0112], exif[0x010E] = 6, "a smear"
    return {
        "jpg": _saved(image, "JPEG", exif=exif),
        "progressive jpg": _saved(image, "JPEG", progressive=True),
        "png": _saved(image, "PNG", exif=exif),
        "16-bit png": _saved(deep, "PNG"),
        "tif": _saved(image, "TIFF"),
        "lzw tif": _saved(image, "TIFF", compression="tiff_lzw"),
        "16-bit tif": _saved(deep, "TIFF"),
        "bmp": _saved(image, "BMP"),
        "webp": _saved(image, "WEBP", lossless=True),
    }


EXAMPLES = _examples()


@settings(LAW, max_examples=250)
@given(
    kind=st.sampled_from(sorted(EXAMPLES)),
    changes=st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_a_damaged_file_is_a_data_error_or_a_picture(
    kind: str, changes: list[tuple[float, bool, int]]
) -> None:
    """Never another exception, which would stop a run of thousands of images."""
    data = bytearray(EXAMPLES[kind])
    for where, in_header, value in changes:
        reach = min(len(data), 300) if in_header else len(data)
        data[int(where * (reach - 1))] = value
    try:
        image = decode(bytes(data), NAME)
    except DataError as error:
        assert str(error).startswith(f"{NAME}: ")
    else:
        assert image.dtype == np.uint8 and image.ndim == 3 and image.shape[2] == 3


@settings(LAW, max_examples=250)
@given(kind=st.sampled_from(sorted(EXAMPLES)), share=st.floats(0, 1, exclude_max=True))
def test_a_truncated_file_is_never_shown_with_pixels_missing(kind: str, share: float) -> None:
    whole = EXAMPLES[kind]
    try:
        image = decode(whole[: int(share * len(whole))], NAME)
    except DataError:
        return
    np.testing.assert_array_equal(image, decode(whole, NAME))
