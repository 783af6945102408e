"""What a film costs: CPU and frames a second of the whole way from the file to the table, and memory.

    python benchmarks/video_speed.py ../shared/photos/talking_face.mp4

The film of one talking face is brought to 640 x 360 and looped, then `mien video` runs on it in a process of its own,
from start to exit: with each detector on the film, and with YuNet on one that is 30 times longer. Memory is the peak of
the process. Writes results/video_speed.csv.

Run it where nothing but `mien[video,parquet]` is installed: where pandas is, pyarrow imports it, for 0.7 s of CPU.
"""

import os
import subprocess
import sys
import tempfile
import time
from fractions import Fraction
from pathlib import Path

import av

from measurements import default_model, write_rows
from mien.errors import one_line

WIDTH, HEIGHT = 640, 360
LOOPS = 3
LONGER = 30


def encode(film: Path, target: Path) -> None:
    """Bring a film to 640 x 360, 25 frames a second, without frames that look ahead."""
    with av.open(str(film)) as source, av.open(str(target), "w") as out:
        stream = out.add_stream("libx264", rate=25, options={"bf": "0", "crf": "20", "preset": "veryfast"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        for number, frame in enumerate(source.decode(video=0)):
            scaled = frame.reformat(width=WIDTH, height=HEIGHT, format="yuv420p")
            scaled.pts, scaled.time_base = number, Fraction(1, 25)
            out.mux(stream.encode(scaled))
        out.mux(stream.encode(None))


def loop(film: Path, target: Path, times: int) -> int:
    """Put a film behind itself so many times, and return its number of frames."""
    with av.open(str(film)) as source, av.open(str(target), "w") as out:
        stream = source.streams.video[0]
        packets = [(bytes(packet), packet) for packet in source.demux(stream) if packet.dts is not None]
        copy = out.add_stream_from_template(stream)
        length = packets[1][1].dts - packets[0][1].dts
        for number in range(times):
            for place, (content, packet) in enumerate(packets):
                again = av.Packet(content)
                again.pts = again.dts = (number * len(packets) + place) * length
                again.duration = length
                again.time_base = stream.time_base
                again.is_keyframe = packet.is_keyframe
                again.stream = copy
                out.mux(again)
    return times * len(packets)


def run(film: Path, table: Path, detector: str) -> tuple[float, float, float]:
    """Run `mien video`; return wall and CPU time in seconds and the peak of its memory in megabytes."""
    command = [Path(sys.executable).with_name("mien"), "video", film, "--output", table, "--detector", detector]
    start = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    wall_s = time.perf_counter() - start
    if status != 0:
        sys.exit(f"failed: {film}")
    return wall_s, usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024


def main() -> None:
    """Make the films, measure, write."""
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    rows = []
    with tempfile.TemporaryDirectory() as folder:
        once, table = Path(folder) / "once.mp4", Path(folder) / "out.parquet"
        encode(Path(sys.argv[1]), once)
        for detector, loops in (("haar", LOOPS), ("yunet", LOOPS), ("yunet", LONGER * LOOPS)):
            film = Path(folder) / f"{loops}.mp4"
            frames = loop(once, film, loops)
            wall_s, cpu_s, peak_mb = run(film, table, detector)
            rows.append(
                default_model()
                | {
                    "data": Path(sys.argv[1]).name,
                    "detector": detector,
                    "frames": frames,
                    "size": f"{WIDTH} x {HEIGHT}",
                    "cores": os.cpu_count(),
                    "frames_per_s": f"{frames / wall_s:.1f}",
                    "cpu_ms_per_frame": f"{1000 * cpu_s / frames:.2f}",
                    "peak_mb": f"{peak_mb:.0f}",
                }
            )
            print(rows[-1], flush=True)
    print(write_rows("video_speed", rows))


if __name__ == "__main__":
    one_line(main)
