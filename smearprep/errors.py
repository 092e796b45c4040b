"""The errors a user can meet. Each message says what was found, in which file, and what to do."""

from __future__ import annotations

from pathlib import Path


class SmearprepError(Exception):
    """Base of every error smearprep raises on purpose; the command line prints it without a traceback."""


class DataError(SmearprepError):
    """One file cannot be used: truncated image, broken JSON, an entry that makes no sense.

    Args:
        file: The file that was read.
        what: What was found in it, and what to do.
    """

    def __init__(self, file: Path | str, what: str) -> None:
        super().__init__(f"{file}: {what}")
        self.file = str(file)
        self.what = what

    def __reduce__(self) -> tuple[type[DataError], tuple[str, str]]:
        """Survive the trip back from a worker process (the default replays only the joined message)."""
        return type(self), (self.file, self.what)


class LayoutError(SmearprepError):
    """A folder is empty, or is in none of the layouts that are read; the message says what was looked for."""


class RecipeError(SmearprepError):
    """A recipe or an option has a value that cannot be used."""


class OutputError(SmearprepError):
    """The output folder cannot be written, or holds the result of another recipe."""


class GeometryError(SmearprepError):
    """A record was built with impossible numbers, for example a window without area."""


class TrainingError(SmearprepError):
    """A training cannot go on, for example because its loss is no number any more."""
