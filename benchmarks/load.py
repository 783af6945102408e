"""What `mien serve` does under load: one client, then 32 at once, over loopback.

    python benchmarks/load.py                # a minute each
    python benchmarks/load.py --seconds 10

A client sends examples/astronaut.jpg again and again over one connection and waits for each answer. The server runs in
a process of its own with its defaults; the clients share the machine with it. Writes results/load.csv.
"""

import argparse
import http.client
import json
import re
import statistics
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import numpy as np

from measurements import default_model, write_rows

PHOTO = Path(__file__).parent.parent / "examples" / "astronaut.jpg"
CLIENTS = (1, 32)
WARM_S = 2.0


@contextmanager
def server(*options: str) -> Iterator[tuple[int, int]]:
    """Start `mien serve`; give its port and its process, and stop it at the end."""
    command = [sys.executable, "-c", "from mien.cli import main; main()", "serve", "--port", "0", *options]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline() if process.stdout else ""
        found = re.search(r":(\d+) ", line)
        if not found:
            sys.exit(f"the server did not start: {line!r}")
        yield int(found[1]), process.pid
    finally:
        process.terminate()
        process.wait(20)


def memory_mb(pid: int) -> float:
    """Return the resident memory of a process, in MB."""
    text = Path(f"/proc/{pid}/status").read_text()
    return int(re.findall(r"VmRSS:\s+(\d+)", text)[0]) / 1024


def cpu_s(pid: int) -> float:
    """Return the CPU time that a process has used, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / 100


def busy_s() -> float:
    """Return the CPU time that everything on this machine has used, in seconds."""
    fields = Path("/proc/stat").read_text().split("\n")[0].split()[1:]
    idle, waiting = int(fields[3]), int(fields[4])
    return (sum(map(int, fields)) - idle - waiting) / 100


HEADERS = {"Content-Type": "image/jpeg"}


class Client(threading.Thread):
    """Asks again and again until it is told to stop."""

    def __init__(self, port: int, path: str, body: bytes, right: bytes, stop: threading.Event) -> None:
        super().__init__()
        self.latencies: list[float] = []
        self.statuses: Counter[int] = Counter()
        self.wrong = b""  # an answer that was not the right one
        self._port, self._path, self._body, self._right, self._over = port, path, body, right, stop

    def run(self) -> None:
        """Ask; compared as bytes, because the clients share the cores with the server."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=60)
        while not self._over.is_set():
            began = time.perf_counter()
            connection.request("POST", self._path, self._body, HEADERS)
            answer = connection.getresponse()
            content = answer.read()
            self.statuses[answer.status] += 1
            if answer.status == 200:
                self.latencies.append(time.perf_counter() - began)
                if content != self._right:
                    self.wrong = content
                    break
        connection.close()


def answer_to(port: int, path: str, body: bytes) -> bytes:
    """Return the answer that every client must get: one face, and no pass shared with others changes it."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    connection.request("POST", path, body, HEADERS)
    content = connection.getresponse().read()
    connection.close()
    if len(json.loads(content)["results"][0]["faces"]) != 1:
        sys.exit(f"another answer than the one face: {content[:200]!r}")
    return content


def measure(port: int, pid: int, path: str, clients: int, seconds: float) -> dict[str, Any]:
    """Return what some clients got in some seconds."""
    stop = threading.Event()
    body = PHOTO.read_bytes()
    right = answer_to(port, path, body)
    everyone = [Client(port, path, body, right, stop) for _ in range(clients)]
    before, began = cpu_s(pid), time.perf_counter()
    before_all, before_own = busy_s(), time.process_time()
    for client in everyone:
        client.start()
    memory = []
    while time.perf_counter() - began < seconds:
        time.sleep(0.5)
        memory.append(memory_mb(pid))
    used = cpu_s(pid) - before
    others = busy_s() - before_all - used - (time.process_time() - before_own)
    stop.set()
    wall = time.perf_counter() - began
    for client in everyone:
        client.join()
    if wrong := [client.wrong for client in everyone if client.wrong]:
        sys.exit(f"another answer than the one face: {wrong[0][:200]!r}")
    latencies = 1000 * np.array([latency for client in everyone for latency in client.latencies])
    statuses = sum((client.statuses for client in everyone), Counter())
    return {
        "clients": clients,
        "seconds": f"{wall:.1f}",
        "answers": len(latencies),
        "busy_429": statuses.pop(429, 0),
        "errors": sum(statuses.values()) - statuses[200],
        "per_second": f"{len(latencies) / wall:.1f}",
        "mean_ms": f"{latencies.mean():.1f}",
        "p50_ms": f"{np.percentile(latencies, 50):.1f}",
        "p99_ms": f"{np.percentile(latencies, 99):.1f}",
        "server_cpu_ms_per_answer": f"{1000 * used / len(latencies):.1f}",
        "other_cores_busy": f"{others / wall:.2f}",  # neither server nor clients; the figures hold where this is near 0
        "memory_first_mb": f"{statistics.mean(memory[:4]):.0f}",
        "memory_last_mb": f"{statistics.mean(memory[-4:]):.0f}",
        "memory_most_mb": f"{max(memory):.0f}",
    }


def main() -> None:
    """Measure one client, then many."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--clients", type=int, nargs="+", default=CLIENTS)
    parser.add_argument("--detector", default="auto")
    parser.add_argument("--dry", action="store_true", help="write nothing")
    given = parser.parse_args()
    rows = []
    with ExitStack() as stack:
        port, pid = stack.enter_context(server("--detector", given.detector))
        path = "/v1/analyze"
        measure(port, pid, path, 4, WARM_S)
        for clients in given.clients:
            rows.append(
                default_model() | {"detector": given.detector} | measure(port, pid, path, clients, given.seconds)
            )
            print(rows[-1], flush=True)
    if not given.dry:
        print(write_rows("load", rows))


if __name__ == "__main__":
    main()
