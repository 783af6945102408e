import contextlib
import shutil
import threading
import time

import numpy as np
import pytest

pytest.importorskip("fastapi", reason="the extra web is not installed")
pytest.importorskip("scipy", reason="the extra video is not installed")

import cv2
import uvicorn
from starlette.testclient import TestClient

from mien.web.app import create_app
from mien.web.settings import Limits, Settings

CORES = 2
FLAGS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
]
DESKTOP = {"width": 1280, "height": 900}


@contextlib.contextmanager
def open_client(*, limits=None, **settings):
    app = create_app(Settings(detector="haar", cores=CORES, limits=limits or Limits(), **settings))
    with TestClient(app, base_url="http://127.0.0.1:8000") as client:
        yield client


@pytest.fixture(scope="session")
def client():
    """A server with its defaults (and the detector that is always there), without a socket."""
    with open_client() as client:
        yield client


@contextlib.contextmanager
def run_server(*, limits=None, **settings):
    """A server at a socket, in a thread of this process; gives its port."""
    limits = limits or Limits()
    app = create_app(Settings(detector="haar", cores=CORES, limits=limits, **settings))
    config = uvicorn.Config(
        app, port=0, log_level="critical", ws_max_size=limits.max_frame_bytes, timeout_graceful_shutdown=5
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    deadline = time.monotonic() + 20
    while not server.started and time.monotonic() < deadline:
        time.sleep(0.02)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def port():
    with run_server() as port:
        yield port


@pytest.fixture(scope="session")
def photo(astronaut):
    return astronaut.read_bytes()


@pytest.fixture(scope="session")
def film(astronaut, tmp_path_factory):
    """A film of 30 frames in 3 s: the astronaut, slowly moving."""
    av = pytest.importorskip("av", reason="the extra video is not installed")
    path = tmp_path_factory.mktemp("film") / "astronaut.mp4"
    picture = cv2.resize(cv2.imread(str(astronaut)), (320, 320), interpolation=cv2.INTER_AREA)
    with av.open(str(path), "w") as container:
        stream = container.add_stream("libx264", rate=10)
        stream.width, stream.height, stream.pix_fmt = 320, 240, "yuv420p"
        for number in range(30):
            pixels = np.ascontiguousarray(picture[number : number + 240])
            for packet in stream.encode(av.VideoFrame.from_ndarray(pixels, format="bgr24")):
                container.mux(packet)
        for packet in stream.encode():
            container.mux(packet)
    return path


@pytest.fixture(scope="module")
def camera(film, tmp_path_factory):
    """What the fake camera shows: the frames of the film as JPEG, one after the other."""
    av = pytest.importorskip("av")
    path = tmp_path_factory.mktemp("camera") / "face.mjpeg"
    with av.open(str(film)) as container:
        frames = [cv2.imencode(".jpg", frame.to_ndarray(format="bgr24"))[1].tobytes() for frame in container.decode()]
    path.write_bytes(b"".join(frames + frames[::-1]))
    return path


@pytest.fixture(scope="module")
def browser(camera):
    """Chromium with a webcam and the permission to use it."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    chromium = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("there is no Chromium; Debian's package is called chromium")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=chromium, args=[*FLAGS, f"--use-file-for-fake-video-capture={camera}"]
        )
        yield browser
        browser.close()
