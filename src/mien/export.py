"""A trained network -> one ONNX file with its card inside, checked against the network that it was made from."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnx
import torch
from numpy.typing import NDArray
from torch import nn

from mien.data.samples import Samples
from mien.errors import WeightsError
from mien.evaluation.calibration import fit_sharpening, fit_shifts, fit_temperature
from mien.evaluation.metrics import metrics_of
from mien.evaluation.multilabel import fit_gate_threshold, fit_thresholds
from mien.evaluation.predictions import predict
from mien.evaluation.selective import with_unsure
from mien.evaluation.truths import truth_of
from mien.files import written_whole
from mien.inference.scores import probabilities
from mien.inference.session import Session
from mien.model_card import CARD_KEY, Head, ModelCard
from mien.provenance import commit
from mien.training.head_recipe import HeadRecipe
from mien.training.networks.building import load_network
from mien.training.networks.parts import Shifted
from mien.training.quantization import CALIBRATION_FACES, quantize
from mien.training.recipe import Recipe
from mien.training.run_folder import RunFolder
from mien.training.weights_file import how_trained

TOLERANCE = 1e-4
"""Largest difference of a logit between the exported file and PyTorch that is taken as the same; where the largest
logit is above 1, as a share of it."""
PARITY_FACES = 500


def export_run(run: Path, validation: Samples, target: Path, *, int8_with: Samples | None = None) -> ModelCard:
    """Export the chosen weights of a run, as `export_network` does.

    Args:
        run: folder of a finished run.
        validation: as for `export_network`.
        target: the ONNX file to write.
        int8_with: as for `export_network`.

    Returns:
        The card, with the file's checksum.

    Raises:
        WeightsError: the run is not finished, or the exported file does not give what PyTorch gives.
        DataError: the pictures have no labels for one of the heads.
        OutputError: the file cannot be written.
    """
    folder = RunFolder(run)
    recipe, network = load_network(folder)
    return export_network(recipe, network, validation, target, trained=how_trained(folder.weights), int8_with=int8_with)


def export_network(
    recipe: Recipe,
    network: nn.Module,
    validation: Samples,
    target: Path,
    *,
    trained: str = "",
    int8_with: Samples | None = None,
) -> ModelCard:
    """Export a trained network.

    Temperatures, thresholds and from where on an answer is unsure are fitted on the validation pictures, and the card's
    scores are measured on them; on the int8 file where one is wanted.

    Args:
        recipe: what it was trained by.
        network: the network of the recipe, ready to score.
        validation: pictures that the run chose its epoch by, crops as its recipe says.
        target: the ONNX file to write.
        trained: for how long and on what, for the card; empty where nobody knows.
        int8_with: write 8-bit weights and activations, whose ranges are read off these pictures of training; None
            keeps float32.

    Returns:
        The card, with the file's checksum.

    Raises:
        WeightsError: the exported file does not give what PyTorch gives.
        DataError: the pictures have no labels for one of the heads.
        OutputError: the file cannot be written.
    """
    split = ", ".join(sorted(set(validation.split.tolist())))
    source = ", ".join(filter(None, (f"seed {recipe.seed}", trained, f"mien {commit()}")))
    plain = tuple(Head(name, head.task, head.names(name)) for name, head in recipe.heads.items())
    network = _shifted(network, plain, recipe.heads, validation)
    card = ModelCard(
        name=recipe.name,
        heads=plain,
        crop=recipe.crop.spec(),
        trained_on=f"{recipe.about} Epoch, temperatures and thresholds chosen on {split}.".lstrip(),
        license=recipe.card.license,
        source=f"mien export of recipe {recipe.name}, {source}",
        intended_use=recipe.card.intended_use,
        limits=recipe.card.limits,
        data_license=recipe.card.data_license,
        retrain=recipe.card.retrain,
    )
    with written_whole(target) as temporary:
        _write(network, card, temporary)
        session = Session(temporary)
        _check_parity(session, network, validation.crops[:PARITY_FACES])
        if int8_with is not None:
            quantize(temporary, _some(int8_with, CALIBRATION_FACES, seed=recipe.seed).crops, temporary)
            card = replace(card, source=f"{card.source}, int8")
            _add_card(temporary, card)
            session = Session(temporary)
        heads = tuple(_fitted(head, recipe.heads[head.name], session, validation) for head in card.heads)
        _add_card(temporary, replace(card, heads=heads))
        session = Session(temporary)
        made = {head.name: predict(session, validation, head=head.name) for head in heads}
        scores = {
            f"{split}/{name}/{metric}": value
            for name, predictions in made.items()
            for metric, value in metrics_of(predictions).items()
        }
        heads = tuple(with_unsure(head, made[head.name]) if head.task == "single" else head for head in heads)
        _add_card(temporary, replace(card, heads=heads, metrics=scores))
    return Session(target).card


def torch_logits(network: nn.Module, crops: NDArray[np.uint8]) -> dict[str, NDArray[np.float32]]:
    """Return what PyTorch gives for crops (n, channels, size, size) uint8: for each head (n, labels) float32."""
    network.eval()
    with torch.inference_mode():
        parts = [network(torch.from_numpy(crops[start : start + 256])) for start in range(0, len(crops), 256)]
    return {name: torch.cat([part[name] for part in parts]).numpy() for name in parts[0]}


def _shifted(
    network: nn.Module, heads: tuple[Head, ...], settings: Mapping[str, HeadRecipe], validation: Samples
) -> nn.Module:
    # Within the graph, so that the file's logits, and not only mien's reading of them, are those of the answer.
    moved = [head for head in heads if settings[head.name].prior_power > 0 or settings[head.name].as_likely_as_seen]
    if not moved:
        return network
    logits = torch_logits(network, validation.crops)
    shifts = {}
    for head in moved:
        own, right = settings[head.name], truth_of(head, validation)
        targets, said = right.targets[right.known], logits[head.name][right.known]
        shift = fit_shifts(said, targets) if own.as_likely_as_seen else np.zeros(len(head.labels))
        if own.prior_power > 0:
            counts = np.bincount(targets, minlength=len(head.labels)) + 1
            # Probabilities are made of logits over the temperature: the prior has to be of the logits' scale.
            shift -= own.prior_power * fit_temperature(said, targets) * np.log(counts / counts.sum())
        shifts[head.name] = torch.from_numpy(shift.astype(np.float32))
    return Shifted(network, shifts).eval()


def _some(samples: Samples, count: int, *, seed: int) -> Samples:
    order = np.random.default_rng(seed).permutation(len(samples))
    return samples.take(order[:count])


def _fitted(head: Head, settings: HeadRecipe, session: Session, validation: Samples) -> Head:
    right = truth_of(head, validation)
    targets = right.targets[right.known]
    logits = session.logits(validation.crops[right.known], [head.name])[0]
    if head.task == "single":
        temperature, power = fit_sharpening(logits, targets)
        return replace(head, temperature=temperature, entropy_power=power)
    head = replace(head, temperature=fit_temperature(logits, targets))
    if isinstance(settings.threshold, float):
        return replace(head, thresholds=(settings.threshold,) * len(head.labels))
    fit = fit_gate_threshold if head.task == "gate" else fit_thresholds
    return replace(head, thresholds=fit(probabilities(logits, head), targets))


def _write(network: nn.Module, card: ModelCard, path: Path) -> None:
    spec = card.crop
    example = torch.zeros(2, spec.channels, spec.size, spec.size, dtype=torch.uint8)
    program = torch.onnx.export(
        network.to(memory_format=torch.contiguous_format),
        (example,),
        input_names=["pixels"],
        output_names=[head.name for head in card.heads],
        dynamic_shapes={"pixels": {0: torch.export.Dim("faces")}},
        dynamo=True,
        external_data=False,
        verbose=False,
    )
    assert program is not None  # it is None only for the exporter that dynamo=True replaces
    program.save(str(path), external_data=False)
    _add_card(path, card)


def _add_card(path: Path, card: ModelCard) -> None:
    model = onnx.load(path)
    onnx.helper.set_model_props(model, {CARD_KEY: card.to_json()})
    for node in model.graph.node:
        node.ClearField("metadata_props")  # stack traces of the exporting machine
        node.ClearField("doc_string")
    model.graph.ClearField("metadata_props")
    onnx.save(model, path)


def _check_parity(session: Session, network: nn.Module, crops: NDArray[np.uint8]) -> None:
    expected = torch_logits(network, crops)
    for name, found in zip(expected, session.logits(crops, list(expected)), strict=True):
        # Of deep networks the logits are large, and so is what rounding does to them.
        scale = max(1.0, float(np.abs(expected[name]).max()))
        difference = float(np.abs(found - expected[name]).max()) / scale
        if not difference <= TOLERANCE:
            raise WeightsError(f"head {name}: the exported file differs from PyTorch by {difference:.2g}; not written")
