"""Labelled faces in memory, ready for a network: what every data source becomes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mien.errors import DataError


@dataclass(frozen=True, eq=False)
class Samples:
    """Faces with their labels.

    Attributes:
        ids: (n,) names of the pictures, unique within their dataset.
        crops: (n, channels, size, size) uint8, as `mien.inference.crops.crop_faces` makes them.
        fer7: (n,) int64, index into `mien.labels.FER7`.
        votes: (n, 10) float32, counts in the order of `mien.data.votes.VOTE_COLUMNS`; NaN rows where there are none.
        split: (n,) names of the splits.
    """

    ids: NDArray[np.str_]
    crops: NDArray[np.uint8]
    fer7: NDArray[np.int64]
    votes: NDArray[np.float32]
    split: NDArray[np.str_]

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, index: NDArray[np.bool_] | NDArray[np.int64]) -> "Samples":
        """Return the samples at these positions, or where a mask is true."""
        return Samples(self.ids[index], self.crops[index], self.fer7[index], self.votes[index], self.split[index])

    def of_split(self, name: str) -> "Samples":
        """Return the samples of one split.

        Raises:
            DataError: there is no such split here.
        """
        chosen = self.split == name
        if not chosen.any():
            raise DataError(f"no pictures of split {name!r}: there are {', '.join(sorted(set(self.split.tolist())))}")
        return self.take(chosen)


def repeated_in(samples: Samples, others: Samples) -> NDArray[np.bool_]:
    """Return a mask over `samples`: true where a picture with the very same pixels stands in `others`."""
    known = {crop.tobytes() for crop in others.crops}
    return np.array([crop.tobytes() in known for crop in samples.crops], bool)
