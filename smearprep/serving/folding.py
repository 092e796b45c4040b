"""Edits folded into the set's files after a quiet moment, while requests go on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from smearprep.errors import SmearprepError

QUIET_S = 2.0
_RETRY_S = 10.0


class Folding:
    """A thread that folds after a quiet moment.

    That it fails, for example for a full disk, loses nothing, for the journal has the edits: it is told,
    and tried again.

    Args:
        fold: What to do.
        say: Shows a line to the person at the terminal.
        quiet_s: Seconds without an edit after which to do it.
    """

    def __init__(
        self, fold: Callable[[], None], say: Callable[[str], None], quiet_s: float = QUIET_S
    ) -> None:
        self._fold = fold
        self._say = say
        self._quiet_s = quiet_s
        self._changed = threading.Condition()
        self._due: float | None = None
        self._is_ended = False
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="folding", daemon=True)
        self._thread.start()

    def touch(self) -> None:
        """Something was edited."""
        self._set(self._quiet_s)

    def now(self) -> None:
        """Fold before returning.

        Raises:
            OutputError: The files cannot be written; it is tried again later.
        """
        self._set(None)
        try:
            self._fold()
        except SmearprepError:
            self._set(_RETRY_S)
            raise

    def close(self) -> None:
        """End the thread; what is due is left to whoever ends the session."""
        with self._changed:
            self._is_ended = True
            self._changed.notify()
        self._thread.join()

    def _set(self, wait_s: float | None) -> None:
        with self._changed:
            self._due = None if wait_s is None else time.monotonic() + wait_s
            self._changed.notify()

    def _run(self) -> None:
        while self._wait():
            try:
                self._fold()
                self._told = ""
            except Exception as error:  # whatever it is: edits go on, and stay in the journal
                self._tell(error)
                self._set(_RETRY_S)

    def _wait(self) -> bool:
        """Wait until folding is due; False at the end."""
        with self._changed:
            while not self._is_ended:
                left = None if self._due is None else self._due - time.monotonic()
                if left is not None and left <= 0:
                    self._due = None
                    return True
                self._changed.wait(left)
            return False

    def _tell(self, error: Exception) -> None:
        """Say once that it fails, not every time it is tried."""
        what = str(error) if isinstance(error, SmearprepError) else f"a fault of smearprep ({error!r})"
        if what != self._told:
            self._say(f"not yet written to the set's files: {what}. No edit is lost; it is tried again.")
            self._told = what
