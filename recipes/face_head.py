"""The face head of a trained network refitted on the features that it has; nothing else of it changes.

    python recipes/face_head.py recipes/mien-base.toml mien-base.safetensors all.parquet refitted/

A logistic regression on three passes of changed pictures; 18 minutes on one CPU core for mien-base. What ships as
mien-base was made like this: its network had been trained when no face head was told that faint faces are faces
(docs/experiments.md).
"""

import argparse
from pathlib import Path

import torch
from torch.nn import functional

from mien.data.samples import read_samples
from mien.training.classroom import Classroom
from mien.training.networks.building import trained_network
from mien.training.networks.parts import PooledNet, channels_last
from mien.training.recipe_files import read_recipe
from released_gpu import save

PASSES = 3
DECAY = 1e-5
CHANGES = ("augmentation.blur=0.2", "augmentation.mixup=0")


def main() -> None:
    """Look at changed pictures, fit, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name in ("recipe", "weights", "table", "output"):
        parser.add_argument(name, type=Path)
    given = parser.parse_args()
    recipe = read_recipe(given.recipe, CHANGES)
    network = trained_network(recipe, given.weights)
    if not isinstance(network, PooledNet) or "face" not in network.heads:
        parser.error(f"{given.recipe}: is no recipe of a compact or lean network with a face head")
    splits = (recipe.data.training, recipe.data.validation)
    samples = read_samples(given.table, spec=recipe.crop.spec(), splits=splits)
    device = torch.device("cpu")
    room = Classroom([recipe], *(samples.of_split(split) for split in splits), device=device)
    features, faces = [], []
    for _ in range(PASSES):
        for x, targets in room.batches():
            known = targets["face"].known > 0
            with torch.no_grad():
                maps = network.maps(channels_last(network.standardise(x[known])))
            features.append(maps.mean((2, 3)))
            faces.append(targets["face"].values[known])
    values, right = torch.cat(features), torch.cat(faces)
    head, balance = network.heads["face"], (1 - right).sum() / right.sum()
    optimiser = torch.optim.LBFGS(head.parameters(), max_iter=300, line_search_fn="strong_wolfe")

    def loss() -> torch.Tensor:
        optimiser.zero_grad()
        error = functional.binary_cross_entropy_with_logits(head(values), right, pos_weight=balance)
        error = error + DECAY * head.weight.square().sum()
        error.backward()
        return error

    before = optimiser.step(loss)
    print(f"loss {before.item():.4f} before, {loss().item():.4f} after")
    save({recipe.name: network}, given.output)


if __name__ == "__main__":
    main()
