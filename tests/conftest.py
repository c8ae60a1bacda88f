"""Where the real tables lie, for the tests that compare with them."""

import ast
import csv
import os
from pathlib import Path

import pytest

from ce_nas.space.darts import DARTS_OPERATIONS, DartsSpace, Genotype

ROOT = Path(__file__).parents[1]


class SharedData:
    """The folder of the real tables: ``shared_data / "power/a40.csv"`` is that file, or skips where there is none."""

    def __init__(self, folder):
        self.folder = folder

    def __truediv__(self, name):
        if not (self.folder / name).is_file():
            pytest.skip(f"no file {name} in {self.folder}")
        return self.folder / name


@pytest.fixture(scope="session", autouse=True)
def data_folder(tmp_path_factory):
    """A data folder of the tests' own, empty: what a user imported must not decide how tests end."""
    folder = tmp_path_factory.mktemp("data")
    before = os.environ.get("CE_NAS_DATA")
    os.environ["CE_NAS_DATA"] = str(folder)
    yield folder
    if before is None:
        del os.environ["CE_NAS_DATA"]
    else:
        os.environ["CE_NAS_DATA"] = before


@pytest.fixture(scope="session")
def shared_data():
    folder = Path(os.environ.get("CE_NAS_TEST_DATA", ROOT.parent / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no real tables at {folder}; set CE_NAS_TEST_DATA to the folder that holds them")
    return SharedData(folder)


@pytest.fixture(scope="session")
def nb301_predictions(shared_data):
    """Architectures of the official surrogate's predictions, and the rows of their table, in the same order."""
    with (shared_data / "nasbench301/xgb_predictions.csv").open() as file:
        rows = list(csv.DictReader(file))
    architectures, concat = [], [2, 3, 4, 5]
    for row in rows:
        cells = ast.literal_eval(row["genotype"])
        normal, reduce = ([(DARTS_OPERATIONS[code], source) for source, code in cell] for cell in cells)
        architectures.append(DartsSpace().architecture(Genotype(normal, concat, reduce, concat)))
    return architectures, rows
