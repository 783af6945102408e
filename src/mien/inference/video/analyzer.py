"""Frames in, followed faces out: look, follow, score, smooth. Needs no decoder: frames come from anywhere."""

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from mien.errors import UsageError
from mien.inference.analyzer import Analyzer, Scores
from mien.inference.crops import crop_faces
from mien.inference.video.events import History
from mien.inference.video.shots import Shots
from mien.inference.video.tracks import SOON_S, Tracker
from mien.inference.video.windows import WINDOW_SIDE, look_again
from mien.results import Emotions, Face
from mien.video_results import Event, FrameResult, TrackedFace

LARGEST_FACE = 1.5
"""Of the longer side of the frame: no window is opened for a face that should be larger."""


@dataclass(frozen=True)
class VideoSettings:
    """How a film is followed.

    Attributes:
        detect_every: the whole frame is searched for faces in every n-th frame; in those between, known faces are
            found again in small windows, unless the frame before is longer ago than `SOON_S`.
        smoothing_s: time constant of the smoothing of the probabilities, in seconds; 0 does not smooth.
        hold_s: another emotion becomes the label after it has been on top for this long, in seconds.
        max_gap_s: a face that is missed and comes back within this time keeps its track, in seconds.
        cuts: whether all tracks end where the film is cut; a film of one shot needs no looking for cuts.

    Raises:
        UsageError: a value is out of range.
    """

    detect_every: int = 5
    smoothing_s: float = 0.3
    hold_s: float = 0.3
    max_gap_s: float = 1.0
    cuts: bool = True

    def __post_init__(self) -> None:
        if self.detect_every < 1:
            raise UsageError(f"detect_every is {self.detect_every}: it counts frames; give 1 (every frame) or more")
        for name in ("smoothing_s", "hold_s", "max_gap_s"):
            if not 0 <= getattr(self, name) < float("inf"):
                raise UsageError(f"{name} is {getattr(self, name)}: it counts seconds; give 0 or more")


