"""What a server allows, and to whom."""

from dataclasses import dataclass, field

from mien.inference.weights import DEFAULT_MODEL

MIB = 1 << 20


@dataclass(frozen=True)
class Limits:
    """Beyond these a request is refused with a sentence, before it costs much.

    Attributes:
        max_bytes: of the body of a request with pictures.
        max_film_bytes: of the body of a request with a film.
        max_frame_bytes: of one message of a live connection.
        max_pixels: of one picture or one frame, decoded.
        max_pictures: in one request.
        max_film_s: of a film, in seconds.
        max_requests: with pictures, in work or waiting for it; the next one is told to come back.
        max_explanations: in work or waiting for it.
        max_jobs: films in work or waiting for it; the next one is told to come back.
        max_results: results of films that are kept at the same time; the oldest is forgotten first.
        max_live: live connections at the same time.
        keep_s: the result of a film is forgotten after this time, in seconds.
        timeout_s: for receiving a request, and again for answering it, in seconds.
        idle_s: a live connection that sends nothing for this long is closed, in seconds.
    """

    max_bytes: int = 32 * MIB
    max_film_bytes: int = 256 * MIB
    max_frame_bytes: int = 4 * MIB
    max_pixels: int = 50_000_000
    max_pictures: int = 64
    max_film_s: float = 600.0
    max_requests: int = 64
    max_explanations: int = 8
    max_jobs: int = 4
    max_results: int = 8
    max_live: int = 8
    keep_s: float = 600.0
    timeout_s: float = 60.0
    idle_s: float = 60.0

    def describe(self) -> dict[str, float]:
        """Return those that a client can keep to by itself, ready for JSON."""
        return {
            "max_bytes": self.max_bytes,
            "max_film_bytes": self.max_film_bytes,
            "max_frame_bytes": self.max_frame_bytes,
            "max_pixels": self.max_pixels,
            "max_pictures": self.max_pictures,
            "max_film_s": self.max_film_s,
        }


@dataclass(frozen=True)
class Settings:
    """How a server is set up.

    Attributes:
        model: answers where a request names none; a name of the catalogue or the path of an ONNX file.
        detector: finds the faces where a request names none.
        labels: the head that answers where a request names none; None takes the model's first.
        api_key: has to come with every request but those for the page and for the health; None asks for none.
        origins: pages of other servers that may ask this one, such as ``"https://example.org"``.
        hosts: names by which the server may be called, without port; empty allows any.
        cores: steps of work that run at the same time.
        limits: what is refused.
    """

    model: str = DEFAULT_MODEL
    detector: str = "auto"
    labels: str | None = None
    api_key: str | None = field(default=None, repr=False)
    origins: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    cores: int = 1
    limits: Limits = field(default_factory=Limits)
