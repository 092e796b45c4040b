"""Training from a set to weights: interrupted or not, the result is the same."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from smearprep.errors import DataError, OutputError, RecipeError, TrainingError
from smearprep.models import engine, zoo
from smearprep.models.hardware import Hardware
from smearprep.models.recipes import LOSS_NAMES, Phase, load_training, parse_training, shipped_trainings
from smearprep.models.runs import build_network, load_network, read_run
from smearprep.models.semantic import losses
from smearprep.models.training import train
from tests.models.tiny import (  # noqa: F401 - tiny is a fixture
    OWN,
    StopError,
    files,
    recipe,
    stopping,
    tiny,
    with_phases,
    write_set,
)

pytestmark = pytest.mark.usefixtures("tiny")
CPU = Hardware(device="cpu", precision="float32")
TWO = (
    Phase(epochs=2, heads=("mask",), learning_rate=1e-2),
    Phase(epochs=3, freeze=("mask",), images="drawn", learning_rate=1e-2, schedule="cosine"),
)


def test_it_learns_discs(tmp_path):
    summary = train(
        recipe(phases=(Phase(epochs=12, learning_rate=2e-2),)), write_set(tmp_path / "set"), tmp_path / "run",
        hardware=CPU,
    )  # fmt: skip
    (best,) = summary.tables["best weights"]
    assert best["val mask iou"] > 0.8
    assert summary.counts["train_images"] == 4 and summary.counts["val_cells"] == 6
    run = read_run(tmp_path / "run")
    assert (run.status, run.category) == ("finished", "RBC")
    assert not (tmp_path / "run" / ".state").exists()
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()
    assert len(rows) == 13 and rows[0].startswith("phase,epoch,train_loss,")
    assert (tmp_path / "run" / "curves.png").read_bytes().startswith(b"\x89PNG")


def test_the_same_again_gives_the_same_bytes_and_a_finished_run_is_left_alone(tmp_path):
    folder = write_set(tmp_path / "set")
    wanted = recipe(samples_every=2)
    for name in ("a", "b"):
        train(wanted, folder, tmp_path / name, hardware=CPU)
    assert files(tmp_path / "a") == files(tmp_path / "b")
    assert "samples/phase1_epoch0002.png" in files(tmp_path / "a")
    again = train(wanted, folder, tmp_path / "a", hardware=CPU)
    assert "had ended already" in again.findings[-1].what
    assert files(tmp_path / "a") == files(tmp_path / "b")


@pytest.mark.parametrize("after", [1, 3, 6, 9, 13, 17])
def test_a_killed_training_goes_on_to_the_same_weights(tmp_path, after):
    folder, wanted = write_set(tmp_path / "set"), with_phases(*TWO)
    train(wanted, folder, tmp_path / "whole", hardware=CPU)
    with pytest.raises(StopError):
        train(wanted, folder, tmp_path / "cut", hardware=CPU, progress=stopping(after))
    assert read_run(tmp_path / "cut").status == "running"
    train(wanted, folder, tmp_path / "cut", hardware=CPU)
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_a_frozen_output_keeps_its_layer_and_a_head_that_is_not_learned_too(tmp_path):
    folder = write_set(tmp_path / "set")
    train(with_phases(TWO[0]), folder, tmp_path / "one", hardware=CPU)
    train(with_phases(*TWO), folder, tmp_path / "two", hardware=CPU)
    one, two = (load_file(tmp_path / name / "best.safetensors") for name in ("one", "two"))
    mask = [key for key in one if key.startswith("heads.") and "mask" in key]
    edge = [key for key in one if key.startswith("heads.") and "edge" in key]
    assert mask and all(torch.equal(one[key], two[key]) for key in mask)
    assert edge and not any(torch.equal(one[key], two[key]) for key in edge)
    with torch.random.fork_rng():
        torch.manual_seed(0)
        fresh = build_network(read_run(tmp_path / "one").recipe, ["RBC"]).state_dict()
    assert all(torch.equal(one[key], fresh[key]) for key in edge)


def test_ctrl_c_leaves_weights_that_can_be_used_and_the_same_command_goes_on(tmp_path):
    folder, wanted = write_set(tmp_path / "set"), recipe()
    train(wanted, folder, tmp_path / "whole", hardware=CPU)
    before = signal.getsignal(signal.SIGINT)

    def progress(done, total):
        if done == 2:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(wanted, folder, tmp_path / "cut", hardware=CPU, progress=progress)
    assert signal.getsignal(signal.SIGINT) == before
    run = read_run(tmp_path / "cut")
    assert run.status == "interrupted"
    load_network(run)
    train(wanted, folder, tmp_path / "cut", hardware=CPU)
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


def test_early_stopping_ends_a_phase(tmp_path):
    stopped = recipe(phases=(Phase(epochs=40, learning_rate=1e-9, patience=2),))
    train(stopped, write_set(tmp_path / "set"), tmp_path / "run", hardware=CPU)
    rows = (tmp_path / "run" / "log.csv").read_text().splitlines()[1:]
    scores = [float(row.split(",")[-1]) for row in rows]
    assert len(rows) < 40
    assert scores.index(max(scores)) == len(scores) - 3


def test_a_loss_that_is_no_number_stops_with_the_batch_named(tmp_path, monkeypatch):
    from smearprep.models.semantic.training import SemanticTraining

    real, calls = SemanticTraining.batch_loss, []

    def broken(self, batch):
        calls.append(batch)
        return real(self, batch) * (float("nan") if len(calls) == 6 else 1)

    monkeypatch.setattr(SemanticTraining, "batch_loss", broken)
    with pytest.raises(TrainingError, match=r"nan in epoch 2, batch 2 \(prepared/images/train/train\d.png"):
        train(recipe(), write_set(tmp_path / "set"), tmp_path / "run", hardware=CPU)
    load_network(read_run(tmp_path / "run"))


def test_a_full_disk_stops_it_and_it_goes_on_when_there_is_room(tmp_path, monkeypatch):
    folder = write_set(tmp_path / "set")
    train(recipe(), folder, tmp_path / "whole", hardware=CPU)
    real, left = os.replace, [7]

    def full(*arguments, **how):
        left[0] -= 1
        if left[0] < 0:
            raise OSError(28, "No space left on device")
        return real(*arguments, **how)

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(OutputError, match="No space left on device"):
        train(recipe(), folder, tmp_path / "cut", hardware=CPU)
    monkeypatch.undo()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(zoo, "NETWORKS", {**zoo.NETWORKS, **OWN})
        train(recipe(), folder, tmp_path / "cut", hardware=CPU)
    assert files(tmp_path / "cut") == files(tmp_path / "whole")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"outline": "box"}, "of 12 RBC cells in 4 images only a box is known"),
        ({"outline": "component"}, "learns the edges of cells, but no outline of RBC was drawn"),
        ({"label": "WBC"}, "has no category 'RBC'. It has WBC"),
    ],
)
def test_a_set_without_what_is_learned_is_refused(tmp_path, change, said):
    folder = write_set(tmp_path / "set", counts=(("train", 4),), **change)
    with pytest.raises(RecipeError, match=said):
        train(recipe(category="RBC"), folder, tmp_path / "run", hardware=CPU)
    assert not (tmp_path / "run").exists()


def test_a_mask_can_be_learned_from_class_masks(tmp_path):
    folder = write_set(tmp_path / "set", outline="component")
    summary = train(recipe("tiny-mask"), folder, tmp_path / "run", hardware=CPU)
    assert summary.tables["best weights"][0]["val mask dice"] > 0


def test_images_smaller_than_a_chip_are_padded_and_said(tmp_path):
    folder = write_set(tmp_path / "set", size=(90, 31))
    summary = train(recipe(), folder, tmp_path / "run", hardware=CPU)
    assert "6 images are smaller than the 32 px" in summary.findings[0].what


def test_without_validation_the_last_weights_are_the_best(tmp_path):
    folder = write_set(tmp_path / "set", counts=(("train", 2),))
    summary = train(recipe(), folder, tmp_path / "run", hardware=CPU)
    assert "no validation subset" in summary.findings[0].what
    written = files(tmp_path / "run")
    assert written["best.safetensors"] == written["last.safetensors"]


def test_a_folder_with_something_else_is_not_written_to(tmp_path):
    folder = write_set(tmp_path / "set")
    train(recipe(), folder, tmp_path / "run", hardware=CPU)
    before = files(tmp_path / "run")
    with pytest.raises(OutputError, match="another recipe or other data"):
        train(recipe(seed=1), folder, tmp_path / "run", hardware=CPU)
    assert files(tmp_path / "run") == before
    (tmp_path / "run" / "mine.txt").write_text("mine")
    train(recipe(seed=1), folder, tmp_path / "run", hardware=CPU, force=True)
    assert (tmp_path / "run" / "mine.txt").read_text() == "mine"
    with pytest.raises(OutputError, match="is no run"):
        train(recipe(), folder, folder, hardware=CPU)


@pytest.mark.parametrize(
    ("damage", "said"),
    [
        (lambda path: path.write_bytes(path.read_bytes()[:-9]), "is damaged"),
        (lambda path: path.write_bytes(b"\x80\x04pickle"), "is no safetensors file"),
        (lambda path: path.unlink(), "is not there"),
    ],
)
def test_damaged_weights_are_named(tmp_path, damage, said):
    train(recipe(), write_set(tmp_path / "set"), tmp_path / "run", hardware=CPU)
    for name in ("best", "last"):
        damage(tmp_path / "run" / f"{name}.safetensors")
    with pytest.raises(DataError, match=said):
        load_network(read_run(tmp_path / "run"))


def test_weights_of_another_network_are_refused(tmp_path):
    folder = write_set(tmp_path / "set")
    train(recipe(), folder, tmp_path / "a", hardware=CPU)
    train(recipe("tiny-mask"), folder, tmp_path / "b", hardware=CPU)
    (tmp_path / "b" / "best.safetensors").write_bytes((tmp_path / "a" / "best.safetensors").read_bytes())
    with pytest.raises(DataError, match="which tiny-mask does not have"):
        load_network(read_run(tmp_path / "b"))
    (tmp_path / "a" / "best.safetensors").write_bytes((tmp_path / "b" / "last.safetensors").read_bytes())
    with pytest.raises(DataError, match="of another network than tiny"):
        load_network(read_run(tmp_path / "a"))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "broken JSON"),
        ("{}", "is not as"),
        ('{"recipe": {"name": "x", "network": "unet"}, "categories": []}', "is not as"),
        ('{"recipe": {"name": "x", "network": "y"}, "categories": ["WBC"]}', "not known"),
    ],
)
def test_a_broken_run_file_is_named(tmp_path, text, said):
    (tmp_path / "run.json").write_text(text)
    with pytest.raises(DataError, match=said):
        read_run(tmp_path)


def test_no_pickle_is_read_from_a_checkpoint(tmp_path):
    folder, wanted = write_set(tmp_path / "set"), recipe()
    with pytest.raises(StopError):
        train(wanted, folder, tmp_path / "run", hardware=CPU, progress=stopping(6))
    ran = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (Path.touch, (ran,))

    torch.save({"state_dict": Evil()}, tmp_path / "run" / ".state" / "phase1.ckpt")
    with pytest.raises(DataError, match=r"phase1\.ckpt: is damaged"):
        train(wanted, folder, tmp_path / "run", hardware=CPU)
    assert not ran.exists()


def test_the_shipped_recipes_are_sound_and_round_trip():
    assert {"red-cells", "white-cells", "platelets"} <= set(shipped_trainings())
    for name in shipped_trainings():
        loaded = load_training(name)
        assert parse_training(json.dumps(json.loads(json.dumps(loaded.as_dict()))), "x") == loaded


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("network: unett", "did you mean 'unet'"),
        ("network: unet\nlos: bce", "did you mean 'loss'"),
        ("network: unet\nphases: [{epoch: 3}]", "did you mean 'epochs'"),
        ("network: unet\nphases: [{heads: [edge]}]", "has no output 'edge'"),
        ("network: unet\nphases: [{loss_weights: {mask: 0}}]", "learns nothing"),
        ("network: unet\nbatch: 9\nchips: 8", "do not fill a batch"),
        ("network: do-unet\nloss: {mask: bce}", "name that of the output edge"),
        ("network: unet\nphases: 3", "phases"),
        ("network: unet\nloss: bce + dise", "choose of tversky, focal_tversky, dice, bce, mse, or a sum"),
    ],
)
def test_recipe_mistakes_are_named(text, said):
    with pytest.raises(RecipeError, match=said):
        parse_training(text, "mine.yaml")


def test_the_losses_that_recipes_may_name_are_there():
    assert set(LOSS_NAMES) == set(losses.LOSSES)


def test_precision_16_bit_gives_the_same_bytes_too(tmp_path):
    folder = write_set(tmp_path / "set")
    for name in ("a", "b"):
        train(recipe(), folder, tmp_path / name, hardware=Hardware(device="cpu", precision="bf16"))
    assert files(tmp_path / "a") == files(tmp_path / "b")


DDP = """
import sys
from pathlib import Path
from tests.models import tiny
from smearprep.models import zoo
from smearprep.models.hardware import Hardware
from smearprep.models.semantic import losses
from smearprep.models.training import train
zoo.NETWORKS = {**zoo.NETWORKS, **tiny.OWN}
if __name__ == "__main__":
    train(tiny.recipe("tiny-plain"), Path(sys.argv[1]), Path(sys.argv[2]),
          hardware=Hardware(device="cpu", precision="float32", devices=2))
