"""The weight files that mien knows: which there are, where they lie, whether they are what they should be.

Models trained by mien ship inside the package. Other people's files are pulled by the user, once, into the cache folder
(`MIEN_HOME`, or the platform's usual place) and checked by SHA-256 each time they are opened.
"""

import hashlib
import os
import shutil
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import platformdirs

from mien.errors import OutputError, UsageError, WeightsError, unknown_name
from mien.files import mode_of, written_whole

DEFAULT_MODEL = "mien-base"

SHIPPED = Path(__file__).parent / "files"


@dataclass(frozen=True)
class WeightFile:
    """An entry of the catalogue.

    Attributes:
        name: what it is called on the command line.
        kind: what it does.
        file: name of the file.
        sha256: checksum of the whole file, hexadecimal.
        size: in bytes.
        license: licence of the weights.
        about: one sentence.
        url: where it is pulled from; None for files that ship with mien.
    """

    name: str
    kind: Literal["emotions", "detector"]
    file: str
    sha256: str
    size: int
    license: str
    about: str
    url: str | None = None

    def path(self) -> Path:
        """Return where the file lies or would lie."""
        return SHIPPED / self.file if self.url is None else home() / self.file

    def is_there(self) -> bool:
        """Return whether the file is there for this user: no where its folder may not be looked into."""
        return os.path.isfile(self.path())


CATALOGUE = (
    WeightFile(
        name="mien-base",
        kind="emotions",
        file="mien-base.onnx",
        sha256="ec305e79891e0ecbce44381e44411331d16eeee055c93fa3ce1a37bee4284e1f",
        size=3_597_853,
        license="MIT",
        about="ResNet, int8, 48x48 gray, heads fer7, ferplus8, multilabel8 and face; by mien on FER-2013 and FER+.",
    ),
    WeightFile(
        name="mien-compact",
        kind="emotions",
        file="mien-compact.onnx",
        sha256="9871a2b2a9a174973f1ad995e940257bc8e7f3cf0d844c1a455a509849330616",
        size=6_384_354,
        license="MIT",
        about="Small SE-ResNet, 48x48 gray, heads fer7 and ferplus8; trained by mien on FER-2013 with FER+ votes.",
    ),
    WeightFile(
        name="mien-small",
        kind="emotions",
        file="mien-small.onnx",
        sha256="2791e4aae635ff6307636fed2fa31e8e5119ae4d1c5a43cf6e089c68febdf0ce",
        size=1_582_725,
        license="MIT",
        about="Small ResNet, int8, 48x48 gray, heads fer7, ferplus8, multilabel8, face; by mien on FER-2013 and FER+.",
    ),
    WeightFile(
        name="mien-nano",
        kind="emotions",
        file="mien-nano.onnx",
        sha256="0d4492e01aac2fa552de04936ae267d801528fb6ce33f9fd27b426ff6029b9ad",
        size=499_263,
        license="MIT",
        about="Tiny ResNet, int8, 48x48 gray, heads fer7, ferplus8, multilabel8, face; by mien on FER-2013 and FER+.",
    ),
    WeightFile(
        name="yunet",
        kind="detector",
        file="face_detection_yunet_2023mar.onnx",
        sha256="8f2383e4dd3cfbb4553ea8718107fc0423210dc964f9f4280604804ed2552fa4",
        size=232_589,
        license="MIT",
        about="Face detector with five landmarks, by Shiqi Yu's group, from the OpenCV Zoo.",
        url="https://github.com/opencv/opencv_zoo/raw/main/models/face_detection_yunet/face_detection_yunet_2023mar.onnx",
    ),
)


def home() -> Path:
    """Return the cache folder: the environment variable MIEN_HOME, or the platform's usual place for caches.

    ``~`` is the user's home folder in it, for no shell replaces that in a file of settings or a container's.
    """
    given = os.environ.get("MIEN_HOME")
    return Path(os.path.expanduser(given) if given else platformdirs.user_cache_dir("mien"))


def find(name: str) -> WeightFile:
    """Return an entry of the catalogue.

    Raises:
        UsageError: there is none of that name.
    """
    for entry in CATALOGUE:
        if entry.name == name:
            return entry
    raise unknown_name("model", name, [entry.name for entry in CATALOGUE], "See `mien models list`.")


