import numpy as np
import pytest

from mien.data.encoding import encode_png
from mien.data.record import Record, TableMeta
from mien.data.votes import VOTE_COLUMNS
from mien.data.writing import write_table
from mien.labels import FER7

RECIPE = """name = "{name}"
published = "something"
[model]
kind = "cnn"
stages = [[8], [8]]
dense = []
[heads.fer7]
[heads.raf6]
task = "multi"
target = "votes"
[loop]
batch = 16
epochs = 2
"""


def write(path, *, named="{}.png", voted=120, count=120):
    """Write noisy pictures whose brightness grows with their class, in three splits, the first ones with votes."""
    draw = np.random.default_rng(0)
    records = []
    for number in range(count):
        code = number % 7
        pixels = np.clip(draw.normal(40 + 25 * code, 30, (48, 48)), 0, 255).astype(np.uint8)
        votes = tuple(float(count) for count in draw.multinomial(10, [0.1] * 10))
        split = "Training" if number < 72 else "PublicTest" if number < 96 else "PrivateTest"
        name, known = named.format(number), votes if number < voted else None
        records.append(Record(encode_png(pixels), name, FER7.labels[code], split, "drawn", votes=known))
    write_table(path, TableMeta(FER7, license="", layout="drawn", votes=VOTE_COLUMNS), records)
    return path


@pytest.fixture(scope="session")
def table(tmp_path_factory):
    """Pictures of every label in three splits, all with votes."""
    return write(tmp_path_factory.mktemp("table") / "drawn.parquet")


@pytest.fixture(scope="session")
def other_table(tmp_path_factory):
    """As many other pictures, in a file of the same name."""
    return write(tmp_path_factory.mktemp("other") / "drawn.parquet", named="other{}.png")


@pytest.fixture(scope="session")
def table_without_votes_on_test(tmp_path_factory):
    """The same pictures, those of test without votes."""
    return write(tmp_path_factory.mktemp("unvoted") / "drawn.parquet", voted=96)


@pytest.fixture(scope="session")
def table_without_test(tmp_path_factory):
    """The same pictures but for those of test."""
    return write(tmp_path_factory.mktemp("untested") / "drawn.parquet", count=96)


@pytest.fixture
def recipe_file(tmp_path):
    def write(name="small"):
        path = tmp_path / f"{name}.toml"
        path.write_text(RECIPE.format(name=name))
        return path

    return write
