"""mien explain: which pixels carried the decision."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from mien.cli.options import DetectorOrWholeOption, LabelsOption, ModelOption
from mien.inference.weights import DEFAULT_MODEL

if TYPE_CHECKING:
    from mien.explain import Explanation, Maps
    from mien.model_card import CropSpec, Head
    from mien.results import ImageResult

LONGEST_SIDE = {".png": 2**31 - 1, ".jpg": 65_500, ".jpeg": 65_500, ".webp": 16_383}
"""What a picture is saved as, and how many pixels a side of it may have."""


def explain(
    picture: Annotated[Path, typer.Argument(help="A picture.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The picture to write; PICTURE-explained.png here where not given."),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="[b]rise[/] (covers random halves), [b]occlusion[/] (covers one square after the other), or "
            "[b]grad-cam[/] (gradients; needs --run)."
        ),
    ] = "rise",
    label: Annotated[
        str | None, typer.Option(help="Explain this emotion instead of the most probable one, such as anger.")
    ] = None,
    model: ModelOption = DEFAULT_MODEL,
    labels: LabelsOption = None,
    detector: DetectorOrWholeOption = "auto",
    run: Annotated[
        Path | None, typer.Option(help="Folder of the training run that the model was exported from, for grad-cam.")
    ] = None,
) -> None:
    """Show which parts of each face spoke for its emotion (red) and against it (blue).

    Example: mien explain examples/astronaut.jpg --output why.png
    """
    from mien.cli.progress import progress_bar
    from mien.errors import UsageError, unknown_name
    from mien.explain import METHODS, draw_explanations, explain_picture
    from mien.files import check_writable, save_picture
    from mien.inference.analyzer import Analyzer

    if method not in (*METHODS, "grad-cam"):
        raise unknown_name("method", method, (*METHODS, "grad-cam"))
    if (method == "grad-cam") != (run is not None):
        raise UsageError("--method grad-cam and --run DIR belong together: gradients need the checkpoint of a run")
    target = output or Path(f"{picture.stem}-explained.png")
    if target.suffix.lower() not in LONGEST_SIDE:
        raise UsageError(f"{target}: a picture is saved as .png, .jpg or .webp; choose such a name with --output")
    if target.resolve() == picture.resolve():
        raise UsageError(f"{target}: is the picture itself; choose another name with --output")
    check_writable(target)
    analyzer = Analyzer(model=model, labels=labels, detector=detector)
    pixels = analyzer.read(str(picture))
    if max(pixels.shape) > LONGEST_SIDE[target.suffix.lower()]:
        size = f"{pixels.shape[1]} x {pixels.shape[0]}"
        raise UsageError(f"{target}: {size} is too large for such a file; choose a name in .png with --output")
    maps = method if run is None else gradient_maps(run, analyzer.head)
    with progress_bar("faces", total=None) as advance:
        result, found = explain_picture(analyzer, pixels, method=maps, label=label, on_step=advance.to)
    drawn = draw_explanations(pixels, result, found, analyzer.card.crop)
    save_picture(drawn, target)
    _report(picture, result, found, analyzer.card.crop, target)


def gradient_maps(run: Path, head: "Head") -> "Maps":
    """Return a maker of Grad-CAM maps by the checkpoint of a run.

    Raises:
        MissingExtraError: the extra `explain` is not installed.
        WeightsError: the folder holds no finished run.
        UsageError: the run is not that of the model, see `mien.grad_cam.maps_of_run`.
    """
    from mien.errors import import_extra

    for module in ("torch", "lightning"):
        import_extra(module, extra="train", purpose="Grad-CAM")
    import_extra("captum", extra="explain", purpose="Grad-CAM")
    from mien.grad_cam import maps_of_run

    return maps_of_run(run, head)


def _report(picture: Path, result: "ImageResult", found: "list[Explanation]", spec: "CropSpec", target: Path) -> None:
    from rich.markup import escape

    from mien.console import Console
    from mien.explain import region_shares

    console = Console()
    if not found:
        words = f"no face in {picture}, so there is nothing to explain; written as it is: {target}"
        console.print(words, markup=False, highlight=False, soft_wrap=True)
        return
    for number, (face, each) in enumerate(zip(result, found, strict=True), 1):
        shares = sorted(region_shares(each.map, spec).items(), key=lambda pair: -pair[1])
        where = ", ".join(f"{name} {share:.0%}" for name, share in shares if share >= 0.05)
        unsure = "unsure, " if face.unsure and each.label == face.emotions.top else ""
        probability = f"{face.emotions[each.label]:.1%}"
        console.print(f"face {number}: {unsure}{each.label} {probability}, carried by {where or 'nothing'}")
    console.print(f"[dim]red spoke for the emotion, blue against it: {escape(str(target))}[/]", soft_wrap=True)
