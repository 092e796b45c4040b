"""Image files as this field has them: every mode and orientation, damaged ones and far too large ones."""

from __future__ import annotations

import errno
import io
import os
import struct
import sys
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageOps, JpegImagePlugin

from smearprep.errors import DataError, OutputError, RecipeError
from smearprep.images import (
    MAX_PIXELS,
    Header,
    decode,
    encode,
    files,
    probe,
    read,
    read_bytes,
    show,
    write_atomic,
)
from smearprep.records import View

RGB = NDArray[np.uint8]
NAME = Path("im") / "a picture"

_RNG = np.random.default_rng(0)
NOISE: RGB = _RNG.integers(0, 256, (22, 34, 3), dtype=np.uint8)
_ROWS, _COLUMNS = np.indices((64, 96))
SMOOTH: RGB = np.stack([_ROWS + _COLUMNS, 90 + 0 * _ROWS, 2 * _ROWS - _COLUMNS + 96], axis=2).astype(np.uint8)
ALPHA = _RNG.integers(0, 256, (22, 34, 4), dtype=np.uint8)
DEEP = _RNG.integers(0, 65536, (22, 34, 4), dtype=np.uint16)


def _saved(image: Image.Image | NDArray[Any], format: str, **options: Any) -> bytes:
    file = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, format, **options)
    return file.getvalue()


def _by_opencv(image: NDArray[np.uint16], suffix: str) -> bytes:
    """16 bits a channel, which Pillow does not write. (H, W, 3 or 4), RGB order."""
    order = [2, 1, 0, 3][: image.shape[2]]
    done, data = cv2.imencode(suffix, image[..., order])
    assert done
    return data.tobytes()


def _by_pillow(data: bytes) -> RGB:
    with Image.open(io.BytesIO(data)) as image:
        return np.array(image.convert("RGB"))


def _grey(channel: NDArray[Any]) -> NDArray[Any]:
    return np.repeat(channel[..., None], 3, axis=2)


def _to_8_bit(deep: NDArray[np.uint16]) -> RGB:
    return np.rint(deep * (255 / 65535)).astype(np.uint8)


def _names(folder: Path) -> list[str]:
    return [found.name for found in folder.iterdir()]


# ---------------------------------------------------------------- modes


EXACT = {
    "rgb": (NOISE, NOISE, ("PNG", "TIFF", "BMP", "WEBP")),
    "grey": (NOISE[..., 0], _grey(NOISE[..., 0]), ("PNG", "TIFF", "BMP")),
    "one bit": (NOISE[..., 0] > 127, _grey((NOISE[..., 0] > 127) * np.uint8(255)), ("PNG", "TIFF", "BMP")),
    "alpha": (ALPHA, ALPHA[..., :3], ("PNG", "TIFF", "WEBP")),
    "grey and alpha": (ALPHA[..., :2].copy(), _grey(ALPHA[..., 0]), ("PNG", "TIFF")),
    "16-bit grey": (DEEP[..., 0].copy(), _grey(_to_8_bit(DEEP[..., 0])), ("PNG", "TIFF")),
}


@pytest.mark.parametrize(
    ("mode", "format"), [(m, f) for m, (_, _, formats) in EXACT.items() for f in formats]
)
def test_lossless_images_keep_every_value(mode: str, format: str) -> None:
    """Alpha is left out and the colours below it kept; grey is repeated; 16 bits are scaled."""
    stored, expected, _ = EXACT[mode]
    options = {"lossless": True, "exact": True} if format == "WEBP" else {}
    data = _saved(stored, format, **options)
    assert probe(NAME, data).format == format
    image = decode(data, NAME)
    assert image.dtype == np.uint8 and image.flags.c_contiguous
    np.testing.assert_array_equal(image, expected)


@pytest.mark.parametrize(("suffix", "channels"), [(".png", 3), (".png", 4), (".tiff", 3)])
def test_16_bit_colour_is_scaled_by_255_over_65535(suffix: str, channels: int) -> None:
    image = decode(_by_opencv(DEEP[..., :channels], suffix), NAME)
    np.testing.assert_array_equal(image, _to_8_bit(DEEP[..., :3]))


