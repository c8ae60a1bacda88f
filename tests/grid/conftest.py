"""Where the real tables lie, for the tests that compare with them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def grid_data() -> Path:
    folder = Path(os.environ.get("CE_NAS_TEST_DATA", ROOT.parent / "shared" / "data")) / "grid"
    if not folder.is_dir():
        pytest.skip(f"no real grid tables at {folder}; set CE_NAS_TEST_DATA to the folder that holds them")
    return folder