def emotion_model(name: str) -> Path:
    """Return the file of an emotion model, given its name in the catalogue or a path to an ONNX file.

    Raises:
        UsageError: there is no such model.
        WeightsError: the file is absent, or not the one that the catalogue names.
    """
    models = [entry.name for entry in CATALOGUE if entry.kind == "emotions"]
    path = Path(name)
    if name in models:
        return verified(name)
    if path.is_dir():
        files = " or ".join(map(str, sorted(path.glob("*.onnx"))))
        raise WeightsError(f"{name}: is a folder, not a weight file; give {files or 'the path of an .onnx file'}")
    if path.suffix == ".onnx" or len(path.parts) > 1:
        if not _may_be_there(path):
            raise WeightsError(
                f"{name}: no such weight file; give the path of an .onnx file or a name of `mien models list`"
            )
        return path
    raise unknown_name("model", name, models, "The path of an .onnx file made by `mien export` works too.")


def verified(name: str) -> Path:
    """Return the file of a catalogue entry after checking it.

    Raises:
        UsageError: there is no such entry.
        WeightsError: the file is absent, or its SHA-256 is not the catalogue's.
    """
    entry = find(name)
    path = entry.path()
    remedy = "install mien again" if entry.url is None else f"type: mien models pull {name}"
    if not _may_be_there(path):
        raise WeightsError(f"{name}: its file {path} is not there; {remedy}")
    _check(path, entry, remedy=remedy)
    return path


def pull(name: str, *, source: Path | None = None, progress: Any = False) -> Path:
    """Put a file of the catalogue into the cache folder, checked, in one step.

    Args:
        name: of the entry.
        source: a copy of the file, for machines without a network; None downloads it. The environment variable
            MIEN_MIRROR, a base address, replaces the catalogue's.
        progress: an object with tqdm's ``total``, ``update``, ``reset`` and ``close``, or False.

    Returns:
        Where the file lies now.

    Raises:
        UsageError: there is no such entry, or a copy is given of one that ships with mien.
        WeightsError: no network, no such source, or another SHA-256; nothing is changed then.
        OutputError: the cache folder cannot be written.
    """
    entry = find(name)
    target = entry.path()
    if entry.url is None:
        if source is not None:
            raise UsageError(f"{name}: ships with mien and is taken from no other place; leave out --from {source}")
        return verified(name)
    if source is not None:
        if not _may_be_there(source):
            raise WeightsError(f"{source}: no such file; give the path of {entry.file}")
        _check(source, entry, remedy=f"get {entry.file} from {entry.url}")
        with _written(target) as temporary:
            shutil.copyfile(source, temporary)
        return target
    with suppress(WeightsError):
        return verified(name)
    mirror = os.environ.get("MIEN_MIRROR")
    _download(f"{mirror.rstrip('/')}/{entry.file}" if mirror else entry.url, entry, progress=progress)
    return target


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file, hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _may_be_there(path: Path) -> bool:
    # Where it is not allowed to look, whoever reads the file says so.
    try:
        return stat.S_ISREG(mode_of(path) or 0)
    except OSError:
        return True


def _check(path: Path, entry: WeightFile, *, remedy: str) -> None:
    try:
        found = sha256_of(path)
    except OSError as error:
        raise WeightsError(f"{path}: cannot be read ({error.strerror}); check its permissions") from error
    if found != entry.sha256:
        raise WeightsError(f"{path}: SHA-256 is {found[:12]}…, should be {entry.sha256[:12]}…; {remedy}")


@contextmanager
def _written(target: Path) -> Iterator[Path]:
    # Not pooch's own way: a file of its making may be read by nobody but its user, such as root in a container.
    try:
        with written_whole(target) as temporary:
            yield temporary
    except (OutputError, OSError) as error:
        cause = error.__cause__ if isinstance(error, OutputError) else error
        reason = getattr(cause, "strerror", None) or cause
        raise OutputError(f"{target.parent}: cannot be written ({reason}); set MIEN_HOME to another folder") from cause


def _download(url: str, entry: WeightFile, *, progress: Any) -> None:
    import pooch  # only here: it brings requests, which takes longer to import than all of mien
    import requests

    by_hand = f"On a machine without a network: mien models pull {entry.name} --from {entry.file}"
    with _written(entry.path()) as temporary:
        try:
            pooch.HTTPDownloader(progressbar=progress, timeout=30)(url, str(temporary), None)
        except requests.RequestException as error:
            reason = "no connection" if isinstance(error, requests.ConnectionError) else str(error)
            if isinstance(error, requests.exceptions.SSLError):  # to requests it is a ConnectionError
                reason = "its certificate is not trusted; REQUESTS_CA_BUNDLE names a file of those that are"
            raise WeightsError(f"{entry.name}: cannot be downloaded from {url} ({reason}). {by_hand}") from error
        if sha256_of(temporary) != entry.sha256:
            raise WeightsError(f"{entry.name}: {url} gave another file than expected (SHA-256 differs). {by_hand}")
