import pytest

from mien.training.recipe_files import read_recipe

SMALL = """name = "small"
seed = 3
[model]
{model}
[heads.fer7]
weight = 0.5
smoothing = 0.1
[heads.ferplus8]
target = "votes"
[loop]
batch = 16
epochs = {epochs}
"""
COMPACT = "widths = [8, 16]\ndepths = [1, 1]"


@pytest.fixture
def small_recipe(tmp_path):
    """A recipe that trains within seconds; call it with the number of epochs, and with other values for keys."""

    def write(epochs, *changes, model=COMPACT):
        path = tmp_path / "small.toml"
        path.write_text(SMALL.format(epochs=epochs, model=model))
        return read_recipe(path, changes)

    return write
