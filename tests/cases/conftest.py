"""Files as people have them: each is read right, or refused in one sentence that names a way out."""

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def cases():
    data = Path(os.environ.get("CE_NAS_TEST_DATA", ROOT.parent / "shared" / "data"))
    folder = data.parent / "cases"
    if not folder.is_dir():
        pytest.skip(f"no cases at {folder}; set CE_NAS_TEST_DATA to the folder next to them")
    return folder


@pytest.fixture
def written(tmp_path):
    def write(text, name="made.csv"):
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return write
