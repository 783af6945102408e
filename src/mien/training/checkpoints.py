"""Checkpoints: written whole or not at all, and read with errors of one line."""

from collections.abc import Mapping
from io import BytesIO
from pathlib import Path
from pickle import UnpicklingError
from typing import Any

import torch

from mien.errors import WeightsError
from mien.files import written_whole


def write_checkpoint(content: Mapping[str, Any], path: Path) -> None:
    """Write what `torch.save` can, whole or not at all.

    Raises:
        OutputError: the file cannot be written.
    """
    packed = BytesIO()  # PyTorch's own writer says no reason where the disk is full
    torch.save(content, packed)
    with written_whole(path) as temporary:
        temporary.write_bytes(packed.getbuffer())


def read_checkpoint(path: Path, *, remedy: str = "") -> dict[str, Any]:
    """Read a checkpoint, with its tensors on the CPU.

    Args:
        path: of the file.
        remedy: what to do where it is damaged; empty for one in the folder of a run.

    Raises:
        WeightsError: it is damaged or missing.
    """
    try:
        content: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, UnpicklingError, KeyError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.filename else "damaged"
        remedy = remedy or f"put another one in its place, or delete the folder {path.parent} to begin anew"
        raise WeightsError(f"{path}: is no checkpoint that can be read ({reason}); {remedy}") from error
    return content
