"""The page's files, read once."""

from __future__ import annotations

from importlib.resources import files

_TYPES = {
    "html": "text/html; charset=utf-8",
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
}


def page_files() -> dict[str, tuple[bytes, str]]:
    """File name -> its bytes and media type."""
    folder = files("smearprep.serving").joinpath("page")
    named = {file.name: file for file in folder.iterdir() if file.name.rpartition(".")[2] in _TYPES}
    return {name: (file.read_bytes(), _TYPES[name.rpartition(".")[2]]) for name, file in named.items()}
