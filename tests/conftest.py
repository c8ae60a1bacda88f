"""Where the real tables lie, for the tests that compare with them."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


class SharedData:
    """The folder of the real tables: ``shared_data / "power/a40.csv"`` is that file, or skips where there is none."""

    def __init__(self, folder):
        self.folder = folder

    def __truediv__(self, name):
        if not (self.folder / name).is_file():
            pytest.skip(f"no file {name} in {self.folder}")
        return self.folder / name


@pytest.fixture(scope="session")
def shared_data():
    folder = Path(os.environ.get("CE_NAS_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real tables at {folder}; set CE_NAS_TEST_DATA to the folder that holds them")
    return SharedData(folder)
