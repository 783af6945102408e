"""What a server counts, for Prometheus. Nothing in it tells of a picture or of who sent it."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0)
CROPS = (1, 2, 4, 8, 16, 32, 64, 128, 256)


class Metrics:
    """The counters of one server.

    Attributes:
        requests: by route, method and status.
        seconds: from the first byte of a request to the last of its answer, by route.
        pictures: pictures that were analysed.
        faces: faces that were found, in pictures and live.
        crops: sizes of the passes through the network.
        waiting: requests with pictures that are in work or wait.
        live: connections that are open.
        frames: of live connections, by what became of them: analysed, dropped or unreadable.
        jobs: films by state.
    """

    def __init__(self) -> None:
        self._registry = registry = CollectorRegistry()
        self.requests = Counter("mien_requests", "Requests answered.", ("route", "method", "status"), registry=registry)
        self.seconds = Histogram(
            "mien_request_seconds", "Time to answer.", ("route",), buckets=SECONDS, registry=registry
        )
        self.pictures = Counter("mien_pictures", "Pictures analysed.", registry=registry)
        self.faces = Counter("mien_faces", "Faces found.", registry=registry)
        self.crops = Histogram(
            "mien_pass_crops", "Crops in one pass through the network.", buckets=CROPS, registry=registry
        )
        self.waiting = Gauge("mien_requests_in_work", "Requests with pictures in work or waiting.", registry=registry)
        self.live = Gauge("mien_live_connections", "Open live connections.", registry=registry)
        self.frames = Counter("mien_live_frames", "Frames of live connections.", ("fate",), registry=registry)
        self.jobs = Gauge("mien_films", "Films by state.", ("state",), registry=registry)

    def text(self) -> bytes:
        """Return all of them in Prometheus' own format."""
        return generate_latest(self._registry)
