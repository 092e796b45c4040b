"""The training of any bundled network: epochs, checkpoints, resuming, early stopping, the run folder's files.

Lightning runs the loop. What a family of networks brings is a `TrainingModule`; the rest is the same for all.
"""

from __future__ import annotations

import io
import logging
import math
import pickle
import signal
import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lightning
import torch

from smearprep.errors import DataError, OutputError, TrainingError
from smearprep.images import encode, write_atomic
from smearprep.jsonfiles import read_json, write_json
from smearprep.models.curves import curves_png, rows_to_csv
from smearprep.models.hardware import Hardware
from smearprep.models.modules import TrainingModule
from smearprep.models.runs import STATE, load_weights, save_weights

Row = dict[str, Any]
"""One validation: "phase", "epoch", "train_loss", and what the module found."""

_CHECKPOINT_EVERY = 20.0
"""Seconds, at least, from one checkpoint to the next: so much work a kill may cost, and short epochs are not
spent on writing. Which epochs have one changes no result."""


@dataclass
class History:
    """What a training has found so far, over all its phases.

    Args:
        rows: One a validation.
        best: The row of the best weights of the current phase, or None.
    """

    rows: list[Row] = field(default_factory=list)
    best: Row | None = None

    def of_phase(self, phase: int) -> list[Row]:
        """The rows of one phase."""
        return [row for row in self.rows if row["phase"] == phase]


@dataclass(frozen=True)
class PhaseJob:
    """One phase of a training.

    Args:
        folder: The run's.
        number: 1, 2, ...
        epochs: At most so many.
        patience: End after so many validations without a better score; 0: never.
        validate_every: Epochs from one validation to the next.
        samples_every: Epochs from one picture to the next, drawn at validations; 0: none.
        progress: Told of steps done, of all.
        steps_before: Steps of earlier phases.
        steps_in_all: Steps of all phases.
    """

    folder: Path
    number: int
    epochs: int
    patience: int
    validate_every: int
    samples_every: int
    progress: Callable[[int, int], None] | None
    steps_before: int
    steps_in_all: int

    def wants_picture(self, epoch: int) -> bool:
        """True for the first validation at or after every `samples_every` epochs, and for the last."""
        if not self.samples_every:
            return False
        before = (epoch - 1) // self.validate_every * self.validate_every  # the validation before this one
        return epoch // self.samples_every > before // self.samples_every or epoch == self.epochs

    @property
    def checkpoint(self) -> Path:
        """Where the state of the phase lies while it runs."""
        return self.folder / STATE / f"phase{self.number}.ckpt"

    @property
    def weights(self) -> Path:
        """Where the phase's best weights lie when it has ended."""
        return self.folder / STATE / f"phase{self.number}.safetensors"

    @property
    def rows(self) -> Path:
        """Where the history lies when the phase has ended."""
        return self.folder / STATE / f"phase{self.number}.json"


class _Record(lightning.Callback):
    """After an epoch: validate, and write what is to be kept; the checkpoint last: it has it all."""

    def __init__(self, job: PhaseJob, history: History) -> None:
        self._job = job
        self._history = history
        self._written = -math.inf  # when the last checkpoint was, on the clock of this process

    def state_dict(self) -> dict[str, Any]:
        """What a resumed training needs of the history."""
        return {"rows": self._history.rows, "best": self._history.best}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take it back."""
        self._history.rows[:] = state_dict["rows"]
        self._history.best = state_dict["best"]

    def on_train_batch_end(
        self, trainer: Any, pl_module: Any, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Tell the progress."""
        if self._job.progress and trainer.is_global_zero:
            self._job.progress(self._job.steps_before + trainer.global_step, self._job.steps_in_all)

    def on_train_epoch_end(self, trainer: Any, pl_module: Any) -> None:
        """Validate, write, decide whether to go on."""
        epoch, job = trainer.current_epoch + 1, self._job
        loss = pl_module.mean_loss(trainer.num_training_batches)
        if epoch % job.validate_every == 0 or epoch == job.epochs:
            if trainer.is_global_zero:
                self._note(epoch, loss, pl_module)
            trainer.should_stop = trainer.strategy.broadcast(self._is_stale())
        due = time.monotonic() >= self._written + _CHECKPOINT_EVERY
        if trainer.strategy.broadcast(due):  # the first process decides
            write_checkpoint(trainer, job.checkpoint)
            self._written = time.monotonic()

    def _note(self, epoch: int, loss: float, module: TrainingModule) -> None:
        """Validate; write weights, log and pictures."""
        job, history = self._job, self._history
        with _evaluating(module):
            row: Row = {"phase": job.number, "epoch": epoch, "train_loss": loss, **module.validate()}
            picture = module.picture() if job.wants_picture(epoch) else None
        history.rows.append(row)
        if history.best is None or row.get("score", epoch) > history.best.get("score", history.best["epoch"]):
            history.best = row
            save_weights(job.folder / "best.safetensors", module.kept)
        save_weights(job.folder / "last.safetensors", module.kept)
        write_atomic(job.folder / "log.csv", rows_to_csv(history.rows))
        if picture is not None:
            write_atomic(
                job.folder / "samples" / f"phase{job.number}_epoch{epoch:04d}.png", encode(picture, "png")
            )
            write_atomic(job.folder / "curves.png", curves_png(history.rows))

    def _is_stale(self) -> bool:
        """True if early stopping ends the phase."""
        own, best = self._history.of_phase(self._job.number), self._history.best
        return bool(self._job.patience and best and len(own) - 1 - own.index(best) >= self._job.patience)

    def on_exception(self, trainer: Any, pl_module: Any, exception: BaseException) -> None:
        """Keep the weights of a training that was interrupted before it could keep any."""
        last = self._job.folder / "last.safetensors"
        if isinstance(exception, KeyboardInterrupt) and trainer.is_global_zero and not last.is_file():
            save_weights(last, pl_module.kept)


