import re
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError, TableError, TraceError
from ce_nas.datasets.catalog import find_catalog_entry
from ce_nas.datasets.importers.base import import_files
from ce_nas.datasets.store import DataStore
from ce_nas.engine.inputs import RunInputs


def inputs(base=None, /, **flags):
    return RunInputs(settings_from_flags(base, **flags))


@pytest.fixture
def trace(tmp_path):
    """Ten days of hourly intensity."""
    rows = [f"2022-03-{1 + hour // 24:02d}T{hour % 24:02d}:00,{200 + hour % 24}" for hour in range(240)]
    path = tmp_path / "trace.csv"
    path.write_text("\n".join(["time,intensity", *rows]))
    return path


def test_a_run_starts_a_week_into_its_trace_if_it_fits(trace):
    assert inputs(trace=trace, hours=48).start == datetime(2022, 3, 8, tzinfo=UTC)
    assert inputs(trace=trace, hours=100).start == datetime(2022, 3, 1, tzinfo=UTC)


def test_a_trace_must_cover_the_time_budget(trace):
    with pytest.raises(TraceError, match="covers 2022-03-01 00:00 UTC to 2022-03-11 00:00 UTC"):
        inputs(trace=trace, hours=241).validate()
    with pytest.raises(TraceError, match="Choose a start"):
        inputs(trace=trace, start="2022-03-10T12:00", hours=24).validate()


def test_prices_must_cover_the_time_budget(tmp_path, trace):
    prices = tmp_path / "prices.csv"
    prices.write_text("time,price\n2022-03-08T00:00,0.3\n2022-03-08T01:00,0.2\n")
    with pytest.raises(TraceError, match="price of electricity"):
        inputs(trace=trace, hours=24, electricity_price=str(prices)).validate()


@pytest.mark.parametrize(
    ("flags", "error", "said"),
    [
        ({"problem": "hwnasbench"}, SettingsError, "needs a table"),
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
        ({"proxy_scores": "nowhere.npz:a"}, TableError, "nowhere.npz"),
    ],
)
def test_invalid_inputs_are_refused_before_the_run(flags, error, said):
    with pytest.raises(error, match=said):
        inputs(**flags).validate()


def test_hwnasbench_needs_its_columns(tmp_path):
    table = tmp_path / "plain.csv"
    table.write_text("op,accuracy,latency,train_s\na,1,2,3\nb,2,1,3\n")
    with pytest.raises(SettingsError, match="hwnb_edgegpu_energy"):
        inputs(problem="hwnasbench", table=table).validate()


def test_the_default_objectives_are_accuracy_and_a_cost():
    assert [item.name for item in inputs().objectives] == ["accuracy", "latency"]


def test_weather_forecasts_reach_the_forecaster_up_to_the_horizon(tmp_path, trace):
    rows = [f"2022-03-{1 + hour // 24:02d}T{hour % 24:02d}:00,{hour},there" for hour in range(240)]
    weather = tmp_path / "weather.csv"
    weather.write_text("\n".join(["time,wind,zone", *rows]))
    made = inputs({"grid": {"weather_zone": "there"}}, trace=trace, weather=weather, hours=24)
    made.validate()
    past = made.history.inputs_at(3600.0, 86400.0, 2 * 3600.0)
    assert past.future_covariates["wind"].tolist() == list(range(7 * 24 + 1 - 24, 7 * 24 + 3))
    with pytest.raises(TraceError, match="Unknown zone 'trace'"):
        inputs(trace=trace, weather=weather, hours=24).validate()


def test_nasbench301_is_found_where_it_was_imported(tiny_nb301, tmp_path, monkeypatch):
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path))
    with pytest.raises(SettingsError, match="get it with: ce-nas data fetch nasbench301, or give"):
        inputs(problem="nasbench301").validate()
    files = [tiny_nb301, tiny_nb301.with_name("encoding.json")]
    import_files(find_catalog_entry("nasbench301"), files, DataStore(), datetime(2024, 1, 1, tzinfo=UTC))
    found, named = inputs(problem="nasbench301").benchmark, inputs(problem="nasbench301", table=tiny_nb301)
    assert found.fingerprint == named.benchmark.fingerprint


def test_nasbench301_has_no_table(tiny_nb301):
    made = inputs(problem="nasbench301", table=tiny_nb301)
    made.validate()
    assert [item.name for item in made.objectives] == ["accuracy", "params"]
    assert made.hypervolume_max is None
    assert made.proxy_scores.names == ("one-shot",)
    with pytest.raises(SettingsError, match=r"but NAS-Bench-301 has no table"):
        _ = made.table


@pytest.mark.parametrize(
    ("flags", "error", "said"),
    [
        ({"proxy_scores": "oneshot"}, TableError, "Did you mean 'one-shot'"),
        ({"objectives": "accuracy,latency"}, TableError, "objective of NAS-Bench-301 'latency'"),
        ({"constraints": "latency<=1"}, SettingsError, "Unknown metric of a constraint 'latency'"),
    ],
)
def test_unknown_metrics_of_nasbench301_are_refused(tiny_nb301, flags, error, said):
    with pytest.raises(error, match=said):
        inputs(problem="nasbench301", table=tiny_nb301, **flags).validate()


@pytest.mark.parametrize(
    ("constraint", "said"),
    [
        ("latency<=0.05", "which has no effect: the largest latency is 0.0255791; lower the bound"),
        ("latency>=0.001", "the smallest latency is 0.00714498; raise the bound"),
        ("params<=1.531546", "the largest params is 1.53155"),
        ("flops<=1e9", "some of the 15,625 architectures, got flops<=1e9"),
    ],
)
def test_a_constraint_that_all_architectures_keep_is_refused(constraint, said):
    with pytest.raises(SettingsError, match=re.escape(said)) as caught:
        inputs(constraints=f"latency<=0.015,{constraint}").validate()
    assert str(caught.value).endswith("the bound, or leave it out.")


@pytest.mark.parametrize("constraint", ["latency<=0.02557", "latency>=0.00715", "accuracy>=1", "params<=1.53"])
def test_a_constraint_that_excludes_something_or_is_on_a_trained_metric_is_accepted(constraint):
    inputs(constraints=constraint).validate()


def test_a_constraint_of_a_space_that_is_not_listed_is_not_looked_at(tiny_nb301):
    inputs(problem="nasbench301", table=tiny_nb301, constraints="params<=1e6").validate()


def test_a_run_that_began_with_a_constraint_without_effect_is_resumed():
    begun = replace(inputs(constraints="latency<=0.05"), fixed_start=datetime(2023, 7, 3, tzinfo=UTC))
    begun.validate()


def test_runs_that_share_inputs_share_the_evaluator():
    run_inputs = RunInputs(settings_from_flags())
    assert run_inputs.evaluator is run_inputs.evaluator
    assert run_inputs.evaluator.space is run_inputs.benchmark.space


def test_a_trace_is_read_once_for_all_runs_until_its_file_changes(trace):
    first = inputs(trace=trace, hours=48).trace
    assert inputs(trace=trace, hours=100).trace is first
    lines = trace.read_text().splitlines()
    trace.write_text("\n".join(lines[:-24]) + "\n")
    assert len(inputs(trace=trace, hours=48).trace.g_per_kwh) == len(first.g_per_kwh) - 24
