"""What every test may use."""

import os
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of shared pictures and tables: MIEN_SHARED, or ../shared beside the repository."""
    folder = Path(os.environ.get("MIEN_SHARED", Path(__file__).parents[2] / "shared"))
    if not (folder / "data" / "fer2013.parquet").is_file():
        pytest.skip(f"{folder} has no data/fer2013.parquet; set MIEN_SHARED to the folder that has it")
    return folder