"""


def test_two_processes_learn_together(tmp_path):
    # Without batch normalisation, whose statistics on CPUs are each process's own.
    folder = write_set(tmp_path / "set")
    script = tmp_path / "ddp.py"
    script.write_text(DDP)
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": str(root), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, str(script), str(folder), str(tmp_path / "two")],
        env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=240, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    train(recipe("tiny-plain"), folder, tmp_path / "one", hardware=CPU)
    one, two = (load_file(tmp_path / name / "last.safetensors") for name in ("one", "two"))
    assert one.keys() == two.keys()
    for key in one:
        np.testing.assert_allclose(one[key].numpy(), two[key].numpy(), rtol=1e-3, atol=1e-4, err_msg=key)


def test_the_hardware_that_is_not_there_is_said():
    with pytest.raises(RecipeError, match="device cuda: this computer"):
        _ = Hardware(device="cuda").kind
    assert engine.History().best is None


def test_more_devices_than_there_are_or_than_a_batch_can_be_shared_out_to_are_refused(tmp_path, monkeypatch):
    with pytest.raises(RecipeError, match="a batch of 4 cannot be shared out evenly to 3 devices"):
        train(recipe(), tmp_path, tmp_path / "run", hardware=Hardware(device="cpu", devices=3))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    assert Hardware().kind == Hardware(device="auto").kind == "cuda"
    for device in ("auto", "cuda"):
        with pytest.raises(RecipeError, match="2 devices: this computer has 1 of kind cuda"):
            _ = Hardware(device=device, devices=2).kind
