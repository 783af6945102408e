"""The HTML report says what the checks found, and needs nothing from outside."""

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np

from mien.data.checks import check_table
from mien.data.encoding import encode_png
from mien.data.problems import Problems
from mien.data.report import write_report


class Balanced(HTMLParser):
    """Checks that every element that is opened is closed."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        if tag not in ("meta", "img", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def report_on(table, path: Path, problems: Problems | None = None) -> str:
    """Write the report on a table and return its text."""
    write_report(path, table, check_table(table), problems)
    text = path.read_text()
    parser = Balanced()
    parser.feed(text)
    assert parser.open == []
    return text


def test_findings_stand_in_the_report(faces, make_table, tmp_path: Path) -> None:
    other = "fear" if faces[0].label != "fear" else "anger"
    leak = replace(faces[0], split="PrivateTest", label=other, path="<leak>.png")
    blank = replace(faces[1], image=encode_png(np.zeros((8, 8), np.uint8)), path="blank.png")
    problems = Problems()
    problems.add("data/hungry", "is no class that mien knows", "2 files & more")
    text = report_on(make_table([*faces, leak, blank]), tmp_path / "r.html", problems)
    assert "Training: 25" in text
    assert "data/hungry: is no class that mien knows (2 files &amp; more)" in text
    assert "&lt;leak&gt;" in text
    assert "<leak>" not in text
    assert text.count("data:image/png;base64,") == 2, "the two pictures with different labels"
    assert re.search(r"PrivateTest</td><td class=\"n\">13</td><td>Training</td><td class=\"n\">1<", text)
    assert "blank.png" in text


def test_a_clean_table_is_called_clean(make_table, tmp_path: Path) -> None:
    text = report_on(make_table(), tmp_path / "r.html", Problems())
    assert "No picture stands in two splits." in text
    assert "Nothing: every row could be used." in text


def test_nothing_is_fetched_from_outside(make_table, tmp_path: Path) -> None:
    text = report_on(make_table(), tmp_path / "r.html")
    assert not re.search(r"https?://|<script|<link|@import|url\(", text)
    assert "Left out" not in text, "without problems to report on, nothing is claimed"
