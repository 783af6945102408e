import pytest
import torch
from lightning.pytorch.callbacks import ModelCheckpoint

from mien.errors import OutputError, WeightsError
from mien.training.checkpoint_callbacks import MovableCheckpoint, WholeCheckpoints
from mien.training.checkpoints import read_checkpoint, write_checkpoint
from mien.training.weights_file import how_trained, write_weights

LARGE = {"a": torch.zeros(30_000)}


def test_a_full_disk_leaves_the_checkpoint_before(tmp_path, full_disk):
    path = tmp_path / "checkpoints" / "last.ckpt"
    WholeCheckpoints().save_checkpoint({"epoch": 1, "a": torch.ones(2)}, path)
    with full_disk(), pytest.raises(OutputError, match=r"last\.ckpt: cannot be written \(File too large\)"):
        WholeCheckpoints().save_checkpoint({"epoch": 2, **LARGE}, path)
    found = WholeCheckpoints().load_checkpoint(path)
    assert found["epoch"] == 1
    assert found["a"].tolist() == [1, 1]
    assert [each.name for each in path.parent.iterdir()] == ["last.ckpt"]


def test_a_full_disk_leaves_the_weights_before(tmp_path, full_disk):
    path = tmp_path / "best.safetensors"
    write_weights(path, {"a": torch.ones(2)}, trained="once")
    with full_disk(), pytest.raises(OutputError, match=r"best\.safetensors: cannot be written .*make room"):
        write_weights(path, LARGE, trained="twice")
    assert how_trained(path) == "once"
    assert [each.name for each in tmp_path.iterdir()] == ["best.safetensors"]


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 and no more", b"junk" * 1000, None])
def test_a_damaged_checkpoint_is_one_line(tmp_path, content):
    path = tmp_path / "last.ckpt"
    write_checkpoint(LARGE, path)
    path.write_bytes(path.read_bytes()[:60_000] if content is None else content)
    with pytest.raises(WeightsError, match=r"last\.ckpt: is no checkpoint .*\(damaged\).*to begin anew") as caught:
        read_checkpoint(path)
    assert "\n" not in str(caught.value)
    with pytest.raises(WeightsError, match=r"No such file"):
        read_checkpoint(tmp_path / "best.ckpt")


def test_the_state_of_lightnings_own_class_is_taken_over(tmp_path):
    """Checkpoints of earlier versions have it under that class's name."""
    for settings in ({"monitor": "validation/score", "mode": "max"}, {"every_n_epochs": 1}):
        own, other = (kind(dirpath=tmp_path, **settings) for kind in (MovableCheckpoint, ModelCheckpoint))
        assert own.state_key == other.state_key


def test_files_are_found_where_the_folder_is_now(tmp_path):
    there, here = (MovableCheckpoint(dirpath=tmp_path / name, monitor="a") for name in ("there", "here"))
    best = str(tmp_path / "there" / "best.ckpt")
    there.best_model_path = there.kth_best_model_path = best
    there.best_model_score = torch.tensor(0.5)
    there.best_k_models = {best: torch.tensor(0.5)}
    here.load_state_dict(there.state_dict())
    moved = str(tmp_path / "here" / "best.ckpt")
    assert (here.best_model_path, here.kth_best_model_path, here.last_model_path) == (moved, moved, "")
    assert here.best_k_models == {moved: torch.tensor(0.5)}
    assert here.best_model_score == 0.5
