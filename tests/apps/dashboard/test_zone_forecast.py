from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.apps.dashboard.zone_forecast import HISTORY_H, HORIZON_H, ZoneForecasts, read_file_zones
from ce_nas.core.errors import CeNasError, SettingsError
from ce_nas.grid.synthetic import builtin_zones, synthetic_trace

NOW = datetime(2026, 5, 4, 9, 40, tzinfo=UTC)


@pytest.fixture(scope="module")
def home_trace(tmp_path_factory):
    """Three weeks of a zone in a file, up to the day before."""
    path = tmp_path_factory.mktemp("grid") / "home.csv"
    start = datetime(2026, 4, 12, tzinfo=UTC)
    lines = [
        f"{start + timedelta(hours=hour):%Y-%m-%dT%H:%MZ},{300 + 100 * np.cos(hour / 24 * 2 * np.pi):.2f}"
        for hour in range(21 * 24)
    ]
    path.write_text("time,intensity\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def forecasts(home_trace):
    return ZoneForecasts(read_file_zones([home_trace]))


def test_zones_from_files_come_before_built_in_ones(forecasts):
    assert len(forecasts.zone_names()) == 1 + len(builtin_zones())
    assert forecasts.zone_names()[1:] == [zone.name for zone in builtin_zones()]


def test_a_built_in_zone_is_known_up_to_the_last_full_hour(forecasts):
    forecast = forecasts.get("solar", NOW)
    assert forecast.issued_at == datetime(2026, 5, 4, 9, tzinfo=UTC)
    series = synthetic_trace("solar", year=2026).relative_to(forecast.issued_at)
    assert forecast.past_g_per_kwh.tolist() == series.past(0.0, HISTORY_H).tolist()
    assert forecast.forecast_g_per_kwh.shape == (HORIZON_H,)
    assert set(forecast.forecast.quantiles_g_per_kwh) >= {0.1, 0.9}


def test_an_ended_trace_is_known_up_to_its_end(forecasts):
    forecast = forecasts.get(forecasts.zone_names()[0], NOW)
    assert forecast.issued_at == datetime(2026, 5, 3, tzinfo=UTC)
    truth = 300 + 100 * np.cos(np.arange(24) / 24 * 2 * np.pi)
    assert np.abs(forecast.forecast_g_per_kwh[:24] - truth).max() < 15


def test_each_zone_is_forecast_once_per_hour(forecasts):
    forecast = forecasts.get("gas", NOW)
    assert forecasts.get("gas", NOW + timedelta(minutes=15)) is forecast
    assert forecasts.get("gas", NOW + timedelta(minutes=30)) is not forecast


def test_unknown_and_unreadable_zones_are_errors(forecasts, tmp_path, home_trace):
    with pytest.raises(SettingsError, match="Did you mean 'solar'"):
        forecasts.get("solr", NOW)
    removed = tmp_path / "gone.csv"
    removed.write_bytes(home_trace.read_bytes())
    unreadable = ZoneForecasts({"home": {"trace": removed}})
    removed.unlink()
    assert "gone.csv" in unreadable.get("home", NOW)
    with pytest.raises(CeNasError, match=r"nothing\.csv"):
        read_file_zones([tmp_path / "nothing.csv"])
    with pytest.raises(SettingsError, match="twice"):
        read_file_zones([home_trace, home_trace])


def test_the_layout_of_files_can_be_stated(tmp_path):
    path = tmp_path / "north.csv"
    path.write_text("when,value\n2023-07-01T00:00,0.1\n2023-07-01T01:00,0.2\n")
    layout = {"time_column": "when", "intensity_column": "value", "unit": "kg/kWh", "timezone": "Europe/Berlin"}
    assert read_file_zones([path], **layout) == {"north": {"trace": path, **layout}}


class Computed(ZoneForecasts):
    """Forecasts of another kind, and the zones that were computed."""

    def __init__(self):
        super().__init__({})
        self.computed = []

    def zone_names(self):
        return ["a", "b", "broken"]

    def _compute_forecast(self, name, hour):
        self.computed.append((name, hour.hour))
        if name == "broken":
            raise ZeroDivisionError
        return f"forecast of {name}"


def test_missing_forecasts_are_computed_once_and_elsewhere(caplog):
    forecasts, submitted = Computed(), []
    for _ in range(3):
        known = forecasts.known(NOW, "wait", submitted.append)
        assert known.forecasts == {"a": "wait", "b": "wait", "broken": "wait"}
        assert known.pending_count == 3
    assert forecasts.computed == []
    submitted.pop(0)()
    assert forecasts.known(NOW, "wait", submitted.append).forecasts["a"] == "forecast of a"
    for work in submitted:
        work()
    known = forecasts.known(NOW, "wait", submitted.append)
    assert known.pending_count == 0
    assert known.get("b", NOW) == "forecast of b"
    assert "failed (ZeroDivisionError)" in known.get("broken", NOW)
    assert "failed to forecast zone broken" in caplog.text
    assert forecasts.computed == [("a", 9), ("b", 9), ("broken", 9)]
    with pytest.raises(SettingsError, match="Did you mean 'b'"):
        known.get("bb", NOW)
    assert forecasts.known(NOW + timedelta(hours=1), "wait", submitted.append).pending_count == 3