class VideoAnalyzer:
    """Follows the faces of one film or live stream. Not to be shared between threads; its `Analyzer` may be.

    Args:
        analyzer: finds and scores the faces.
        settings: how they are followed.
        source: name of the film, for the results.

    Raises:
        MissingExtraError: SciPy is not installed.
    """

    def __init__(self, analyzer: Analyzer, settings: VideoSettings | None = None, *, source: str | None = None) -> None:
        self.settings = settings or VideoSettings()
        self._analyzer = analyzer
        self._source = source
        self._tracker = Tracker(max_gap_s=self.settings.max_gap_s)
        self._shots = Shots()
        self._histories: dict[int, History] = {}
        self._count = 0
        # A frame that is one crop has no place for windows.
        self._detect_every = 1 if analyzer.detector.name == "whole" else self.settings.detect_every

    def step(self, frames: Sequence[tuple[NDArray[np.uint8], float]], *, pixels: bool = False) -> list[FrameResult]:
        """Analyze the next frames; all their faces go through the network together.

        Args:
            frames: (height, width, 3) uint8 RGB, upright, and the time of each in seconds, in the order of the film;
                at any spacing. What `mien.Analyzer.read` takes otherwise is read as it does.
            pixels: whether the results carry the pixels.

        Returns:
            One result a frame, in order; `index` counts the frames that this object has seen.

        Raises:
            PictureError: a frame cannot be used as a picture.
            UsageError: a time is no number.
            Exception: whatever the detector or the network raises. After any of these it is as if the frames had not
                been given: the same ones may be given again, or the next.
        """
        for _, time_s in frames:
            if not math.isfinite(time_s):
                raise UsageError(f"a frame's time is {time_s}: give seconds, such as its number / frames a second")
        frames = [(self._analyzer.read(picture), time_s) for picture, time_s in frames]
        crop = self._analyzer.card.crop
        with self._all_or_nothing():
            found = [self._follow(picture, time_s) for picture, time_s in frames]
            crops = [np.empty((0, crop.channels, crop.size, crop.size), np.uint8)]
            crops += [crop_faces(picture, seen.faces, crop) for (picture, _), seen in zip(frames, found, strict=True)]
            scores = iter(self._analyzer.judge(np.concatenate(crops)))
        results: list[FrameResult] = []
        for (picture, time_s), seen in zip(frames, found, strict=True):
            faces, events = self._remember(seen, [next(scores) for _ in seen.faces])
            results.append(
                FrameResult(
                    index=self._count - len(frames) + len(results),
                    time_s=time_s,
                    faces=faces,
                    width=picture.shape[1],
                    height=picture.shape[0],
                    model=self._analyzer.card.name,
                    source=self._source,
                    shot=seen.shot,
                    events=events,
                    pixels=picture if pixels else None,
                )
            )
        return results

    def replay(self, known: FrameResult, pixels: NDArray[np.uint8] | None = None) -> FrameResult:
        """Take in the result of a frame that was analysed before, instead of analysing it again.

        After all frames up to some moment have been replayed, `step` goes on as if there had been no interruption.

        Args:
            known: the result.
            pixels: (height, width, 3) uint8 RGB of the frame; without those of the last one it cannot be seen whether
                the film is cut right after it.

        Returns:
            The same result.
        """
        self._count += 1
        cut = self._shots.go_on(known.shot, known.time_s, pixels if self.settings.cuts else None)
        over = [track.id for track in self._tracker.predict(known.time_s, cut=cut)]
        faces = [found.face for found in known]
        ids = self._tracker.place(faces, [found.track_id for found in known])
        scores = [Scores(np.array(found.emotions.probabilities), found.face_probability) for found in known]
        tracked, events = self._remember(_Seen(faces, ids, over, self._tracker.now_s, known.shot), scores)
        return replace(known, faces=tracked, events=events)

    def finish(self) -> list[Event]:
        """End the film: return the events that were still going on."""
        over = [event for history in self._histories.values() for event in history.finish()]
        self._histories = {}
        self._tracker.tracks = []
        return over

    @contextmanager
    def _all_or_nothing(self) -> Iterator[None]:
        # Tracks that moved on without their histories would end where there is no history to end.
        tracker, shots, count = self._tracker.copy(), self._shots.copy(), self._count
        try:
            yield
        except BaseException:
            self._tracker, self._shots, self._count = tracker, shots, count
            raise

    def _follow(self, picture: NDArray[np.uint8], time_s: float) -> "_Seen":
        everywhere = self._count % self._detect_every == 0
        self._count += 1
        cut = self.settings.cuts and self._shots.see(picture, time_s)
        over = [track.id for track in self._tracker.predict(time_s, cut=cut)]
        # Who was lost a moment ago may be elsewhere by now, and in another shot is somebody else.
        everywhere = everywhere or bool(over) or self._tracker.passed_s > SOON_S
        expected = [track.motion.box for track in self._tracker.tracks]
        # While a face is hidden, what is expected of one that came nearer grows on: its window would fill the memory.
        largest = LARGEST_FACE * max(picture.shape[:2])
        windows = [box for box in expected if max(box.width, box.height) <= largest]
        if everywhere or len(windows) * WINDOW_SIDE**2 > picture.shape[0] * picture.shape[1]:
            faces = self._analyzer.detector.find_faces(picture)
            matches = self._tracker.match(faces)
        else:
            seen = look_again(picture, windows, self._analyzer.detector)
            # A window may cut a stranger's face in two: new tracks begin where the whole frame is seen.
            matched = [(face, number) for face, number in zip(seen, self._tracker.match(seen), strict=True) if number]
            faces, matches = [face for face, _ in matched], [number for _, number in matched]
        ids = self._tracker.place(faces, matches)
        order = sorted(range(len(faces)), key=ids.__getitem__)
        return _Seen(
            [faces[place] for place in order],
            [ids[place] for place in order],
            over,
            self._tracker.now_s,
            self._shots.number,
        )

    def _remember(self, seen: "_Seen", scores: Sequence[Scores]) -> tuple[tuple[TrackedFace, ...], tuple[Event, ...]]:
        head = self._analyzer.head
        events = [event for number in seen.over for event in self._histories.pop(number).finish()]
        tracked = []
        for face, number, (raw, face_probability) in zip(seen.faces, seen.ids, scores, strict=True):
            if number not in self._histories:
                self._histories[number] = History(
                    number, head, smoothing_s=self.settings.smoothing_s, hold_s=self.settings.hold_s
                )
            smoothed, label, over = self._histories[number].update(raw, seen.now_s)
            events += over
            emotions, calm = (Emotions(head.labels, tuple(values.tolist())) for values in (raw, smoothed))
            tracked.append(
                TrackedFace(
                    face,
                    emotions,
                    face_probability,
                    track_id=number,
                    unsure=head.is_unsure(emotions.confidence),
                    present=head.present(emotions.probabilities),
                    smoothed=calm,
                    label=label,
                    label_unsure=head.is_unsure(calm[label]),
                )
            )
        return tuple(tracked), tuple(events)


@dataclass(frozen=True)
class _Seen:
    # The faces of a frame in the order of their tracks, the tracks that ended before it, when it is for the tracks, and
    # its shot.
    faces: list[Face]
    ids: list[int]
    over: list[int]
    now_s: float
    shot: int
