"""Writes the tables of README.md, recipes/README.md and docs/: no figure is ever typed.

They are made of benchmarks/results/*.csv, and of the evaluation that ships beside the default model.

python benchmarks/tables.py            rewrite the tables
python benchmarks/tables.py --check    fail where a table is not what the results say
"""

import argparse
import csv
import json
import re
import sys
from collections.abc import Callable
from typing import Any

from measurements import RESULTS
from mien.inference.weights import CATALOGUE, DEFAULT_MODEL, SHIPPED

ROOT = RESULTS.parent.parent
CPUS = {"vnni": "CPU with VNNI", "none": "CPU without VNNI"}
"""What the CPU of a timing multiplies int8 with, in words."""
NOT_MEASURED = "not measured"
THREAD = "one thread"

FILES = {entry.name: entry.sha256 for entry in CATALOGUE}
"""The SHA-256 of what ships, by name."""


def read(name: str, *, ships: bool = True) -> list[dict[str, str]]:
    """Return the rows of a results file.

    Args:
        name: of the file, without its ending.
        ships: whether rows that name a shipped model must be of the very file that ships; if not, this ends.
    """
    with (RESULTS / f"{name}.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    for row in rows if ships else ():
        model = row.get("model") or row.get("peer", "")
        if row.get("sha256") != FILES.get(model, row.get("sha256")):
            sys.exit(f"{name}.csv: its {model} is not the file that ships: measure it again")
    return rows


def table(heading: list[str], rows: list[list[str]]) -> str:
    """Return a Markdown table."""
    lines = [heading, ["---"] * len(heading), *rows]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def percent(row: dict[str, str], metric: str) -> str:
    """Return a share as per cent with its interval."""
    value, low, high = (100 * float(row[f"{metric}{end}"]) for end in ("", "_low", "_high"))
    return f"{value:.2f} % ({low:.1f} to {high:.1f})"


def accuracy() -> str:
    """The heads of one label of the default model, on PrivateTest."""
    rows = [row for row in read(f"accuracy_{DEFAULT_MODEL}") if row["accuracy"]]
    cells = [
        [
            f"`{row['head']}`",
            row["truth"],
            row["n"],
            percent(row, "accuracy"),
            percent(row, "balanced_accuracy"),
            percent(row, "top3_accuracy"),
            f"{float(row['ece']):.3f} ({float(row['ece_if_calibrated']):.3f})",
        ]
        for row in rows
    ]
    first = rows[0]
    source = f"{first['model']} ({first['sha256'][:12]}), {first['data']}, {first['split']}, {first['date']}."
    heading = ["head", "right answer", "n", "accuracy (95 %)", "balanced accuracy", "top 3", "ECE (by chance)"]
    return table(heading, cells) + f"\n\n{source}"


def models() -> str:
    """The shipped models beside each other."""
    names = {entry.name for entry in CATALOGUE if entry.kind == "emotions"}
    newest = next((rows for rows in speeds() if names <= {row["model"] for row in rows}), None)
    if newest is None:
        sys.exit("speed_*.csv: no file has all models that ship: run python benchmarks/speed.py")
    faces = {row["model"]: f"{float(row['cpu_ms']):.2f} ms" for row in newest if row["what"] == "one face"}
    cells = []
    for entry in CATALOGUE:
        if entry.name in names:
            size_of = f"{entry.size / 1e6:.1f} MB"
            cells.append([f"`{entry.name}`", size_of, faces[entry.name], *headline(entry.name)])
    note = f"Time: {THREAD} of a {machine(newest[0])}."
    return table(["model", "size", "CPU a face", *HEADLINE], cells) + f"\n\n{note}"


HEADLINE = ("`fer7`", "its top 3", "`ferplus8`, majority", "`multilabel8`, macro-F1")


def headline(measured: str, *, ships: bool = True) -> list[str]:
    """The figures of one model that its users ask for first."""
    scores = {(row["head"], row["truth"]): row for row in read(f"accuracy_{measured}", ships=ships)}
    seven, votes = scores["fer7", "label"], scores["ferplus8", "majority"]
    several = scores.get(("multilabel8", "3 votes"))
    return [
        percent(seven, "accuracy"),
        percent(seven, "top3_accuracy"),
        percent(votes, "accuracy"),
        percent(several, "tuned_macro_f1") if several else "",
    ]


def seeds() -> str:
    """What ships beside a second run with another seed, of its recipe or of the one for machines without a GPU."""
    cells = []
    for again in sorted(path.stem.removeprefix("accuracy_") for path in RESULTS.glob("accuracy_*_seed2*.csv")):
        model, _, how = again.partition("_seed2")
        for measured, said in ((model, "ships"), (again, f"seed 2, by `{model}{how}`" if how else "seed 2")):
            ships = measured == model
            gate_head = percent(read(f"face_{measured}", ships=ships)[0], "balanced_accuracy")
            cells.append([f"`{model}`", said, *headline(measured, ships=ships), gate_head])
    return table(["recipe", "", *HEADLINE, "`face`, balanced"], cells)


def detectors() -> str:
    """Faces found in annotated photographs, and in pictures of other things."""
    measured = [entry.name for entry in CATALOGUE if (RESULTS / f"detectors_{entry.name}.csv").exists()]
    rows = [row for name in measured for row in read(f"detectors_{name}")]
    cells = [
        [
            f"`{row['detector']}` with `{row['model']}`",
            f"{row['found']} of {row['n']}",
            row["false_alarms"],
            f"{row['faces_in_things']} in {row['things']}",
            f"{row['cpu_ms_per_photo']} ms",
        ]
        for row in rows
    ]
    heading = ["", "faces found", "false alarms", "faces in pictures of things", "CPU a photograph"]
    return table(heading, cells)


def speed() -> str:
    """Milliseconds a face and a photograph, on each CPU."""
    machines = [{(row["what"], row["model"]): f"{float(row['cpu_ms']):.2f} ms" for row in rows} for rows in speeds()]
    cells = [
        [f"{what}, `{model}`", *(took.get((what, model), NOT_MEASURED) for took in machines)]
        for what, model in max(machines, key=len)
    ]
    return table([THREAD, *(f"{machine(rows[0])}, {rows[0]['date']}" for rows in speeds())], cells)


def speeds() -> list[list[dict[str, str]]]:
    """What `speed.py` measured of the files that ship, a list for each CPU, the newest first."""
    measured = [read(path.stem, ships=False) for path in RESULTS.glob("speed_*.csv")]
    shipped = [[row for row in rows if row["sha256"] in FILES.values()] for rows in measured]
    return sorted(filter(None, shipped), key=lambda rows: rows[0]["date"], reverse=True)


def machine(row: dict[str, str]) -> str:
    """What a timing was measured on."""
    return CPUS[row["int8_by"]] + (f" ({row['cpu']})" if row.get("cpu") else "")


def size() -> str:
    """Megabytes of the installed core, and what it costs to start."""
    rows = read("installed_size")
    large = [row for row in rows if float(row["megabytes"]) >= 5 and row["distribution"] != "total"]
    rest = sum(float(row["megabytes"]) for row in rows[:-1]) - sum(float(row["megabytes"]) for row in large)
    cells = [[row["distribution"], f"{row['megabytes']} MB"] for row in large]
    cells += [["everything else", f"{rest:.1f} MB"], ["**together**", f"**{rows[-1]['megabytes']} MB**"]]
    cells += [[f"`{row['start']}`", f"{row['cpu_seconds']} s of CPU"] for row in read("startup")]
    return table(["the core, installed", ""], cells)


def peers() -> str:
    """Mien and others on the same pictures."""
    rows = read("peers")
    cells = [
        [
            row["peer"],
            percent(row, "accuracy"),
            f"{float(row['nll']):.3f}",
            f"{float(row['ece']):.3f}",
            f"{float(row['cpu_ms_per_face']):.2f} ms",
            f"{float(row['cpu_ms_per_photo']):.0f} ms",
            f"{float(row['import_cpu_s']):.1f} s",
            f"{int(row['installed_mb']):,} MB",
        ]
        for row in rows
    ]
    heading = ["", "accuracy (95 %)", "NLL", "ECE", "CPU a face", "CPU a photo", "CPU to import", "installed"]
    first = rows[0]
    source = f"{first['data']}, {first['split']}, {first['n']} pictures; a {machine(first)}; {first['date']}."
    return table(heading, cells) + f"\n\n{source}"


def video() -> str:
    """Frames a second, milliseconds a frame and memory of a film."""
    cells = [
        [
            f"{row['frames']} frames, `{row['detector']}`",
            row["frames_per_s"],
            f"{row['cpu_ms_per_frame']} ms",
            f"{row['peak_mb']} MB",
        ]
        for row in read("video_speed")
    ]
    first = read("video_speed")[0]
    heading = [f"{first['size']}, one face, {first['cores']} cores", "frames a second", "CPU a frame", "peak memory"]
    return table(heading, cells)


def server() -> str:
    """Answers a second under load."""
    cells = [
        [row["clients"], row["per_second"], f"{row['p50_ms']} ms", f"{row['p99_ms']} ms", f"{row['memory_most_mb']} MB"]
        for row in read("load")
    ]
    return table(["clients at once", "pictures a second", "median", "99 %", "peak memory"], cells)


def live() -> str:
    """What the page makes of a webcam."""
    cells = [
        [
            f"`{row['detector']}`",
            row["frames_per_second"],
            f"{row['latency_ms']} ms",
            f"{row['server_cpu_ms_per_frame']} ms",
        ]
        for row in read("live_page")
    ]
    return table(["webcam, 640 x 360", "frames a second", "camera to screen", "the server's CPU a frame"], cells)


def training() -> str:
    """How long an epoch takes, by the precision and by what the CPU multiplies in bf16 with."""
    precisions = {"bf16": "bf16", "32": "float32"}
    cpus = {"amx": "AMX", "avx512": "AVX512", "none": "neither"}
    rows = [row for path in sorted(RESULTS.glob("training_speed_*.csv")) for row in read(path.stem)]
    rows.sort(key=lambda row: float(row["epoch_s"]))
    cells = [
        [
            f"`{row['recipe']}`",
            precisions[row["precision"]],
            cpus[row["bf16_by"]],
            row["n"],
            f"{row['epoch_s']} s",
            f"{row['first_epoch_s']} s",
            f"{100 * float(row['loader_share']):.1f} %",
        ]
        for row in rows
    ]
    heading = [
        f"{rows[0]['threads']} CPU threads",
        "in",
        "a CPU with",
        "pictures",
        "an epoch",
        "the first",
        "of it the loader",
    ]
    return table(heading, cells)


def experiments() -> str:
    """What the recipes reached on the test split, beside what was published."""
    cells = []
    for row in read("experiments"):
        if row["accuracy"]:
            found = f"accuracy {percent(row, 'accuracy')}"
            if row["top3_accuracy"]:
                found += f", top 3 {percent(row, 'top3_accuracy')}"
            elif row["balanced_accuracy"]:
                found += f", balanced {percent(row, 'balanced_accuracy')}"
        else:
            losses = " to ".join(f"{float(row[f'tuned_hamming_loss_{end}']):.3f}" for end in ("low", "high"))
            found = (
                f"macro-F1 {percent(row, 'tuned_macro_f1')}, micro-F1 {percent(row, 'tuned_micro_f1')}, "
                f"Hamming loss {float(row['tuned_hamming_loss']):.3f} ({losses})"
            )
        if row["trial"] == "True":
            found = "*trial*"
        name = f"[{row['recipe']}]({row['recipe']}.toml)"
        cells.append([name, row["published"], f"`{row['head']}`", row["epochs"], row["n"], found])
    return table(["recipe", "published", "head", "epochs", "test pictures", "here (95 %)"], cells)


def gate() -> str:
    """How the gates do on each kind of held-out picture."""
    of_each = {name: {row["source"]: row for row in read(f"gate_sources_{name}")} for name in GATES}
    cells = [
        [said, of_each[GATES[0]][source]["n"], *(percent(rows[source], "right") for rows in of_each.values())]
        for source, said in SOURCES.items()
    ]
    return table(["held out", "pictures", *(f"`{name}`, right (95 %, exact)" for name in GATES)], cells)


GATES = ("gate-cnn", "gate-compact", DEFAULT_MODEL)
"""The starting project's gate, the better one, and the one behind the detectors."""


SOURCES = {
    "fer2013": "faces of FER-2013",
    "natural-images": "natural-images without persons",
    "squares": "squares of photographs",
    "false-alarms-of-views": "**crops of three cascades in photographs as they are, turned and enlarged**",
    "frontalface_alt2": "of these, mien's cascade (`frontalface_alt2`)",
    "false-alarms": "of these, in photographs as they are",
    "frontalface_default": "of all, `frontalface_default`",
    "frontalface_alt": "of all, `frontalface_alt`",
}
"""What `gate_sources_*.csv` call them, and what readers are told."""


def unsure() -> str:
    """What the "unsure" verdict of the default model does."""
    shipped = evaluation()
    cells = []
    for score in shipped["scores"]:
        if "unsure" in score and not score["without_repeats"]:
            did = score["unsure"]
            shares = [did[key] for key in ("below", "stated_error", "unsure", "error", "error_of_unsure")]
            cells.append([f"`{score['head']}`, {score['truth']}", *(f"{100 * share:.1f} %" for share in shares)])
    heading = ["head, right answer", "unsure below", "stated error", "unsure"]
    heading += ["wrong among the others", "wrong among the unsure"]
    return table(heading, cells) + f"\n\n{provenance(shipped)}"


def robustness() -> str:
    """How often the default model is right on pictures made worse."""
    shipped = evaluation()
    whole, *worse = shipped["robustness"]
    kinds: dict[str, list[dict[str, Any]]] = {}
    for each in worse:
        kinds.setdefault(f"{each['kind']}: {each['unit']}", []).append(each)
    cells = [
        [kind, *(f"{100 * each['accuracy']:.1f} % at {each['strength']:g}" for each in levels)]
        for kind, levels in kinds.items()
    ]
    note = f"{whole['n']} pictures, as they are {100 * whole['accuracy']:.1f} %. {provenance(shipped)}"
    return table(["", *(f"{level}" for level in range(1, len(cells[0])))], cells) + f"\n\n{note}"


def evaluation() -> dict[str, Any]:
    """The evaluation that ships beside the default model: `metrics.json` of `mien evaluate --robustness`."""
    found: dict[str, Any] = json.loads((SHIPPED / f"{DEFAULT_MODEL}.json").read_text(encoding="utf-8"))
    return found


def provenance(shipped: dict[str, Any]) -> str:
    """What an evaluation is of, in a line."""
    return f"{shipped['model']} ({shipped['sha256'][:12]}), {shipped['data']}, {shipped['split']}."


TABLES: dict[str, Callable[[], str]] = {
    "models": models,
    "accuracy": accuracy,
    "detectors": detectors,
    "speed": speed,
    "size": size,
    "peers": peers,
    "video": video,
    "server": server,
}


PAGES = {
    ROOT / "README.md": TABLES,
    ROOT / "recipes" / "README.md": {"experiments": experiments, "gate": gate, "seeds": seeds},
    ROOT / "docs" / "evaluation.md": {"unsure": unsure, "robustness": robustness},
    ROOT / "docs" / "server.md": {"live": live},
    ROOT / "docs" / "training.md": {"training": training},
}


def filled(text: str, tables: dict[str, Callable[[], str]]) -> str:
    """Return the text with every table written anew."""
    for name, make in tables.items():
        pattern = re.compile(rf"(<!-- table: {name} -->\n).*?(<!-- end -->)", re.DOTALL)
        if not pattern.search(text):
            sys.exit(f"there is no place for table {name!r}: <!-- table: {name} --> ... <!-- end -->")
        content = make()
        text = pattern.sub(lambda match, content=content: f"{match[1]}{content}\n{match[2]}", text)
    return text


def main() -> None:
    """Rewrite or check."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true")
    check = parser.parse_args().check
    for page, tables in PAGES.items():
        before = page.read_text(encoding="utf-8")
        after = filled(before, tables)
        if not check:
            page.write_text(after, encoding="utf-8")
        elif before != after:
            sys.exit(f"{page.name}: its tables are not what benchmarks/results says; run python benchmarks/tables.py")


if __name__ == "__main__":
    main()
