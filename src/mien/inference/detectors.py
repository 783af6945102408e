"""RGB pixels -> faces."""

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

import cv2
import numpy as np
from numpy.typing import NDArray

from mien.errors import UsageError, WeightsError, unknown_name
from mien.inference import weights
from mien.inference.crops import whole_face
from mien.inference.lending import Lending
from mien.model_card import CropSpec
from mien.results import Box, Face

DETECTORS = ("auto", "haar", "yunet", "whole")
"""The names that `open_detector` knows."""


class Detector(Protocol):
    """Finds faces; may be called from several threads at once.

    Attributes:
        name: what it is called on the command line.
    """

    name: str

    def find_faces(self, picture: NDArray[np.uint8], *, smallest: int = 0) -> list[Face]:
        """Find faces.

        Args:
            picture: (height, width, 3) uint8 RGB.
            smallest: faces of fewer pixels a side are not wanted; where leaving them out saves time, they are.

        Returns:
            The faces, the surest first.
        """
        ...


class Haar:
    """The cascade ``frontalface_alt2`` that OpenCV ships: nothing to pull, upright frontal faces, no landmarks.

    Source: Viola & Jones 2001; the cascade is Rainer Lienhart's. Its score is not a probability: n windows that agree
    give n / (n + 3).
    """

    name = "haar"
    CASCADE = "haarcascade_frontalface_alt2.xml"
    SCALE_STEP = 1.2
    AGREEING_WINDOWS = 3
    SMALLEST_FACE = 24  # pixels; a face below that would have to be enlarged more than twice for a 48-pixel crop

    def __init__(self) -> None:
        file = Path(cv2.data.haarcascades) / self.CASCADE  # type: ignore[attr-defined]
        try:
            self._description = file.read_text("utf-8")  # OpenCV itself opens no file with é in its path on Windows
        except OSError as error:
            raise WeightsError(f"{file}: this OpenCV has no Haar cascades; install opencv-python-headless<5") from error
        self._cascades = Lending(self._open)  # a cascade keeps its working memory in itself

    def _open(self) -> cv2.CascadeClassifier:
        cascade = cv2.CascadeClassifier()
        memory = cv2.FileStorage(self._description, cv2.FILE_STORAGE_READ | cv2.FILE_STORAGE_MEMORY)
        if not cascade.read(memory.getFirstTopLevelNode()):
            raise WeightsError(f"{self.CASCADE}: OpenCV cannot read it; install opencv-python-headless<5 again")
        return cascade

    def find_faces(self, picture: NDArray[np.uint8], *, smallest: int = 0) -> list[Face]:
        """Return upright frontal faces of at least so many pixels, the surest first; their boxes are square."""
        smallest = max(smallest, self.SMALLEST_FACE)
        with self._cascades.lent() as cascade:
            gray = np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)
            boxes, windows = self._search(cascade, gray, smallest)
        faces = [
            Face(Box(float(x), float(y), float(x + width), float(y + height)), float(count / (count + 3)))
            for (x, y, width, height), count in zip(boxes, windows, strict=True)
        ]
        # Equally sure ones come in another order from run to run: OpenCV searches on several threads.
        return sorted(faces, key=lambda face: (-face.score, face.box.y1, face.box.x1, face.box.x2))

    def _search(
        self, cascade: cv2.CascadeClassifier, gray: NDArray[np.uint8], smallest: int
    ) -> tuple[Sequence[Sequence[int]], Sequence[int]]:
        # Boxes (left, top, width, height), each the mean of windows that agree, and how many those are.
        return cascade.detectMultiScale2(
            gray, scaleFactor=self.SCALE_STEP, minNeighbors=self.AGREEING_WINDOWS, minSize=(smallest, smallest)
        )


