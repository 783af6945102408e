"""The documents say nothing that the code does not know: commands, options, links, files."""

import doctest
import re
import shlex
import shutil
from pathlib import Path

import numpy as np
import pytest
import typer
from PIL import Image
from typer.testing import CliRunner

import mien
from mien.cli import app

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), *sorted((ROOT / "benchmarks").glob("*.md"))]
COMMANDS = "analyze|compare|data|evaluate|explain|export|models|serve|sweep|train|video"
COMMAND = re.compile(rf"(?:^ *|`|&& )(mien (?:{COMMANDS})\b(?:'[^'\n]*'|[^'`|\n])*)", re.MULTILINE)


def commands():
    for page in PAGES:
        for line in COMMAND.findall(page.read_text(encoding="utf-8")):
            words = shlex.split(line.split("&&")[0].rstrip(";").strip(), comments=True)
            if len(words) > 1:
                yield pytest.param(words[1:], id=f"{page.name}: {' '.join(words)[:60]}")


@pytest.mark.parametrize("words", list(commands()))
def test_commands_and_options_exist(words):
    command = typer.main.get_command(app)
    while words and hasattr(command, "commands"):
        assert words[0] in command.commands
        command, words = command.commands[words[0]], words[1:]
    known = {option for parameter in command.params for option in parameter.opts} | {"--help"}
    assert [word for word in words if word.startswith("-") and word not in known] == []


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_links_lead_somewhere(page):
    for target in re.findall(r"\]\(([^)#]+)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), f"{page.name} links to {target}"


def test_the_first_example_is_true(monkeypatch, own_home):
    monkeypatch.chdir(ROOT)
    failed, tried = doctest.testmod(mien)
    assert tried >= 3
    assert failed == 0


def test_the_picture_in_the_readme_is_what_the_first_command_draws(own_home, tmp_path, astronaut):
    assert CliRunner().invoke(app, ["analyze", str(astronaut), "--annotate", str(tmp_path)]).exit_code == 0
    drawn, shown = (
        np.asarray(Image.open(folder / "astronaut.jpg")).astype(int) for folder in (tmp_path, ROOT / "docs")
    )
    assert np.abs(drawn - shown).max() < 60  # another digit, but not another JPEG library


def blocks(page):
    return re.findall(r"^```python\n(.*?)^```", (ROOT / "docs" / page).read_text(encoding="utf-8"), re.M | re.S)


def test_the_page_about_pictures_runs_from_top_to_bottom(monkeypatch, own_home, tmp_path, astronaut, capsys):
    pytest.importorskip("pandas")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "holiday").mkdir()
    shutil.copy(astronaut, tmp_path / "party.jpg")
    shutil.copy(astronaut, tmp_path / "holiday" / "a.jpg")
    (tmp_path / "holiday" / "b.jpg").write_bytes(b"no picture")
    with Image.open(astronaut) as picture:
        picture.crop((165, 70, 280, 185)).save(tmp_path / "crop.png")
    said = {}
    for block in blocks("pictures.md"):
        exec(block, said)
    assert len(said["lost"]) == 1
    assert "('happiness',)" in capsys.readouterr().out
    assert (tmp_path / "faces.csv").read_text().count("happiness") == 2
    assert said["crops"].analyze("crop.png").faces[0].emotions.top == "happiness"
    said["begin"]()
    assert said["top"]("party.jpg") == ["happiness"]
    frames = iter([(True, said["picture"][..., ::-1]), (False, None)])
    said["watch"](type("Camera", (), {"read": lambda self: next(frames)})())
    assert capsys.readouterr().out.startswith("1 happiness")


def test_answers_of_another_network_are_written_as_the_page_says(monkeypatch, tmp_path, small_fer2013):
    monkeypatch.chdir(tmp_path)
    shutil.copy(small_fer2013, tmp_path / "fer2013.parquet")
    (block,) = [block for block in blocks("evaluation.md") if "write_answers" in block]
    said = {}
    exec(block.replace('"PrivateTest"', '"PublicTest"'), said)
    said["write_answers"](lambda crops: [[0.4, *[0.1] * 6]] * len(crops), "answers.csv")
    rows = (tmp_path / "answers.csv").read_text().splitlines()
    assert len(rows) == 321
    assert rows[0] == "id,angry,disgust,fear,happy,sad,surprise,neutral"
    assert rows[1].endswith(",0.4,0.1,0.1,0.1,0.1,0.1,0.1")
