import pytest

SMALL = """name = "small"
seed = 3
[model]
widths = [8, 16]
depths = [1, 1]
[optimiser]
batch = 16
epochs = {epochs}
warmup_epochs = 1
"""


@pytest.fixture
def small_recipe(tmp_path):
    """A recipe that trains within seconds; call it with the number of epochs."""

    def write(epochs):
        path = tmp_path / "small.toml"
        path.write_text(SMALL.format(epochs=epochs))
        return path

    return write
