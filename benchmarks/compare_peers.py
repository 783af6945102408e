"""mien and the package `fer` on the same pictures: how good, how fast, how large.

    python benchmarks/compare_peers.py ../shared/data/fer2013.parquet

Installs each into a virtual environment of its own from the package index (fer brings TensorFlow and PyTorch,
some 8 GB; --folder keeps fer's for another time), lets each score the 3,589 pictures of PrivateTest in its
own way (`peers/ask_fer.py`, `peers/ask_mien.py`), and measures the probabilities of all of them with the same code.
Sizes are those of all files of the environment but pip's. CPU times are of one thread; a photograph is
examples/astronaut.jpg from bytes to result, with the Haar cascade that each brings. Writes results/peers.csv.

fer 25.10.3 does not run as installed today: it needs `pkg_resources`, which setuptools has dropped, and a Haar cascade,
which OpenCV 5 has dropped. Here it gets older versions of both.
"""

import argparse
import json
import subprocess
import tempfile
import venv
from pathlib import Path
from typing import Any

import numpy as np

from measurements import timed_on, write_rows
from mien.data.samples import Samples, read_samples
from mien.errors import one_line
from mien.evaluation.metrics import measure
from mien.evaluation.predictions import beside_truth
from mien.inference.weights import CATALOGUE
from mien.labels import FER7, spelled_label
from mien.model_card import FER2013_CROP, Head

HERE = Path(__file__).parent
PHOTO = HERE.parent / "examples" / "astronaut.jpg"
INSTALLS = {
    "mien": ["-c", str(HERE.parent / "constraints.txt"), str(HERE.parent)],
    "fer": ["fer==25.10.3", "setuptools<81", "opencv-contrib-python<5"],
}
IMPORTS = {"mien": "from mien import Analyzer", "fer": "import fer.fer"}
PEERS = (
    *(("mien", entry.name, "ask_mien.py", entry.name) for entry in CATALOGUE if entry.kind == "emotions"),
    ("fer", "fer, TFLite (its default)", "ask_fer.py", "tflite"),
    ("fer", "fer, Keras", "ask_fer.py", "keras"),
)
METRICS = ("accuracy", "balanced_accuracy", "nll", "ece")


def main() -> None:
    """Install, ask, measure."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path)
    parser.add_argument(
        "--folder", type=Path, help="where the environments lie or are made, and stay; mien is installed anew"
    )
    parser.add_argument("--limit", type=int, help="only so many pictures, to try it out; writes no results")
    args = parser.parse_args()
    samples = read_samples(args.data, spec=FER2013_CROP, splits=("PrivateTest",))
    if args.limit:
        samples = samples.take(np.arange(args.limit))
    with tempfile.TemporaryDirectory() as temporary:
        folder = args.folder or Path(temporary)
        rows = [row(peer, samples, folder, Path(temporary), args.data.name) for peer in PEERS]
    for each in rows:
        print(json.dumps(each))
    if not args.limit:
        print(write_rows("peers", rows))


def row(peer: tuple[str, str, str, str], samples: Samples, folder: Path, work: Path, data: str) -> dict[str, Any]:
    """Ask one peer and measure its answers."""
    package, name, script, option = peer
    home = environment(package, folder)
    np.savez(work / "crops.npz", crops=samples.crops[:, 0])
    # What is imported first is compiled, and read from the disk: that is not what an import costs.
    subprocess.run([home / "bin" / "python", "-c", IMPORTS[package]], check=True, stdout=subprocess.DEVNULL)
    command = [
        home / "bin" / "python",
        HERE / "peers" / script,
        work / "crops.npz",
        PHOTO,
        work / "answers.npz",
        option,
    ]
    answer = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout
    costs: dict[str, Any] = json.loads(answer.splitlines()[-1])
    answers = np.load(work / "answers.npz")
    labels = tuple(str(spelled_label(str(word))) for word in answers["labels"])
    scores = answers["scores"].astype(np.float64)
    head = Head(FER7.name, "single", labels)
    made = beside_truth(samples, head, scores, truth="label", model=name, data=data)
    found = measure(made)
    result: dict[str, Any] = {"peer": name, "version": version(package, home), "data": data, "split": made.split}
    result["n"] = len(made)
    for metric in METRICS:
        estimate = found[metric]
        result |= {metric: f"{estimate.value:.6f}"}
        result |= {f"{metric}_low": f"{estimate.low:.6f}", f"{metric}_high": f"{estimate.high:.6f}"}
    result |= {key: f"{value:.3f}" if isinstance(value, float) else value for key, value in costs.items()}
    return result | {"installed_mb": f"{megabytes(home):.0f}"} | timed_on()


def environment(package: str, folder: Path) -> Path:
    """Return a virtual environment with a package, made where it is not there yet."""
    home = folder / f"{package}-environment"
    if not (home / "installed").is_file():
        venv.create(home, with_pip=True)
        subprocess.run([home / "bin" / "pip", "install", "--quiet", *INSTALLS[package]], check=True)
        (home / "installed").touch()
    elif package == "mien":  # the checkout changes, its version does not
        anew = ["--quiet", "--force-reinstall", "--no-deps"]
        subprocess.run([home / "bin" / "pip", "install", *anew, *INSTALLS[package]], check=True)
    return home


def megabytes(home: Path) -> float:
    """Return what an environment holds, pip and what compiles on first use left out."""
    parts = [path for place in home.glob("lib/python*/site-packages") for path in place.iterdir()]
    kept = [path for path in parts if not path.name.startswith("pip")]
    files = [file for path in kept for file in ([path] if path.is_file() else path.rglob("*"))]
    return sum(file.lstat().st_size for file in files if file.is_file() and file.suffix != ".pyc") / 1e6


def version(package: str, home: Path) -> str:
    """Return the version of a package in an environment."""
    code = f"import importlib.metadata as m; print(m.version({package!r}))"
    return subprocess.run(
        [home / "bin" / "python", "-c", code], check=True, capture_output=True, text=True
    ).stdout.strip()


if __name__ == "__main__":
    one_line(main)
