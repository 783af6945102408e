from pathlib import Path

import pytest

from mien.cli.experiments import print_comparison, three_digits
from mien.evaluation.metrics import Estimate

comparison = pytest.importorskip("mien.experiments.comparison")


def row(name, task, metrics):
    found = {metric: Estimate(0.123, 0.1, 0.2) for metric in metrics}
    run, costs = Path("runs") / name, (139_581_234, 19_632_112_640, 1234.56)
    return comparison.Compared(name, run, "", "validation", "a-long-head", task, 12_345, found, *costs, "ab")


def test_each_kind_of_head_has_a_table_of_80_columns(capsys, monkeypatch):
    """No figure, heading or name is cut off, however long they are."""
    monkeypatch.setenv("COLUMNS", "80")
    rows = [row("transfer-inceptionresnetv2", task, metrics) for task, metrics in comparison.SHOWN.items()]
    two_labels = row("two", "single", comparison.SHOWN["single"][:-1])
    print_comparison([*rows, two_labels])
    out = capsys.readouterr().out
    lines = out.splitlines()
    headings = [line.split() for line in lines if line.startswith("model")]
    costs = ["size", "work", "ms"]
    assert headings == [
        ["model", "scored", "on", "accuracy", "balanced", "F1", "top", "3", *costs],
        ["model", "scored", "on", "macro", "F1", "micro", "F1", "Hamming", *costs],
        ["model", "scored", "on", "accuracy", "balanced", *costs],
    ]
    assert "…" not in out
    assert out.count("140 M  19.6 G  1234.56") == 4
    assert out.count("0.123") == 4 + 3 + 2 + 3
    assert max(map(len, lines)) <= 80


def test_three_digits():
    assert [three_digits(n) for n in (0, 40_993, 999_400, 999_600, 1_590_000, 152_000_000, 19_632_112_640)] == [
        *("0 k", "41 k", "999 k", "1 M", "1.59 M", "152 M", "19.6 G")
    ]
