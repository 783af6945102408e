"""Trained weights on disk (.safetensors), with how they were trained in the file's header."""

import platform
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from mien.errors import OutputError
from mien.files import written_whole

TRAINED = "trained"
"""Key of the header."""


def device_name(*, gpu: bool) -> str:
    """Return what the GPU is called, or which kind of CPU this is."""
    return torch.cuda.get_device_name() if gpu else f"cpu {platform.machine()}"


def write_weights(path: Path, weights: Mapping[str, Tensor], *, trained: str) -> None:
    """Write weights, whole or not at all.

    Args:
        path: the file.
        weights: contiguous, by name.
        trained: for how long and on what, such as ``"epoch 9 of 12 on cpu x86_64"``; a card says it.

    Raises:
        OutputError: the file cannot be written.
    """
    write_tensors(path, weights, header={TRAINED: trained})


def write_tensors(path: Path, tensors: Mapping[str, Tensor], *, header: Mapping[str, str] | None = None) -> None:
    """Write tensors as .safetensors, whole or not at all.

    Args:
        path: the file.
        tensors: contiguous, by name.
        header: words about them, by key.

    Raises:
        OutputError: the file cannot be written.
    """
    try:
        with written_whole(path) as temporary:
            save_file(dict(tensors), temporary, metadata=dict(header) if header else None)
    except SafetensorError as error:  # what its writer makes of a full disk
        raise OutputError(f"{path}: cannot be written ({error}); choose another place or make room") from error


def how_trained(path: Path) -> str:
    """Return how the weights of a file that can be read were trained, empty where it does not say."""
    return header_of(path).get(TRAINED, "")


def header_of(path: Path) -> dict[str, str]:
    """Return the words of a file that can be read, by key; none where it has none."""
    with safe_open(path, "pt") as file:
        return file.metadata() or {}
