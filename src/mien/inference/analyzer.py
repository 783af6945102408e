"""Picture in, labelled faces out: image, detector, crops and scores in a row."""

import os
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple, NoReturn

import numpy as np
from numpy.typing import NDArray

from mien.errors import PictureError, UsageError, VideoError
from mien.inference.ahead import work_ahead
from mien.inference.crops import crop_faces
from mien.inference.detectors import Detector, EagerHaar, Haar, open_detector
from mien.inference.gating import Gated
from mien.inference.image import MAX_PIXELS, PictureSource, is_one_picture, read_picture
from mien.inference.scores import score_crops, score_heads
from mien.inference.session import Session
from mien.inference.weights import DEFAULT_MODEL, emotion_model
from mien.results import Emotions, Face, FaceResult, ImageResult

if TYPE_CHECKING:
    from mien.inference.video.analyzer import VideoSettings
    from mien.inference.video.frames import FilmSource
    from mien.video_results import FrameResult


MOST_AT_ONCE = 8
"""Pictures that `Analyzer.analyze_many` has in memory at once, at most."""


class Scores(NamedTuple):
    """What the network says to one crop.

    Attributes:
        emotions: (labels,) float64 probabilities of the head that answers, 0 to 1.
        face: probability that it is a face, 0 to 1; None where the model has no gate.
    """

    emotions: NDArray[np.float64]
    face: float | None


class _Looked(NamedTuple):
    name: str | None
    height: int
    width: int
    faces: list[Face]
    crops: NDArray[np.uint8]


