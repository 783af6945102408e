"""mien: facial emotion recognition. Find the faces in a picture; say what they show, with probabilities.

>>> import mien
>>> result = mien.Analyzer().analyze("examples/astronaut.jpg")
>>> [(face.emotions.top, face.emotions.confidence > 0.9) for face in result]
[('happiness', True)]

Importing loads no model and opens no file of its own: the names below are looked up on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from mien.draw import blur_faces as blur_faces
    from mien.draw import draw_faces as draw_faces
    from mien.errors import DataError as DataError
    from mien.errors import MienError as MienError
    from mien.errors import MissingExtraError as MissingExtraError
    from mien.errors import OutputError as OutputError
    from mien.errors import PictureError as PictureError
    from mien.errors import RecipeError as RecipeError
    from mien.errors import TrainingError as TrainingError
    from mien.errors import UsageError as UsageError
    from mien.errors import VideoError as VideoError
    from mien.errors import WeightsError as WeightsError
    from mien.inference.analyzer import Analyzer as Analyzer
    from mien.inference.video.analyzer import VideoAnalyzer as VideoAnalyzer
    from mien.inference.video.analyzer import VideoSettings as VideoSettings
    from mien.inference.video.live import live as live
    from mien.results import Box as Box
    from mien.results import Emotions as Emotions
    from mien.results import Face as Face
    from mien.results import FaceResult as FaceResult
    from mien.results import ImageResult as ImageResult
    from mien.save import save_results as save_results
    from mien.video_results import Event as Event
    from mien.video_results import FrameResult as FrameResult
    from mien.video_results import TrackedFace as TrackedFace

__version__ = "0.1.0"

_HOMES = {
    "mien.inference.analyzer": ("Analyzer",),
    "mien.inference.video.analyzer": ("VideoAnalyzer", "VideoSettings"),
    "mien.inference.video.live": ("live",),
    "mien.results": ("Box", "Emotions", "Face", "FaceResult", "ImageResult"),
    "mien.video_results": ("Event", "FrameResult", "TrackedFace"),
    "mien.draw": ("blur_faces", "draw_faces"),
    "mien.save": ("save_results",),
    "mien.errors": (
        "MienError",
        "UsageError",
        "RecipeError",
        "MissingExtraError",
        "PictureError",
        "VideoError",
        "WeightsError",
        "TrainingError",
        "DataError",
        "OutputError",
    ),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = [  # noqa: PLE0604  (all of them are strings; they stand in one table with the modules they come from)
    "__version__",
    *_HOME_OF,
]


def __getattr__(name: str) -> Any:
    if name in _HOME_OF:
        return getattr(import_module(_HOME_OF[name]), name)
    raise AttributeError(f"module 'mien' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted(__all__)
