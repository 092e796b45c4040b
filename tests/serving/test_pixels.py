"""Images come as the cells lie on them: as they are where browsers show them so, else made anew."""

import io
import shutil

import numpy as np
import pytest
from PIL import Image

from smearprep.errors import DataError
from smearprep.images import read
from smearprep.serving.pixels import Pixels
from tests.sets import noise

SIZE = (60, 40)
RGB = noise(SIZE)
GREY = RGB[..., 0]


def written(path, mode="RGB", **how):
    """A noise image of a kind."""
    image = (
        Image.fromarray(RGB).convert(mode)
        if mode != "I;16"
        else Image.fromarray(GREY.astype(np.uint16) * 257)
    )
    image.save(path, **how)
    return path


def shown(answer):
    """What a browser shows that knows nothing of EXIF, on a white page."""
    with Image.open(io.BytesIO(answer.body)) as image:
        return np.asarray(image.convert("RGB"))


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


@pytest.mark.parametrize(
    ("name", "mode", "kind"),
    [
        ("a.jpg", "RGB", "image/jpeg"),
        ("a.jpg", "L", "image/jpeg"),
        ("a.png", "RGB", "image/png"),
        ("a.png", "L", "image/png"),
        ("a.png", "1", "image/png"),
    ],
)
def test_as_they_are(tmp_path, name, mode, kind):
    path = written(tmp_path / name, mode)
    answer = Pixels().answer(path, lambda: SIZE)
    assert answer.body == path.read_bytes() and answer.media_type == kind


@pytest.mark.parametrize(
    ("name", "mode", "how"),
    [
        ("a.tif", "RGB", {}),
        ("a.tif", "I;16", {}),
        ("a.png", "I;16", {}),
        ("a.png", "RGBA", {}),
        ("a.png", "P", {}),
        ("a.png", "RGB", {"transparency": (0, 0, 0)}),
        ("a.bmp", "RGB", {}),
        ("a.jpg", "CMYK", {}),
        ("a.webp", "RGB", {"lossless": True}),
    ],
    ids=str,
)
def test_made_anew(tmp_path, name, mode, how):
    path = written(tmp_path / name, mode, **how)
    answer = Pixels().answer(path, lambda: SIZE)
    assert answer.media_type == "image/png"
    assert np.array_equal(shown(answer), read(path))
    with Image.open(io.BytesIO(answer.body)) as image:
        assert image.mode == "RGB" and "transparency" not in image.info


@pytest.mark.parametrize("orientation", range(2, 9))
@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_in_the_frame_of_the_cells(tmp_path, name, orientation):
    path = written(tmp_path / name, exif=exif(orientation))
    stored = Pixels().answer(path, lambda: SIZE)
    assert np.array_equal(shown(stored), read(path, oriented=False))
    if orientation >= 5:
        assert np.array_equal(shown(Pixels().answer(path, lambda: SIZE[::-1])), read(path, oriented=True))


def test_an_image_that_is_changed_is_read_again(tmp_path):
    pixels = Pixels()
    path = written(tmp_path / "a.bmp")
    first = pixels.answer(path, lambda: SIZE).body
    assert pixels.answer(path, lambda: SIZE).body is first
    Image.fromarray(255 - RGB[:, :50]).save(path)
    assert pixels.answer(path, lambda: (50, 40)).body != first


def test_only_the_last_few_are_kept(tmp_path):
    pixels = Pixels()
    paths = [written(tmp_path / f"{k}.bmp") for k in range(6)]
    first = [pixels.answer(path, lambda: SIZE).body for path in paths]
    again = [pixels.answer(path, lambda: SIZE).body for path in reversed(paths)]
    assert sum(one is other for one, other in zip(first, again[::-1], strict=True)) == 4
    assert first == again[::-1]


@pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif"])
def test_files_that_are_no_images(tmp_path, name):
    path = written(tmp_path / name)
    whole = path.read_bytes()
    for data in (b"", b"no image", whole[: len(whole) // 2]):
        path.write_bytes(data)
        with pytest.raises(DataError):
            Pixels().answer(path, lambda: SIZE)
    path.unlink()
    with pytest.raises(DataError, match="is not there"):
        Pixels().answer(path, lambda: SIZE)


def test_an_image_that_was_taken_away(site):
    first, second, _ = site.names
    image = site.session.path_of(first)
    shutil.move(image, site.folder / "away.png")
    answer = site.client.get("/api/pixels", {"key": first})
    assert answer.status == 422 and answer.error == f"{image.name}: is not there"
    assert site.client.get("/api/pixels", {"key": second}).headers["content-type"] == "image/png"
