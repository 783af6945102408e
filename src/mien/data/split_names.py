"""The names of splits: FER-2013's own, how people spell the others, and what a name says of its pictures' part."""

from typing import Literal

from mien.data.record import UNSPLIT

Role = Literal["training", "validation", "test"]

FER2013_SPLITS = ("Training", "PublicTest", "PrivateTest")

_SPELLINGS = {
    "train": "train",
    "training": "train",
    "publictest": "PublicTest",
    "privatetest": "PrivateTest",
    "val": "validation",
    "valid": "validation",
    "validation": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "all": UNSPLIT,
}
"""How people name the folders of splits; FER-2013's own three names are kept as they are."""

_ROLES: dict[str, Role] = {
    "validation": "validation",
    "PublicTest": "validation",
    "test": "test",
    "PrivateTest": "test",
}


def spelled_split(word: str) -> str | None:
    """Return the split that a folder's name stands for, None where it stands for none."""
    return word if word in FER2013_SPLITS else _SPELLINGS.get(word.strip().casefold())


def role_of(split: str) -> Role | None:
    """Return what the pictures of a split are for by its name, None where that is open.

    Whatever begins with ``train`` is training, such as ``train_clean``: what a network may have seen is no test of it.
    """
    name = split.strip().casefold()
    if name.startswith("train"):
        return "training"
    return _ROLES.get(_SPELLINGS.get(name, name))


def is_training(split: str) -> bool:
    """Return whether networks learn from a split by its name."""
    return role_of(split) == "training"


def training_rank(split: str) -> int:
    """Return how close to training a split is by its name: 0 for a test split, 3 for training."""
    return {"test": 0, "validation": 1, None: 2, "training": 3}[role_of(split)]
