"""What the page makes of a webcam: frames a second and latency, end to end, in headless Chromium.

    python benchmarks/live_page.py ../shared/photos/talking_face.mp4

The film is played by Chromium's fake camera at 640 x 360 and 30 frames a second. The page sends frames to a server on
this machine, which shares its cores with the browser, and draws the answers. A frame counts when it is on the screen
with its boxes; latency is from reading the camera to then. Needs the extra web, playwright and Chromium. Writes
results/live_page.csv.
"""

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import av
import cv2
from playwright.sync_api import sync_playwright

from load import cpu_s, server
from measurements import default_model, write_rows
from mien.errors import one_line

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --use-fake-device-for-media-stream --use-fake-ui-for-media-stream"
)
WARM_S = 4


def camera_film(film: Path, folder: Path) -> Path:
    """Write the frames of a film as JPEG, forwards and backwards, which Chromium's fake camera repeats for ever."""
    with av.open(str(film)) as container:
        frames = [
            cv2.imencode(".jpg", frame.reformat(640, 360, "bgr24").to_ndarray())[1].tobytes()
            for frame in container.decode(video=0)
        ]
    path = folder / "camera.mjpeg"
    path.write_bytes(b"".join(frames + frames[::-1]))
    return path


def main() -> None:
    """Watch the page for a while."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("film", type=Path)
    parser.add_argument("--seconds", type=float, default=20.0)
    parser.add_argument("--chromium", default="/usr/bin/chromium")
    given = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        camera = camera_film(given.film, Path(folder))
        for detector in ("yunet", "haar"):
            with server("--detector", detector) as (port, pid):
                flags = [*FLAGS.split(), f"--use-file-for-fake-video-capture={camera}"]
                browser = playwright.chromium.launch(executable_path=given.chromium, args=flags)
                page = browser.new_page(viewport={"width": 1280, "height": 900})
                page.goto(f"http://127.0.0.1:{port}/")
                page.wait_for_selector("#model option", state="attached")
                page.click("#webcam")
                page.wait_for_selector("#faces .face", timeout=30_000)
                time.sleep(WARM_S)
                timeline = page.locator("#timeline")
                first, began, used = int(timeline.get_attribute("data-frames") or 0), time.perf_counter(), cpu_s(pid)
                latencies = []
                while time.perf_counter() - began < given.seconds:
                    time.sleep(1)
                    latencies.append(float(page.locator("#meter").get_attribute("data-latency") or "nan"))
                last, wall, used = (
                    int(timeline.get_attribute("data-frames") or 0),
                    time.perf_counter() - began,
                    cpu_s(pid) - used,
                )
                faces = page.locator("#faces .face").count()
                browser.close()
            rows.append(
                default_model()
                | {
                    "data": given.film.name,
                    "detector": detector,
                    "seconds": f"{wall:.1f}",
                    "frames_per_second": f"{(last - first) / wall:.1f}",
                    "latency_ms": f"{statistics.mean(latencies):.1f}",
                    "server_cpu_ms_per_frame": f"{1000 * used / (last - first):.1f}",
                    "faces_at_the_end": faces,
                }
            )
            print(rows[-1], flush=True)
    print(write_rows("live_page", rows))


if __name__ == "__main__":
    one_line(main)