class Analyzer:
    """Finds faces and says what they show. Safe to use from several threads at once.

    Args:
        model: a name of ``mien models list``, or the path of an ONNX file with a card.
        detector: ``"auto"``, ``"haar"``, ``"yunet"``, or ``"whole"`` for pictures that are tight crops of one face.
            With a model that has a gate the Haar cascade is set to overlook little, and the gate takes out what is no
            face. Or one of your own: whatever has the attributes of `mien.inference.detectors.Detector`.
        labels: which head answers, such as ``"fer7"`` or ``"ferplus8"``; None takes the model's first.
        max_pixels: larger pictures are refused.
        threads: CPU threads of the network, and of `analyze_many`; 0 takes one per core.

    Raises:
        UsageError: an unknown model, detector or head.
        WeightsError: a weight file that is absent or damaged.
    """

    def __init__(
        self,
        *,
        model: str | os.PathLike[str] = DEFAULT_MODEL,
        detector: str | Detector = "auto",
        labels: str | None = None,
        max_pixels: int = MAX_PIXELS,
        threads: int = 0,
    ) -> None:
        self._session = Session(emotion_model(os.fspath(model)), threads=threads)
        self.card = self._session.card
        self.head = self.card.heads[0] if labels is None else self.card.head(labels)
        if self.head.task == "gate":
            raise UsageError(
                f"head {self.head.name!r} says face or not, no emotion; choose another with labels= (--labels)"
            )
        self._gate = next((head for head in self.card.heads if head.task == "gate"), None)
        self.detector = open_detector(detector, spec=self.card.crop)
        if self._gate is not None and type(self.detector) is Haar:  # a class made of it finds what it is meant to find
            self.detector = Gated(EagerHaar(), self._session, self._gate)
        self.max_pixels = max_pixels
        self._threads = min(threads or os.cpu_count() or 1, MOST_AT_ONCE)

    def __repr__(self) -> str:
        return f"Analyzer(model={self.card.name!r}, detector={self.detector.name!r}, labels={self.head.name!r})"

    def __reduce__(self) -> NoReturn:
        raise UsageError(
            "an Analyzer cannot be pickled or copied: threads may share one, other processes make one each, once "
            "(the initializer of a pool)"
        )

    def read(self, source: PictureSource) -> NDArray[np.uint8]:
        """Decode a picture the way `analyze` does: (height, width, 3) uint8 RGB, upright.

        Raises:
            PictureError: it cannot be used as a picture.
        """
        return read_picture(source, max_pixels=self.max_pixels)

    def score(self, crops: NDArray[np.uint8]) -> NDArray[np.float64]:
        """Score crops that `mien.inference.crops.crop_faces` has made, all in one pass.

        Args:
            crops: (n, channels, size, size) uint8, as the card's crop says; n may be zero.

        Returns:
            (n, labels) probabilities of the head that answers, 0 to 1.

        Raises:
            UsageError: crops of another shape or type.
        """
        return score_crops(self._session, crops, self.head)

    def judge(self, crops: NDArray[np.uint8]) -> list[Scores]:
        """Score crops as `score` does, and say in the same pass how likely each one is a face."""
        if self._gate is None:
            return [Scores(row, None) for row in self.score(crops)]
        emotions, faces = score_heads(self._session, crops, [self.head, self._gate])
        return [Scores(row, float(face)) for row, (face,) in zip(emotions, faces, strict=True)]

    def analyze(self, source: PictureSource) -> ImageResult:
        """Analyze one picture.

        Args:
            source: a path, encoded bytes, an RGB array or a PIL image; see `mien.inference.image.read_picture`.

        Raises:
            PictureError: it cannot be used as a picture.
        """
        return self.analyze_many([source], threads=1)[0]

    def analyze_many(
        self,
        sources: Iterable[PictureSource],
        *,
        on_error: Callable[[PictureSource, PictureError], None] | None = None,
        threads: int | None = None,
    ) -> list[ImageResult]:
        """Analyze pictures; all their faces go through the network together.

        Pictures are decoded and searched in several threads, at most eight at once, and only the crops are kept, so
        memory grows by a few kilobytes a face.

        Args:
            sources: as in `analyze`.
            on_error: called with each picture that cannot be used, which is then left out; None raises instead. It is
                called in the order of the pictures, from the caller's own thread.
            threads: that decode and search; None takes as many as the analyzer's, eight at most. With 1 a source is
                taken when the one before is done.

        Returns:
            One result a picture, in order.

        Raises:
            PictureError: a picture cannot be used, and there is no `on_error`.
            UsageError: one picture was given in the place of several, or fewer threads than one.
        """
        if is_one_picture(sources):
            raise UsageError("analyze_many takes several pictures, such as a list of paths; for one there is analyze")
        if threads is not None and threads < 1:
            raise UsageError(f"threads is {threads}: give 1 or more")
        found: list[_Looked] = []
        for source, looked in work_ahead(self._look, sources, threads=threads or self._threads):
            if not isinstance(looked, PictureError):
                found.append(looked)
            elif on_error is None:
                raise looked
            else:
                on_error(source, looked)
        none = np.empty((0, self.card.crop.channels, self.card.crop.size, self.card.crop.size), np.uint8)
        scores = iter(self.judge(np.concatenate([none, *(looked.crops for looked in found)])))
        return [
            ImageResult(
                faces=tuple(self._judged(face, next(scores)) for face in looked.faces),
                width=looked.width,
                height=looked.height,
                model=self.card.name,
                source=looked.name,
            )
            for looked in found
        ]

    def _look(self, source: PictureSource) -> _Looked | PictureError:
        try:
            picture = self.read(source)
        except PictureError as error:
            return error
        height, width, _ = picture.shape
        faces = self.detector.find_faces(picture)
        name = os.fspath(source) if isinstance(source, str | os.PathLike) else None
        return _Looked(name, height, width, faces, crop_faces(picture, faces, self.card.crop))

    def _judged(self, face: Face, scores: Scores) -> FaceResult:
        emotions = Emotions(self.head.labels, tuple(scores.emotions.tolist()))
        return FaceResult(
            face,
            emotions,
            scores.face,
            unsure=self.head.is_unsure(emotions.confidence),
            present=self.head.present(emotions.probabilities),
        )

    def analyze_video(
        self,
        source: "FilmSource",
        *,
        settings: "VideoSettings | None" = None,
        start_s: float | None = None,
        end_s: float | None = None,
        every: int = 1,
        on_problem: Callable[[str], None] | None = None,
    ) -> Iterator["FrameResult"]:
        """Analyze a film, frame by frame, while it is decoded; memory does not grow with its length.

        Args:
            source: a video file, a folder of pictures, the address of a stream or the number of a camera.
            settings: how faces are followed and scores smoothed.
            start_s: no frames before this, in seconds on the film's own clock.
            end_s: no frames from this on, in seconds.
            every: only each n-th frame.
            on_problem: told in one line what of the film is lost; None raises, after the results of all that could
                be decoded.

        Yields:
            One result a frame, in order, without a face too.

        Raises:
            VideoError: it is no film, has no frame, or ends early.
            MissingExtraError: PyAV or SciPy is not installed.
        """
        from mien.inference.video.analyzer import VideoAnalyzer
        from mien.inference.video.film import follow_film
        from mien.inference.video.frames import Part, open_film

        problems: list[str] = []
        part = Part(start_s, end_s, every)
        film = open_film(source, max_pixels=self.max_pixels)
        try:
            video = VideoAnalyzer(self, settings, source=film.name)
            yield from follow_film(film, video, part, on_problem=on_problem or problems.append)
        finally:
            film.close()
        if problems:
            raise VideoError("; ".join(problems))