def test_16_bit_colour_beside_alpha_is_at_most_one_off_in_tiff() -> None:
    image = decode(_by_opencv(DEEP, ".tiff"), NAME)
    assert np.abs(image.astype(int) - _to_8_bit(DEEP[..., :3])).max() <= 1


def test_16_bit_white_and_black_stay_white_and_black() -> None:
    deep = np.array([[0, 65535, 257, 32768]], np.uint16)
    assert decode(_saved(deep, "PNG"), NAME)[0, :, 0].tolist() == [0, 255, 1, 128]


@pytest.mark.parametrize("format", ["PNG", "TIFF", "BMP", "GIF"])
def test_palettes_are_looked_up(format: str) -> None:
    palette = Image.fromarray(NOISE).quantize(16)
    np.testing.assert_array_equal(decode(_saved(palette, format), NAME), np.array(palette.convert("RGB")))


@pytest.mark.parametrize("compression", ["raw", "tiff_lzw", "tiff_adobe_deflate", "packbits"])
def test_compressed_tiff(compression: str) -> None:
    np.testing.assert_array_equal(decode(_saved(NOISE, "TIFF", compression=compression), NAME), NOISE)


@pytest.mark.parametrize("compression", ["group3", "group4", "packbits"])
def test_compressed_one_bit_tiff(compression: str) -> None:
    bits = NOISE[..., 0] > 127
    data = _saved(bits, "TIFF", compression=compression)
    np.testing.assert_array_equal(decode(data, NAME), _grey(bits * np.uint8(255)))


@pytest.mark.parametrize("bits", [NOISE[..., 0], NOISE[..., 0] > 127])
def test_tiff_with_white_as_zero(bits: NDArray[Any]) -> None:
    data = _saved(bits, "TIFF", tiffinfo={262: 0})
    expected = _by_pillow(_saved(bits, "TIFF"))
    np.testing.assert_array_equal(decode(data, NAME), expected)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (np.int32(70_000), "beyond 16 bit"),
        (np.int32(-1), "beyond 16 bit"),
        (np.float32(0.5), "floating-point"),  # of 1, or of 255? nobody says
    ],
)
def test_values_that_are_not_8_or_16_bit_are_refused(value: np.generic, expected: str) -> None:
    with pytest.raises(DataError, match=expected):
        decode(_saved(np.full((3, 4), value), "TIFF"), NAME)


def test_32_bit_integers_within_16_bit_are_scaled() -> None:
    deep = DEEP[..., 0].astype(np.int32)
    np.testing.assert_array_equal(decode(_saved(deep, "TIFF"), NAME), _grey(_to_8_bit(DEEP[..., 0])))


JPEGS = {
    "4:4:4": (SMOOTH, {"subsampling": 0}),
    "4:2:2": (SMOOTH, {"subsampling": 1}),
    "4:2:0": (SMOOTH, {"subsampling": 2}),
    "progressive": (SMOOTH, {"progressive": True}),
    "grey": (SMOOTH[..., 0].copy(), {}),
    "stored as RGB": (SMOOTH, {"keep_rgb": True}),
    "CMYK": (Image.fromarray(SMOOTH).convert("CMYK"), {}),
}