class EagerHaar(Haar):
    """The cascade set to overlook little: it finds much that is no face, and needs a gate behind it.

    A single window is enough; so a step of 1.2 finds more than one of 1.1 did where two had to agree, in two thirds of
    the time (docs/decisions/0002-detector-order.md).
    """

    AGREEMENT = 0.2  # of the sides, as in OpenCV's own search: windows that differ by no more are one face

    def _search(
        self, cascade: cv2.CascadeClassifier, gray: NDArray[np.uint8], smallest: int
    ) -> tuple[Sequence[Sequence[int]], Sequence[int]]:
        windows = cascade.detectMultiScale(
            gray, scaleFactor=self.SCALE_STEP, minNeighbors=0, minSize=(smallest, smallest)
        )
        if not len(windows):
            return [], []
        # OpenCV drops a group of one; so each window is there twice.
        boxes, counts = cv2.groupRectangles([*windows, *windows], 1, self.AGREEMENT)
        return boxes, [count // 2 for count in counts]


class YuNet:
    """YuNet: small and turned faces too, with five landmarks; its file is pulled (``mien models pull yunet``).

    Source: Wu, Peng, Yu 2023, "YuNet: A Tiny Millisecond-level Face Detector", Machine Intelligence Research 20.

    Args:
        file: the ONNX file.

    Raises:
        WeightsError: OpenCV cannot open the file.
    """

    name = "yunet"
    SCORE = 0.8
    OVERLAP = 0.3  # boxes that overlap by more than this (IoU) are one face
    MOST_CANDIDATES = 5000
    LONGEST_SIDE = 1280  # pixels; larger pictures are shrunk first: the time grows with the area, the finds do not
    CLOSE_UP_SIDE = 320  # faces of over some 400 pixels escape the network, so a second look is taken at this size
    CLOSE_UP_SCORE = 0.9  # the second look has to be surer: it takes a large dog for a face at 0.88
    SMALLEST_FACE = 10  # pixels, as its authors say; of thinner pictures the network makes up what it finds
    CLOSE_UP_SHARE = 0.2  # of the picture's longest side: smaller faces are left to the first look

    def __init__(self, file: Path) -> None:
        self._file = file
        try:
            # OpenCV itself opens no file with é in its path on Windows, and crashes on a name that is no UTF-8.
            self._content = np.frombuffer(file.read_bytes(), np.uint8)
        except OSError as error:
            raise WeightsError(f"{file}: cannot be read ({error.strerror}); check its permissions") from error
        self._networks = Lending(self._open)  # a network keeps the picture's size in itself

    def _open(self) -> cv2.FaceDetectorYN:
        try:
            return cv2.FaceDetectorYN.create(
                "onnx",
                self._content,
                np.empty(0, np.uint8),
                (320, 320),
                self.SCORE,
                self.OVERLAP,
                self.MOST_CANDIDATES,
            )
        except cv2.error as error:
            raise WeightsError(f"{self._file}: OpenCV cannot open it; pull it again: mien models pull yunet") from error

    def find_faces(self, picture: NDArray[np.uint8], *, smallest: int = 0) -> list[Face]:
        """Return the faces, however small, with their landmarks, the surest first."""
        longest = max(picture.shape[:2])
        faces = self._look(picture, min(self.LONGEST_SIDE, longest))
        if longest > 2 * self.CLOSE_UP_SIDE:
            for face in self._look(picture, self.CLOSE_UP_SIDE):
                large = max(face.box.width, face.box.height) > self.CLOSE_UP_SHARE * longest
                sure = face.score >= self.CLOSE_UP_SCORE
                if large and sure and all(face.box.iou(known.box) <= self.OVERLAP for known in faces):
                    faces.append(face)
        return sorted(faces, key=lambda face: -face.score)

    def _look(self, picture: NDArray[np.uint8], longest: int) -> list[Face]:
        height, width = picture.shape[:2]
        shrink = max(height, width) / longest
        if shrink > 1:
            size = (max(round(width / shrink), 1), max(round(height / shrink), 1))
            picture = np.asarray(cv2.resize(picture, size, interpolation=cv2.INTER_AREA), np.uint8)
        if min(picture.shape[:2]) < self.SMALLEST_FACE:
            return []
        # Both sides are rounded to whole pixels, so each has a factor of its own.
        back = np.array([width / picture.shape[1], height / picture.shape[0]])
        with self._networks.lent() as network:
            network.setInputSize((picture.shape[1], picture.shape[0]))
            _, found = network.detect(cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
        faces = []
        for row in np.empty((0, 15)) if found is None else found.astype(np.float64):
            if not np.abs(row).max() < 10 * longest:  # on pictures of some ten pixels its boxes explode
                continue
            (x1, y1), (x2, y2) = row[:2] * back, (row[:2] + row[2:4]) * back
            landmarks = (row[4:14].reshape(5, 2) * back).astype(np.float32)
            faces.append(Face(Box(float(x1), float(y1), float(x2), float(y2)), float(row[14]), landmarks))
        return faces


class Whole:
    """No search: each picture is one tight crop, such as a file of FER-2013.

    Args:
        spec: the crop of the model that will see it.
    """

    name = "whole"

    def __init__(self, spec: CropSpec) -> None:
        self._spec = spec

    def find_faces(self, picture: NDArray[np.uint8], *, smallest: int = 0) -> list[Face]:
        """Return one face whose crop is the picture."""
        return [whole_face(picture, self._spec)]


def resolved(name: str) -> str:
    """Return the name of the detector that answers to a name: for ``"auto"`` YuNet where it has been pulled, else Haar.

    Raises:
        UsageError: there is no detector of that name.
    """
    if name not in DETECTORS:
        raise unknown_name("detector", name, DETECTORS)
    if name == "auto":
        return "yunet" if weights.find("yunet").is_there() else "haar"
    return name


def open_detector(name: str | Detector, *, spec: CropSpec) -> Detector:
    """Open a detector by its name.

    Args:
        name: ``"auto"`` (YuNet where its file has been pulled, Haar where not), ``"haar"``, ``"yunet"`` or ``"whole"``
            (no search, each picture is one tight crop). A detector is returned as it is.
        spec: the crop of the model that will see the faces.

    Raises:
        UsageError: there is no detector of that name, or it lacks what a `Detector` has.
        WeightsError: YuNet was asked for by name and its file has not been pulled or is damaged.
    """
    if not isinstance(name, str):
        if not (hasattr(name, "name") and callable(getattr(name, "find_faces", None))):
            raise UsageError(
                f"{type(name).__name__} is no detector: give one of {', '.join(DETECTORS)}, or an object with a name "
                "and find_faces(picture, *, smallest=0), which returns a list of mien.Face"
            )
        return name
    name = resolved(name)
    if name == "yunet":
        return YuNet(weights.verified("yunet"))
    return Haar() if name == "haar" else Whole(spec)
