"""Where the real tables lie, for the tests that compare with them."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="session")
def shared_data():
    """Finds a file of the folder CE_NAS_TEST_DATA by its path in there; skips where there is none."""
    folder = Path(os.environ.get("CE_NAS_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real tables at {folder}; set CE_NAS_TEST_DATA to the folder that holds them")

    def find(name):
        if not (folder / name).is_file():
            pytest.skip(f"no file {name} in {folder}")
        return folder / name

    return find
