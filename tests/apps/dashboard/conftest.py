import pytest

from ce_nas.api import Study
from ce_nas.apps.pilot.costs import Outlay, Way
from ce_nas.apps.pilot.inputs import PilotFigures
from ce_nas.apps.pilot.result import Facts, PilotResult, Place
from ce_nas.config.schema import settings_from_flags
from ce_nas.store.run_dir import RunFolder

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
def outlooks():
    """The zones, whose forecasts take a moment: worked out once for all tests."""
    from ce_nas.apps.dashboard.zone_forecast import Outlooks

    return Outlooks({})


@pytest.fixture(scope="session")
def board(folder, outlooks):
    """The pages, as anybody on this machine sees them."""
    from ce_nas.apps.dashboard.app import Dashboard
    from ce_nas.apps.dashboard.run_folders import Runs
    from ce_nas.apps.dashboard.security import Access

    dashboard = Dashboard(Runs([folder]), Access(), outlooks)
    yield dashboard
    dashboard.close()


@pytest.fixture(scope="session")
def piloted():
    """What a pilot found, made up: today's searches take twice what those of CE-NAS do."""

    def way(name, share):
        rows = [[Outlay(share * 3e8 * (1 + seed), share * 3e4 * (1 + day), share * 4e6, share * 2e5, 100 * share)
                 for day in range(2)] for seed in range(2)]  # fmt: skip
        return Way(name, tuple(map(tuple, rows)))

    figures = PilotFigures.of({"electricity_price": "0.3", "zone": "wind"})
    starts = ("2023-04-12T00:00", "2023-10-11T12:00")
    facts = Facts(
        (0, 1), starts, "wind", "built-in", synthetic=True, benchmark="a benchmark", gpus=8, deadline_s=3.6e5,
        idle_w=60.0, forecaster="damped-profile", policy="look-ahead", searcher="lamoo", factor=2.0, version="0.1.0",
    )  # fmt: skip
    today, hours, ours = way("today", 1.0), way("good-hours", 0.9), way("ce-nas", 0.5)
    places = (
        Place("zone", "wind", own=True, intensity_g_per_kwh=400.0, today=today, good_hours=hours, ce_nas=ours),
        Place("scores", "none", own=False, intensity_g_per_kwh=400.0, today=today, good_hours=hours, ce_nas=today),
    )
    return PilotResult(
        figures, facts, measured=False, billed=way("billed", 1.1), today=today, good_hours=hours,
        best_hours=way("best-hours", 0.8), ce_nas=ours, places=places,
    )  # fmt: skip


@pytest.fixture
def client(board):
    return testclient.TestClient(board, base_url="http://localhost", follow_redirects=False)
