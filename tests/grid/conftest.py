"""The folder of the real grid tables, and the calibration script."""

from __future__ import annotations

import importlib.util
import os
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="session")
def grid_data() -> Path:
    folder = Path(os.environ.get("CE_NAS_TEST_DATA", ROOT.parent / "shared" / "data")) / "grid"
    if not folder.is_dir():
        pytest.skip(f"no real grid tables at {folder}; set CE_NAS_TEST_DATA to the folder that holds them")
    return folder


@pytest.fixture(scope="session")
def calibration():
    """The script that computed the statistics of the synthetic zones, as a module."""
    pytest.importorskip("scipy")
    spec = importlib.util.spec_from_file_location("calibrate_zones", ROOT / "scripts" / "calibrate_zones.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]
