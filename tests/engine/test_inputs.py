from datetime import UTC, datetime

import pytest

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError, TableError, TraceError
from ce_nas.datasets.catalog import data_set
from ce_nas.datasets.importers.base import import_files
from ce_nas.datasets.store import Library
from ce_nas.engine.inputs import Materials


def materials(base=None, /, **flags):
    return Materials(settings_from_flags(base, **flags))


@pytest.fixture
def trace(tmp_path):
    """Ten days of hourly intensity."""
    rows = [f"2022-03-{1 + hour // 24:02d}T{hour % 24:02d}:00,{200 + hour % 24}" for hour in range(240)]
    path = tmp_path / "trace.csv"
    path.write_text("\n".join(["time,intensity", *rows]))
    return path


def test_a_run_begins_a_week_into_its_trace_if_that_leaves_room(trace):
    assert materials(trace=trace, hours=48).start == datetime(2022, 3, 8, tzinfo=UTC)
    assert materials(trace=trace, hours=100).start == datetime(2022, 3, 1, tzinfo=UTC)


def test_a_trace_that_ends_before_the_run_does_is_refused(trace):
    with pytest.raises(TraceError, match="covers 2022-03-01 00:00 UTC to 2022-03-11 00:00 UTC"):
        materials(trace=trace, hours=241).check()
    with pytest.raises(TraceError, match="Choose a start"):
        materials(trace=trace, start="2022-03-10T12:00", hours=24).check()


def test_prices_must_outlast_the_run_too(tmp_path, trace):
    prices = tmp_path / "prices.csv"
    prices.write_text("time,price\n2022-03-08T00:00,0.3\n2022-03-08T01:00,0.2\n")
    with pytest.raises(TraceError, match="price of electricity"):
        materials(trace=trace, hours=24, electricity_price=str(prices)).check()


@pytest.mark.parametrize(
    ("flags", "error", "said"),
    [
        ({"benchmark": "hwnasbench"}, SettingsError, "needs a table"),
        ({"dataset": "cifar11"}, SettingsError, "Did you mean 'cifar10'"),
        ({"objectives": "accuracy,latncy"}, TableError, "Did you mean 'latency'"),
        ({"objectives": "accuracy"}, SettingsError, "2 to 5 different objectives"),
        ({"objectives": "accuracy,accuracy"}, SettingsError, "2 to 5 different objectives"),
        ({"objectives": "accuracy,latency:least"}, SettingsError, "latency:min"),
        ({"objectives": "accuracy,latency:min:low"}, SettingsError, "a number"),
        ({"zone": "sunny"}, TraceError, "built-in zone 'sunny'"),
        ({"searcher": "lamo"}, SettingsError, "Did you mean 'lamoo'"),
        ({"policy": "vanila"}, SettingsError, "Did you mean 'vanilla'"),
        ({"forecaster": "oracle"}, SettingsError, "Unknown forecaster 'oracle'"),
        ({"table": "nowhere.csv"}, TableError, "no file 'nowhere.csv'"),
        ({"cheap_scores": "nowhere.npz:a"}, TableError, "nowhere.npz"),
    ],
)
def test_whatever_is_of_no_use_is_said_before_the_run(flags, error, said):
    with pytest.raises(error, match=said):
        materials(**flags).check()


def test_a_plain_table_is_no_hw_nas_bench(tmp_path):
    table = tmp_path / "plain.csv"
    table.write_text("op,accuracy,latency,train_s\na,1,2,3\nb,2,1,3\n")
    with pytest.raises(SettingsError, match="hwnb_edgegpu_energy"):
        materials(benchmark="hwnasbench", table=table).check()


def test_the_default_objectives_are_accuracy_and_a_cost():
    assert [item.name for item in materials().objectives] == ["accuracy", "latency"]


def test_what_is_known_ahead_reaches_the_forecaster_as_far_as_its_horizon(tmp_path, trace):
    rows = [f"2022-03-{1 + hour // 24:02d}T{hour % 24:02d}:00,{hour},there" for hour in range(240)]
    weather = tmp_path / "weather.csv"
    weather.write_text("\n".join(["time,wind,zone", *rows]))
    made = materials({"grid": {"weather_zone": "there"}}, trace=trace, weather=weather, hours=24)
    made.check()
    past = made.history.past(3600.0, 86400.0, 2 * 3600.0)
    assert past.known["wind"].tolist() == list(range(7 * 24 + 1 - 24, 7 * 24 + 3))
    with pytest.raises(TraceError, match="Unknown zone 'trace'"):
        materials(trace=trace, weather=weather, hours=24).check()


def test_nasbench301_is_found_where_it_was_imported_and_asked_for_elsewhere(tiny_nb301, tmp_path, monkeypatch):
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path))
    with pytest.raises(SettingsError, match="get it with: ce-nas data fetch nasbench301, or give"):
        materials(benchmark="nasbench301").check()
    files = [tiny_nb301, tiny_nb301.with_name("encoding.json")]
    import_files(data_set("nasbench301"), files, Library(), datetime(2024, 1, 1, tzinfo=UTC))
    found, named = materials(benchmark="nasbench301").benchmark, materials(benchmark="nasbench301", table=tiny_nb301)
    assert found.fingerprint == named.benchmark.fingerprint


def test_what_a_table_alone_can_answer_is_refused_without_one(tiny_nb301):
    made = materials(benchmark="nasbench301", table=tiny_nb301)
    made.check()
    assert [item.name for item in made.objectives] == ["accuracy", "params"]
    assert made.hypervolume_max is None
    assert made.cheap_scores.names == ("one-shot",)
    with pytest.raises(SettingsError, match=r"but NAS-Bench-301 has no table"):
        _ = made.table


@pytest.mark.parametrize(
    ("flags", "error", "said"),
    [
        ({"cheap_scores": "oneshot"}, TableError, "Did you mean 'one-shot'"),
        ({"objectives": "accuracy,latency"}, TableError, "objective of NAS-Bench-301 'latency'"),
        ({"constraints": "latency<=1"}, SettingsError, "Unknown metric of a constraint 'latency'"),
    ],
)
def test_what_nasbench301_does_not_know_is_said_before_the_run(tiny_nb301, flags, error, said):
    with pytest.raises(error, match=said):
        materials(benchmark="nasbench301", table=tiny_nb301, **flags).check()


def test_runs_that_share_their_materials_share_who_carries_tasks_out():
    materials = Materials(settings_from_flags())
    assert materials.evaluator is materials.evaluator
    assert materials.evaluator.space is materials.benchmark.space