@contextmanager
def _evaluating(module: TrainingModule) -> Iterator[None]:
    """The network as it is used, without gradients; then in training again."""
    module.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        module.train()


def write_checkpoint(trainer: Any, path: Path) -> None:
    """Write Lightning's checkpoint, atomically.

    Raises:
        OutputError: It cannot be written.
    """
    state = trainer._checkpoint_connector.dump_checkpoint()
    if trainer.is_global_zero:
        data = io.BytesIO()
        torch.save(state, data)
        write_atomic(path, data.getvalue())
    trainer.strategy.barrier()


def _check_checkpoint(path: Path) -> None:
    """Refuse a checkpoint that cannot be read without unpickling anything but tensors and plain values.

    Raises:
        DataError: It cannot.
    """
    try:
        torch.load(path, map_location="meta", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, OSError, ValueError) as error:
        first = str(error).partition("\n")[0]
        raise DataError(path, f"is damaged ({first}); remove it, and the phase begins anew") from None


class _EveryEpoch:
    """Batches of whichever epoch it is: what Lightning takes for a data loader."""

    def __init__(self, module: TrainingModule) -> None:
        self._module = module

    def __len__(self) -> int:
        return len(self._module.batches())

    def __iter__(self) -> Iterator[Any]:
        return iter(self._module.batches())


def run_phase(module: TrainingModule, job: PhaseJob, history: History, hardware: Hardware) -> None:
    """Train for one phase, going on where an earlier process was stopped.

    The module ends with the best weights of the phase.

    Args:
        module: What is trained. It is changed.
        job: How long, and where to.
        history: What earlier phases found; that of this phase is added.
        hardware: On what.

    Raises:
        KeyboardInterrupt: The user interrupted it; what was reached is kept.
        TrainingError: A loss is no number.
        OutputError: The run folder cannot be written.
    """
    if job.checkpoint.is_file():
        _check_checkpoint(job.checkpoint)
    if job.weights.is_file() and job.rows.is_file():  # ended in an earlier process
        load_weights(job.weights, module.network, "this run")
        found = read_json(job.rows)
        history.rows[:], history.best = found["rows"], found["best"]
        return
    history.best = None
    with _quiet():
        trainer = _trainer(job, history, hardware)
        trainer.fit(
            module,
            train_dataloaders=_EveryEpoch(module),
            ckpt_path=job.checkpoint if job.checkpoint.is_file() else None,
            weights_only=True,
        )
    best = job.folder / "best.safetensors"
    load_weights(best, module.network, "this run")
    if trainer.is_global_zero:
        write_json(job.rows, {"rows": history.rows, "best": history.best})
        save_weights(job.weights, module.network)
        write_atomic(job.folder / "curves.png", curves_png(history.rows))
        job.checkpoint.unlink(missing_ok=True)


def _trainer(job: PhaseJob, history: History, hardware: Hardware) -> lightning.Trainer:
    several = hardware.devices > 1
    return lightning.Trainer(
        accelerator=hardware.kind,
        devices=hardware.devices,
        strategy="ddp" if several else "auto",
        precision="bf16-mixed" if hardware.autocast is torch.bfloat16 else "32-true",
        max_epochs=job.epochs,
        callbacks=[_Record(job, history)],
        default_root_dir=job.folder / STATE,
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        use_distributed_sampler=False,
        sync_batchnorm=several and hardware.kind == "cuda",  # torch has none for the CPU
        num_sanity_val_steps=0,
        limit_val_batches=0,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Lightning's advice for programmers, and without its ending the process at Ctrl-C."""
    loggers: Sequence[logging.Logger] = [
        logging.getLogger(name) for name in ("lightning.pytorch", "lightning.fabric", "lightning")
    ]
    levels = [logger.level for logger in loggers]
    handler = signal.getsignal(signal.SIGINT)
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module=r"lightning\..*")
            warnings.filterwarnings("ignore", module=r"torch\..*")
            yield
    except SystemExit:
        raise KeyboardInterrupt from None
    except torch.OutOfMemoryError as error:
        raise TrainingError(f"the device has too little memory ({error}); use smaller batches") from None
    except OSError as error:
        raise OutputError(f"the run cannot be written ({error.strerror or error})") from None
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
        with suppress(ValueError, TypeError):  # not in the main thread, or a handler that Python did not set
            signal.signal(signal.SIGINT, handler)
