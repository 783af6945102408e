"""The real pictures of the data tests, for the commands on data."""

from tests.data.conftest import faces, pngs

__all__ = ["faces", "pngs"]
