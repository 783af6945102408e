"""What the installed core weighs, library by library, and what it costs to start.

    python benchmarks/installed_size.py

Installs the repository with the pinned versions into a new virtual environment, adds up the files of each
distribution, and runs `import mien`, `from mien import Analyzer` and `mien --help` a few times there. Writes
results/installed_size.csv and results/startup.csv.
"""

import json
import resource
import statistics
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

from measurements import write_rows

REPOSITORY = Path(__file__).parent.parent
TIMES = 7

SIZES = """
import importlib.metadata, json
sizes = {}
for distribution in importlib.metadata.distributions():
    files = [distribution.locate_file(file) for file in distribution.files or []]
    sizes[distribution.name] = [distribution.version, sum(f.stat().st_size for f in files if f.is_file())]
print(json.dumps(sizes))
"""


def cpu_seconds(command: list[str]) -> float:
    """Return the CPU time of one run of a command, user and system."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    """Install, weigh, start."""
    with tempfile.TemporaryDirectory() as folder:
        venv.create(folder, with_pip=True)
        bin_folder = Path(folder) / "bin"
        constraints = REPOSITORY / "constraints.txt"
        command = [bin_folder / "pip", "install", "--quiet", "-c", constraints, REPOSITORY]
        subprocess.run(command, check=True)
        python = str(bin_folder / "python")
        answer = subprocess.run([python, "-c", SIZES], check=True, capture_output=True, text=True).stdout
        sizes = {name: size for name, size in json.loads(answer).items() if name not in ("pip", "setuptools")}
        starts = {
            "python -c pass": [python, "-c", "pass"],
            "import mien": [python, "-c", "import mien"],
            "from mien import Analyzer": [python, "-c", "from mien import Analyzer"],
            "mien --help": [str(bin_folder / "mien"), "--help"],
        }
        times = {}
        for name, start in starts.items():
            cpu_seconds(start)  # the first run compiles
            times[name] = statistics.median(cpu_seconds(start) for _ in range(TIMES))
    total = sum(size for _, size in sizes.values())
    rows = [
        {"distribution": name, "version": version, "megabytes": f"{size / 1e6:.1f}"}
        for name, (version, size) in sorted(sizes.items(), key=lambda item: -item[1][1])
    ]
    rows.append({"distribution": "total", "version": "", "megabytes": f"{total / 1e6:.1f}"})
    for row in rows:
        print(f"{row['megabytes']:>8} MB  {row['distribution']} {row['version']}")
    for name, seconds in times.items():
        print(f"{seconds:8.3f} s   {name}")
    print(write_rows("installed_size", rows))
    python_version = f"{sys.version_info.major}.{sys.version_info.minor}"
    print(
        write_rows(
            "startup",
            [
                {"start": name, "cpu_seconds": f"{seconds:.3f}", "runs": TIMES, "python": python_version}
                for name, seconds in times.items()
            ],
        )
    )


if __name__ == "__main__":
    main()
