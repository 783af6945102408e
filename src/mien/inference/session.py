"""The only module that runs weight files with onnxruntime: one, opened and asked."""

import ctypes
import hashlib
import os
import weakref
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import onnxruntime
from numpy.typing import NDArray

from mien.errors import UsageError, WeightsError
from mien.model_card import CARD_KEY, ModelCard

BATCH = 256
"""At most this many crops go into one call of the network."""

_opened: "weakref.WeakSet[Session]" = weakref.WeakSet()


def _keep_inherited() -> None:
    # In a forked process the end of a session that came with it would wait for threads that do not exist there, so it
    # gets no end: not even when the process comes to its own.
    for session in _opened:
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(session._session))


if hasattr(os, "register_at_fork"):  # not on Windows, which does not fork
    os.register_at_fork(after_in_child=_keep_inherited)


class Session:
    """An opened weight file with its card. Safe to use from several threads at once.

    Args:
        file: the ONNX file.
        threads: CPU threads for one call; 0 takes one per core.

    Raises:
        UsageError: fewer threads than none.
        WeightsError: the file cannot be opened, carries no card, or is another network than its card says.
    """

    def __init__(self, file: Path, *, threads: int = 0) -> None:
        if threads < 0:
            raise UsageError(f"threads is {threads}: give 0 (one per core) or more")
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        options.log_severity_level = 3
        # Idle threads would spin for work and take the cores from whatever else the program does.
        options.add_session_config_entry("session.intra_op.allow_spinning", "0")
        try:
            content = file.read_bytes()
            self._session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        except OSError as error:
            raise WeightsError(f"{file}: cannot be read ({error.strerror}); see `mien models list`") from error
        except Exception as error:  # onnxruntime's errors have no common base below Exception
            raise WeightsError(
                f"{file}: is not a weight file that onnxruntime {onnxruntime.__version__} can open; see `mien models "
                "list`"
            ) from error
        metadata = self._session.get_modelmeta().custom_metadata_map
        if CARD_KEY not in metadata:
            raise WeightsError(
                f"{file}: carries no model card; make weight files with `mien export`; what other networks answered "
                "can be scored with `mien evaluate --predictions`"
            )
        card = ModelCard.from_json(metadata[CARD_KEY], file=str(file))
        self.card = card.with_sha256(hashlib.sha256(content).hexdigest())
        self._input = self._session.get_inputs()[0].name
        self._check(file)
        _opened.add(self)

    def _check(self, file: Path) -> None:
        # A card of another network would name the wrong emotions in silence.
        outputs = {output.name: output.shape for output in self._session.get_outputs()}
        missing = {head.name for head in self.card.heads} - set(outputs)
        if missing:
            raise WeightsError(f"{file}: its card names outputs that it does not have: {', '.join(sorted(missing))}")
        crop, given = self.card.crop, self._session.get_inputs()[0]
        sides = [crop.channels, crop.size, crop.size]
        # The first side has to be open: faces come in any number.
        if given.type != "tensor(uint8)" or not _fits(given.shape, [None, *sides]):
            raise WeightsError(
                f"{file}: takes {given.type} {given.shape}, but its card says uint8 {['n', *sides]}; export it again "
                "with `mien export`"
            )
        for head in self.card.heads:
            if not _fits(outputs[head.name][1:], [len(head.labels)]):
                raise WeightsError(
                    f"{file}: its output {head.name} is {outputs[head.name]}, but its card names {len(head.labels)} "
                    "labels; export it again with `mien export`"
                )

    def logits(self, crops: NDArray[np.uint8], heads: Sequence[str]) -> list[NDArray[np.float32]]:
        """Ask the network for any of its heads: one call for up to `BATCH` crops, so that memory stays bounded.

        Args:
            crops: (n, channels, size, size) uint8, as `mien.inference.crops.crop_faces` makes them.
            heads: names of the heads.

        Returns:
            For each head (n, labels) float32; a row does not depend on the other rows.
        """
        calls = [
            self._session.run(list(heads), {self._input: crops[start : start + BATCH]})
            for start in range(0, len(crops), BATCH)
        ]
        if not calls:
            return [np.empty((0, len(self.card.head(head).labels)), np.float32) for head in heads]
        return [np.concatenate(parts) for parts in zip(*calls, strict=True)]


def _fits(shape: Sequence[int | str | None], sides: Sequence[int | None]) -> bool:
    # Sides that the file leaves open are texts or None.
    return len(shape) == len(sides) and all(
        not isinstance(side, int) or side == wanted for side, wanted in zip(shape, sides, strict=True)
    )
