"""What design.md promises of the whole: light layers, an import without side effects, small rooms."""

import json
import subprocess
import sys
from pathlib import Path

import mien

SOURCE = Path(mien.__file__).parent
HEAVY = ("torch", "torchvision", "timm", "lightning", "ray", "fastapi")
MAKING = ("experiments", "training", "export.py", "grad_cam.py", "web")
LIGHT = [path for path in sorted(SOURCE.rglob("*.py")) if path.relative_to(SOURCE).parts[0] not in MAKING]


def run_bare(code: str) -> str:
    answer = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert answer.returncode == 0, answer.stderr
    return answer.stdout


def test_no_light_module_loads_a_heavy_one():
    names = [
        ".".join(("mien", *path.relative_to(SOURCE).with_suffix("").parts)).removesuffix(".__init__") for path in LIGHT
    ]
    assert "mien.cli.train" in names
    assert "mien.evaluation.metrics" in names
    loaded = json.loads(
        run_bare(
            f"import importlib, json, sys\nfor name in {names!r}: importlib.import_module(name)\n"
            "print(json.dumps(sorted({name.partition('.')[0] for name in sys.modules})))"
        )
    )
    assert "onnxruntime" in loaded
    assert not set(HEAVY) & set(loaded)


def test_importing_mien_opens_no_file_but_its_code_and_loads_no_library():
    report = json.loads(
        run_bare(
            "import json, sys\nopened = []\n"
            "def hook(event, args):\n"
            "    if event == 'open' and isinstance(args[0], str): opened.append(args[0])\n"
            "sys.addaudithook(hook)\nimport mien\n"
            "print(json.dumps([opened, sorted(sys.modules)]))"
        )
    )
    opened, modules = report
    assert any(name.endswith((".pyc", ".py")) for name in opened)
    assert [name for name in opened if not name.endswith((".py", ".pyc")) and ".pyc." not in name] == []
    assert not {"cv2", "numpy", "onnxruntime", "torch", "PIL", "typer", "rich", "pooch"} & set(modules)


def test_every_public_name_can_be_reached():
    for name in mien.__all__:
        assert getattr(mien, name) is not None
    assert set(mien.__all__) <= set(dir(mien))


def test_no_file_is_two_ideas():
    long = {path.name: len(path.read_text().splitlines()) for path in SOURCE.rglob("*.py")}
    assert {name: lines for name, lines in long.items() if lines > 320} == {}


def test_no_module_is_named_for_nothing():
    nothing = {"utils", "util", "helpers", "helper", "common", "core", "misc"}
    assert [path for path in SOURCE.rglob("*.py") if path.stem in nothing or path.parent.name in nothing] == []
