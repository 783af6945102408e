"""Lightning's checkpoints: written whole or not at all, and still those of the run when its folder has been moved."""

from pathlib import Path
from typing import Any

from lightning.pytorch.callbacks import ModelCheckpoint
from lightning.pytorch.plugins import TorchCheckpointIO

from mien.training.checkpoints import read_checkpoint, write_checkpoint


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
