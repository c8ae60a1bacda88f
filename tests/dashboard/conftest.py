import pytest

from ce_nas.engine.settings import settings_from_flags
from ce_nas.engine.study import Study
from ce_nas.store.folder import RunFolder

pytest.importorskip("starlette", reason="starlette is not installed (extra dashboard)")
testclient = pytest.importorskip("starlette.testclient", reason="httpx is not installed (extra live)")

FLAGS = {"hours": 8, "gpus": 4, "policy": "heuristic"}


@pytest.fixture(scope="session")
def folder(tmp_path_factory):
    """A folder of runs: two that have ended, one deeper down, and one whose process was killed."""
    root = tmp_path_factory.mktemp("board") / "runs"
    for name, zone, searcher, seed in (("wind", "wind", "lamoo", 0), ("deep/solar", "solar", "uniform", 1)):
        Study(settings_from_flags(**FLAGS, zone=zone, searcher=searcher, seed=seed)).run(root / name)

    class KilledError(Exception):
        pass

    def kill(period):
        if period["now_s"] >= 3 * 3600:
            raise KilledError

    with pytest.raises(KilledError):
        Study(settings_from_flags(**FLAGS, zone="wind", searcher="lamoo", seed=2)).run(root / "killed", kill)
    (root / "notes").mkdir()
    (root / "link").symlink_to(root / "wind")
    return root


@pytest.fixture
def held(folder):
    """The killed run as if it went on: its folder is held."""
    with RunFolder.open(folder / "killed"):
        yield folder / "killed"


@pytest.fixture(scope="session")
def board(folder):
    """The pages, as anybody on this machine sees them."""
    from ce_nas.dashboard.app import Dashboard
    from ce_nas.dashboard.guard import Access
    from ce_nas.dashboard.runs import Runs

    dashboard = Dashboard(Runs([folder]), Access())
    yield dashboard
    dashboard.close()


@pytest.fixture
def client(board):
    return testclient.TestClient(board, base_url="http://localhost", follow_redirects=False)
