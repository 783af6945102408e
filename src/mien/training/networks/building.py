"""A recipe -> its network."""

from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn

from mien.errors import RecipeError, WeightsError
from mien.training.model_recipe import Backbone, Cnn, Compact, Ensemble, Lean, Mlp
from mien.training.networks.compact import CompactNet
from mien.training.networks.ensemble import Average
from mien.training.networks.lean import LeanNet
from mien.training.networks.plain import Perceptron, PlainCnn
from mien.training.recipe import Recipe
from mien.training.recipe_files import read_recipe
from mien.training.run_folder import RunFolder


def build_network(recipe: Recipe, *, load: bool = True) -> nn.Module:
    """Return the network of a recipe with fresh weights, drawn from the recipe's seed.

    Args:
        recipe: what to build.
        load: whether to read pretrained weights; False where a checkpoint will overwrite them anyway.

    Raises:
        RecipeError: an impossible network, or an ensemble of members that do not fit together.
        WeightsError: pretrained weights or a member's weights cannot be had.
    """
    model, channels, size = recipe.model, recipe.crop.spec().channels, recipe.crop.size
    heads = {name: len(labels) for name, labels in recipe.labels().items()}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(recipe.seed)
        if isinstance(model, Compact | Lean):
            if len(model.widths) != len(model.depths):
                raise RecipeError(
                    f"model: {len(model.widths)} widths and {len(model.depths)} depths; give each stage one of both"
                )
            if isinstance(model, Compact) and 0 in model.depths[1:]:
                raise RecipeError(
                    f"model.depths: stage {model.depths.index(0, 1) + 1} of compact has no block to change width and "
                    "resolution with; give each stage but the first 1 or more"
                )
            if isinstance(model, Compact):
                return CompactNet(model, heads, channels=channels)
            return LeanNet(model, heads, channels=channels)
        if isinstance(model, Cnn):
            if size >> len(model.stages) == 0:
                raise RecipeError(f"model.stages: {len(model.stages)} poolings leave nothing of {size} pixels")
            return PlainCnn(model, heads, channels=channels, size=size)
        if isinstance(model, Mlp):
            return Perceptron(model, heads, channels=channels, size=size)
        if isinstance(model, Backbone):
            from mien.training.networks.backbones import BackboneNet  # timm is imported by those who use it

            # What the recipe starts from has the backbone too: nothing else needs to be read or downloaded.
            return BackboneNet(model, heads, crop_size=size, load=load and not recipe.start)
        return _ensemble(model, recipe)


def load_network(folder: RunFolder) -> tuple[Recipe, nn.Module]:
    """Return the recipe and the chosen weights of a finished run, ready to score.

    Raises:
        WeightsError: the run has no chosen weights, or they are of another architecture than its recipe.
        RecipeError: the run's recipe cannot be read.
    """
    folder.check_finished()
    recipe = read_recipe(folder.recipe)
    return recipe, trained_network(recipe, folder.weights)


def trained_network(recipe: Recipe, weights: Path) -> nn.Module:
    """Return the network of a recipe with weights that were trained, ready to score.

    Args:
        recipe: what to build.
        weights: the .safetensors file of a run of this recipe; its numbers may be in half precision.

    Raises:
        WeightsError: the weights cannot be read or are of another architecture.
    """
    network = build_network(recipe, load=False)
    try:
        network.load_state_dict(load_file(weights))
    except (RuntimeError, OSError, ValueError, SafetensorError) as error:
        reason = " ".join(str(error).split())[:200]
        raise WeightsError(
            f"{weights}: is no checkpoint of the network of recipe {recipe.name} ({reason}); "
            "train the recipe again, or put its own weights back"
        ) from error
    return network.eval()


def _ensemble(model: Ensemble, recipe: Recipe) -> nn.Module:
    members = []
    tasks = {name: head.task for name, head in recipe.heads.items()}
    for run in recipe.member_runs():
        member, network = load_network(RunFolder(run))
        if member.labels() != recipe.labels() or member.crop != recipe.crop:
            raise RecipeError(
                f"{run}: answers {', '.join(member.labels())} on {member.crop.color} crops of {member.crop.size} px, "
                f"the ensemble {', '.join(recipe.labels())} on {recipe.crop.color} of {recipe.crop.size}; members must "
                "have the same heads, labels and crops"
            )
        other = [name for name, head in member.heads.items() if head.task != tasks[name]]
        if other:
            raise RecipeError(
                f"{run}: heads.{other[0]}.task is {member.heads[other[0]].task!r} there, {tasks[other[0]]!r} in the "
                "ensemble; members must have the same tasks"
            )
        members.append(network)
    return Average(members, [name for name, head in recipe.heads.items() if head.task == "single"])