@pytest.mark.parametrize("decoder", ["simplejpeg", "opencv"])
@pytest.mark.parametrize("kind", JPEGS)
def test_jpeg_pixels_are_those_that_pillow_sees(
    kind: str, decoder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the faster decoder, where it is installed, and without: the same pixels, so the same bytes."""
    if decoder == "opencv":
        monkeypatch.setitem(sys.modules, "simplejpeg", None)
    image, options = JPEGS[kind]
    data = _saved(image, "JPEG", quality=92, **options)
    decoded = decode(data, NAME)
    np.testing.assert_array_equal(decoded, _by_pillow(data))
    assert np.abs(decoded.astype(int) - (SMOOTH if kind != "grey" else _grey(SMOOTH[..., 0]))).mean() < 4


# ---------------------------------------------------------------- orientation


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_the_exif_orientation_is_applied_only_where_it_is_asked_for(format: str, orientation: int) -> None:
    options: dict[str, Any] = {"lossless": True} if format == "WEBP" else {}
    exif = Image.Exif()
    exif[0x0112] = orientation
    plain, turned = _saved(SMOOTH, format, **options), _saved(SMOOTH, format, exif=exif, **options)
    stored = _by_pillow(plain)
    with Image.open(io.BytesIO(turned)) as image:
        shown = np.array(ImageOps.exif_transpose(image).convert("RGB"))
    assert (shown.shape == stored.shape) == (orientation < 5)
    header = probe(NAME, turned)
    assert header.orientation == orientation
    assert header.oriented_size(False) == (96, 64)
    assert header.oriented_size(True) == (shown.shape[1], shown.shape[0])
    np.testing.assert_array_equal(decode(turned, NAME, oriented=True), shown)
    np.testing.assert_array_equal(decode(turned, NAME, oriented=False), stored)


@pytest.mark.parametrize("orientation", [3, 6])
def test_the_orientation_of_a_16_bit_tiff(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    deep = DEEP[..., 0].copy()
    data = _saved(deep, "TIFF", exif=exif)
    stored = _grey(_to_8_bit(deep))
    np.testing.assert_array_equal(decode(data, NAME, oriented=False), stored)
    np.testing.assert_array_equal(decode(data, NAME), np.rot90(stored, {3: 2, 6: -1}[orientation]))


@pytest.mark.parametrize("orientation", [0, 9, 250])
def test_an_orientation_that_does_not_exist_counts_as_none(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = _saved(NOISE, "PNG", exif=exif)
    assert probe(NAME, data).orientation == 1
    np.testing.assert_array_equal(decode(data, NAME), NOISE)


# ---------------------------------------------------------------- what cannot be read


@pytest.mark.parametrize("kind", ["JPEG", "progressive JPEG", "JPEG with thumbnail", "PNG", "palette PNG"])
def test_a_truncated_file_is_refused_wherever_it_ends(kind: str) -> None:
    """And is not shown with its missing rows in grey, as decoders do in silence."""
    if kind.endswith("JPEG"):
        data = _saved(SMOOTH, "JPEG", progressive=kind.startswith("prog"))
    elif kind == "JPEG with thumbnail":
        thumbnail = _saved(SMOOTH[::4, ::4], "JPEG")
        segment = b"Exif\0\0" + b"\0" * 30 + thumbnail  # its own end marker lies inside the file's header
        data = _saved(SMOOTH, "JPEG")
        data = data[:2] + b"\xff\xe2" + struct.pack(">H", len(segment) + 2) + segment + data[2:]
    else:
        picture = Image.fromarray(NOISE)
        data = _saved(picture.quantize(20) if kind.startswith("palette") else picture, "PNG")
    whole = decode(data, NAME)
    np.testing.assert_array_equal(whole, _by_pillow(data))
    cuts = sorted({*range(1, len(data), max(len(data) // 60, 1)), *range(len(data) - 20, len(data))})
    for cut in cuts:
        try:
            image = decode(data[:cut], NAME)
        except DataError as error:
            assert error.file == str(NAME)
        else:  # a PNG may lack a few bytes of its end mark
            assert kind.endswith("PNG") and len(data) - cut < 8
            np.testing.assert_array_equal(image, whole)


def test_a_truncated_jpeg_says_so() -> None:
    data = _saved(SMOOTH, "JPEG")
    with pytest.raises(DataError, match="truncated: the JPEG file ends"):
        decode(data[: len(data) * 3 // 4], NAME)


@pytest.mark.parametrize("format", ["TIFF", "BMP", "WEBP"])
def test_half_of_another_file_is_refused_too(format: str) -> None:
    data = _saved(NOISE, format, **({"lossless": True} if format == "WEBP" else {}))
    with pytest.raises(DataError):
        decode(data[: len(data) // 2], NAME)


def test_a_tiff_whose_pixels_begin_at_a_broken_number() -> None:
    file = io.BytesIO()
    Image.fromarray(NOISE[..., 0]).convert("1").save(file, "TIFF", compression="raw")
    offset, as_float = struct.pack("<HH", 0x0111, 4), struct.pack("<HH", 0x0111, 11)  # StripOffsets
    data = file.getvalue()
    assert data.count(offset) == 1
    with pytest.raises(DataError, match=r"a picture: its pixels cannot be decoded; the file is damaged \("):
        decode(data.replace(offset, as_float), NAME)


def test_too_little_memory_is_not_called_damage(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    data = _saved(NOISE, "WEBP", lossless=True)
    monkeypatch.setattr(Image.Image, "convert", fail)
    with pytest.raises(DataError, match=r"a picture: there is not enough memory for its pixels$"):
        decode(data, NAME)


def test_a_jpeg_with_bytes_after_its_end_is_read() -> None:
    """Some cameras add theirs."""
    data = _saved(SMOOTH, "JPEG")
    np.testing.assert_array_equal(decode(data + b"SEFT" * 50, NAME), decode(data, NAME))


def test_an_empty_file(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.touch()
    for attempt in (lambda: probe(path), lambda: read(path), lambda: probe(path, b"")):
        with pytest.raises(DataError, match=r"a\.jpg: is empty \(0 bytes\)"):
            attempt()


def test_a_text_file_that_calls_itself_jpg(tmp_path: Path) -> None:
    path = tmp_path / "a.jpg"
    path.write_text("not a picture")
    for attempt in (probe, read):
        with pytest.raises(DataError, match="is not an image"):
            attempt(path)


def test_a_file_that_is_not_there_and_a_folder(tmp_path: Path) -> None:
    for attempt in (probe, read, read_bytes):
        with pytest.raises(DataError, match="is not there"):
            attempt(tmp_path / "a.jpg")
        with pytest.raises(DataError, match="cannot be read"):
            attempt(tmp_path)


def _png_header(width: int, height: int) -> bytes:
    """A PNG file that promises much and holds one short row."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    chunks = (chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(b"\0")), chunk(b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


def test_a_header_is_read_without_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Planning reads the headers of a hundred thousand images."""
    exif = Image.Exif()
    exif[0x0112] = 6
    whole = [_saved(NOISE, format) for format in ("PNG", "JPEG", "TIFF", "BMP", "WEBP")]
    turned = [_saved(NOISE, format, exif=exif) for format in ("PNG", "JPEG", "TIFF", "WEBP")]
    _forbid_decoding(monkeypatch)
    assert [probe(NAME, data).orientation for data in whole + turned] == [1] * 5 + [6] * 4


def _forbid_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: Any, **__: Any) -> None:
        raise AssertionError("its pixels were decoded")

    monkeypatch.setattr(cv2, "imdecode", refuse)
    monkeypatch.setattr(Image.Image, "convert", refuse)
    monkeypatch.setattr(Image.Image, "load", refuse)


@pytest.mark.parametrize("size", [(40_000, 30_000), (MAX_PIXELS + 1, 1)])
def test_a_gigapixel_header_is_refused_without_decoding(
    size: tuple[int, int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "slide.png"
    path.write_bytes(_png_header(*size))
    _forbid_decoding(monkeypatch)
    for attempt in (probe, read):
        with pytest.raises(DataError, match=rf"slide\.png: .*{MAX_PIXELS:,} pixels"):
            attempt(path)


def test_the_stated_limit_is_the_limit() -> None:
    width = 10_000
    height = MAX_PIXELS // width
    assert probe(NAME, _png_header(width, height)).size == (width, height)


def test_a_size_that_a_decoder_refuses_is_a_data_error() -> None:
    """OpenCV takes no more than 2^20 rows, whatever their length."""
    data = bytearray(_saved(NOISE, "BMP"))
    data[18:26] = struct.pack("<ii", 1, 2_000_000)
    with pytest.raises(DataError):
        decode(bytes(data), NAME)


# ---------------------------------------------------------------- names


@pytest.mark.parametrize(
    "name", ["Blutausstrich 3 ä.png", "мазок крови.png", "血液 塗抹.png", " .png", "a#%?.png"]
)
def test_any_name_is_read_and_written(name: str, tmp_path: Path) -> None:
    path = tmp_path / "Ordner ü" / name
    write_atomic(path, encode(NOISE, "png"))
    assert probe(path) == Header((34, 22), "RGB", "PNG")
    np.testing.assert_array_equal(read(path), NOISE)
    assert _names(path.parent) == [name]


# ---------------------------------------------------------------- encoding


def test_jpeg_is_written_without_chroma_subsampling_at_quality_95() -> None:
    data = encode(SMOOTH, "jpg")
    with Image.open(io.BytesIO(data)) as image:
        assert isinstance(image, JpegImagePlugin.JpegImageFile)
        assert JpegImagePlugin.get_sampling(image) == 0  # 4:4:4
        with Image.open(io.BytesIO(_saved(SMOOTH, "JPEG", quality=95))) as reference:
            assert image.quantization == reference.quantization  # type: ignore[attr-defined]
    assert np.abs(decode(data, NAME).astype(int) - SMOOTH).max() <= 6


def test_the_same_picture_gives_the_same_bytes() -> None:
    for format in ("jpg", "png"):
        assert encode(NOISE, format) == encode(NOISE.copy(), format)  # type: ignore[arg-type]


@pytest.mark.parametrize(("format", "quality"), [("jpg", 0), ("jpg", 101), ("gif", 95), ("jpeg", 95)])
def test_unknown_formats_and_qualities_are_refused(format: Any, quality: int) -> None:
    with pytest.raises(RecipeError, match=rf"'{format}' quality {quality}"):
        encode(NOISE, format, quality)


# ---------------------------------------------------------------- views


def test_show_beside_the_image_is_black() -> None:
    assert not show(NOISE, View((40, 0, 8, 8), (8, 8))).any()
    assert not show(NOISE, View((-8, 0, 8, 8), (16, 16))).any()


def test_enlarging_is_bilinear_and_shrinking_averages() -> None:
    step = np.zeros((2, 4, 3), np.uint8)
    step[:, 2:] = 200
    wide = show(step, View((0, 0, 4, 2), (8, 4)))
    assert wide[0, :, 0].tolist() == [0, 0, 0, 50, 150, 200, 200, 200]
    assert show(step, View((1, 0, 2, 2), (1, 1))).ravel().tolist() == [100] * 3


# ---------------------------------------------------------------- writing


def test_a_file_is_replaced_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "a.bin"
    write_atomic(path, b"one")
    write_atomic(path, b"two")
    assert path.read_bytes() == b"two"
    assert _names(path.parent) == ["a.bin"]


@pytest.mark.parametrize("step", ["replace", "write"])
def test_a_full_disk_leaves_what_was_there(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.bin"
    path.write_bytes(b"before")

    def full(*_: Any) -> int:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    if step == "replace":
        monkeypatch.setattr(os, "replace", full)
    else:
        monkeypatch.setattr(files, "_write", full)
    with pytest.raises(OutputError, match=r"a\.bin: cannot be written \(No space left"):
        write_atomic(path, b"after")
    assert path.read_bytes() == b"before"
    assert _names(tmp_path) == ["a.bin"]


def test_a_folder_in_the_way_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "a.bin").mkdir()
    with pytest.raises(OutputError, match=r"a\.bin: cannot be written"):
        write_atomic(tmp_path / "a.bin", b"x")
    assert _names(tmp_path) == ["a.bin"]


@pytest.mark.parametrize("name", ["b.bin", "deep/er/b.bin"])
def test_a_file_where_a_folder_should_be_is_an_output_error(name: str, tmp_path: Path) -> None:
    (tmp_path / "a").write_text("a file")
    with pytest.raises(OutputError, match=r"b\.bin: cannot be written"):
        write_atomic(tmp_path / "a" / name, b"x")
    assert _names(tmp_path) == ["a"]


def test_a_name_that_is_too_long_is_an_output_error(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot be written"):
        write_atomic(tmp_path / ("a" * 300), b"x")
    assert _names(tmp_path) == []


def test_a_png_chunk_that_states_a_gigabyte_is_refused_before_it_is_decoded(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.png"
    Image.fromarray(np.zeros((80, 100, 3), np.uint8)).save(path)
    data = path.read_bytes()
    at = data.index(b"IDAT") - 4
    path.write_bytes(data[:at] + (1_174_405_240).to_bytes(4, "big") + data[at + 4 :])
    with pytest.raises(DataError, match="is truncated"):
        read(path)
