"""Checkpoints: written whole or not at all, and still those of the run when its folder has been moved."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins import TorchCheckpointIO

from mien.errors import WeightsError
from mien.files import written_whole


class WholeCheckpoints(TorchCheckpointIO):
    """Lightning's checkpoint files, of which a full disk leaves the one before.

    Lightning's own way is a file in the temporary folder that is moved afterwards; to another filesystem that is a copy
    over the one before.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write a checkpoint.

        Raises:
            OutputError: it cannot be written.
        """
        write_checkpoint(checkpoint, Path(path))

    def load_checkpoint(self, path: str | Path, *args: Any, **options: Any) -> dict[str, Any]:
        """Read a checkpoint.

        Raises:
            WeightsError: it is damaged or missing.
        """
        return read_checkpoint(Path(path))


class MovableCheckpoint(ModelCheckpoint):
    """Keeps the best or the last epoch; what it knows of them goes along when the folder of the run is moved."""

    @property
    def state_key(self) -> str:
        """Lightning's key of its own class, under which checkpoints of earlier versions have the state."""
        return ModelCheckpoint.__qualname__ + super().state_key.removeprefix(type(self).__qualname__)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Take over the state, with its files where the folder is now: Lightning forgets those of another folder."""
        paths = ("best_model_path", "kth_best_model_path", "last_model_path")
        here = {name: self._here(state_dict[name]) for name in paths if name in state_dict}
        best = {self._here(path): score for path, score in state_dict.get("best_k_models", {}).items()}
        super().load_state_dict(state_dict | here | {"dirpath": self.dirpath, "best_k_models": best})

    def _here(self, path: str) -> str:
        return str(Path(self.dirpath or "") / Path(path).name) if path else ""


def write_checkpoint(content: Mapping[str, Any], path: Path) -> None:
    """Write what `torch.save` can, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    packed = BytesIO()  # PyTorch's own writer says no reason where the disk is full
    torch.save(content, packed)
    with written_whole(path) as temporary:
        temporary.write_bytes(packed.getbuffer())


def read_checkpoint(path: Path) -> dict[str, Any]:
    """Read a checkpoint of a run, with its tensors on the CPU.

    Raises:
        WeightsError: it is damaged or missing.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError, KeyError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.filename else "damaged"
        raise WeightsError(
            f"{path}: is no checkpoint that can be read ({reason}); put another one in its place, or delete the folder "
            f"{path.parent} to begin anew"
        ) from error
    return content
