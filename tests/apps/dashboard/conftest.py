import pytest

from ce_nas.api import Search
from ce_nas.apps.pilot.costs import SearchCost, SearchMethod
from ce_nas.apps.pilot.questionnaire import PilotInputs
from ce_nas.apps.pilot.result import PilotCondition, PilotProvenance, PilotResult
from ce_nas.config.schema import settings_from_flags
from ce_nas.store.run_dir import RunDirectory

pytest.importorskip("starlette", reason="starlette is not installed (extra dashboard)")
testclient = pytest.importorskip("starlette.testclient", reason="httpx is not installed (extra live)")

FLAGS = {"hours": 8, "gpus": 4, "policy": "hotcarbon"}


@pytest.fixture(scope="session")
def run_root(tmp_path_factory):
    """A folder of runs: two that have ended, one of them in a subfolder, and one whose process was killed."""
    root = tmp_path_factory.mktemp("board") / "runs"
    for name, zone, searcher, seed in (("wind", "wind", "lamoo", 0), ("deep/solar", "solar", "random", 1)):
        Search.from_settings(settings_from_flags(**FLAGS, zone=zone, searcher=searcher, seed=seed)).run(root / name)

    class KilledError(Exception):
        pass

    def kill(period):
        if period["now_s"] >= 3 * 3600:
            raise KilledError

    with pytest.raises(KilledError):
        Search.from_settings(settings_from_flags(**FLAGS, zone="wind", searcher="lamoo", seed=2)).run(
            root / "killed", kill
        )
    (root / "notes").mkdir()
    (root / "link").symlink_to(root / "wind")
    return root


@pytest.fixture
def locked_run(run_root):
    """The killed run as if it were running: its folder is locked."""
    with RunDirectory.open(run_root / "killed"):
        yield run_root / "killed"


@pytest.fixture(scope="session")
def zone_forecasts():
    """The zones, whose forecasts take a moment: computed once for all tests."""
    from ce_nas.apps.dashboard.zone_forecast import ZoneForecasts

    return ZoneForecasts({})


@pytest.fixture(scope="session")
def dashboard(run_root, zone_forecasts):
    """The pages without a token."""
    from ce_nas.apps.dashboard.app import Dashboard
    from ce_nas.apps.dashboard.run_folders import RunIndex
    from ce_nas.apps.dashboard.security import AccessRules

    pages = Dashboard(RunIndex([run_root]), AccessRules(), zone_forecasts)
    yield pages
    pages.close()


@pytest.fixture(scope="session")
def pilot_result():
    """A made-up pilot: the current method costs twice as much as CE-NAS."""

    def method(name, share):
        rows = [[SearchCost(share * 3e8 * (1 + seed), share * 3e4 * (1 + day), share * 4e6, share * 2e5, 100 * share)
                 for day in range(2)] for seed in range(2)]  # fmt: skip
        return SearchMethod(name, tuple(map(tuple, rows)))

    inputs = PilotInputs.from_mapping({"electricity_price": "0.3", "zone": "wind"})
    starts = ("2023-04-12T00:00", "2023-10-11T12:00")
    provenance = PilotProvenance(
        (0, 1), starts, "wind", "built-in", synthetic=True, benchmark="a benchmark", gpus=8, deadline_s=3.6e5,
        idle_w=60.0, forecaster="damped-profile", policy="look-ahead", searcher="lamoo", stretch_factor=2.0,
        version="0.1.0",
    )  # fmt: skip
    baseline, shifted, ours = method("baseline", 1.0), method("shifted", 0.9), method("ce-nas", 0.5)
    conditions = (
        PilotCondition(
            "zone", "wind", is_own=True, intensity_g_per_kwh=400.0, baseline=baseline, shifted=shifted, ce_nas=ours
        ),
        PilotCondition(
            "scores",
            "none",
            is_own=False,
            intensity_g_per_kwh=400.0,
            baseline=baseline,
            shifted=shifted,
            ce_nas=baseline,
        ),
    )
    return PilotResult(
        inputs, provenance, is_measured=False, full_baseline=method("full_baseline", 1.1), baseline=baseline,
        shifted=shifted, oracle_shifted=method("oracle-shifted", 0.8), ce_nas=ours, conditions=conditions,
    )  # fmt: skip


@pytest.fixture
def client(dashboard):
    return testclient.TestClient(dashboard, base_url="http://localhost", follow_redirects=False)
