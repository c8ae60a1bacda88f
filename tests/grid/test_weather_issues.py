"""Weather forecasts are known from their issue on, and never replaced by what was known later."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from typer.testing import CliRunner

from ce_nas.apps.cli.main import app
from ce_nas.core.clock import utc_now
from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.forecast.history import RecordedHistory
from ce_nas.grid.providers.provider_errors import ProviderError
from ce_nas.grid.trace import Series
from ce_nas.grid.weather_issues import WeatherIssue, WeatherIssues, read_open_meteo
from ce_nas.testing.fault_server import ApiFault, FaultServer

START = datetime(2023, 1, 1, tzinfo=UTC)
HEAD = "latitude,longitude,elevation,utc_offset_seconds,timezone,timezone_abbreviation\n52.52,13.4,38.0,0,GMT,GMT\n\n"


def issue(day, value, hours=48):
    at = START + timedelta(days=day)
    return WeatherIssue(at, at, {"temperature_k": value + np.arange(hours, dtype=float)})


def open_meteo_file(path, hours=72):
    times = [START + timedelta(hours=hour) for hour in range(hours)]
    rows = [f"{at:%Y-%m-%dT%H:%M},{hour},{100 + hour},{200 + hour}" for hour, at in enumerate(times)]
    header = "time,temperature_2m (°C),wind_speed_10m (km/h),shortwave_radiation (W/m²)"
    path.write_text("\n".join([HEAD + header, *rows]) + "\n")
    return path


def test_hours_ahead_have_the_latest_issue_and_past_ones_keep_theirs():
    issues = WeatherIssues([issue(0, 100.0), issue(1, 200.0)])
    early = issues.known_at(START + timedelta(hours=23), START, 3600.0, 48)["temperature_k"]
    assert early.tolist() == [100.0 + hour for hour in range(48)]
    later = issues.known_at(START + timedelta(hours=30), START, 3600.0, 72)["temperature_k"]
    assert later[:24].tolist() == early[:24].tolist()
    assert later[24:72].tolist() == [200.0 + hour for hour in range(48)]


def test_no_issue_after_the_moment_makes_a_difference():
    now = START + timedelta(hours=23.5)
    one = WeatherIssues([issue(0, 100.0)]).known_at(now, START, 3600.0, 96)["temperature_k"]
    both = WeatherIssues([issue(0, 100.0), issue(1, 9999.0, 96)]).known_at(now, START, 3600.0, 96)["temperature_k"]
    assert np.array_equal(one, both, equal_nan=True)
    assert np.isnan(one[48:]).all()


def test_an_issue_does_not_replace_hours_before_it():
    at = START + timedelta(hours=12)
    late = WeatherIssue(at, START, {"temperature_k": np.full(48, 999.0)})
    known = WeatherIssues([issue(0, 100.0), late]).known_at(at + timedelta(hours=1), START, 3600.0, 48)["temperature_k"]
    assert known[:12].tolist() == [100.0 + hour for hour in range(12)]
    assert (known[12:] == 999.0).all()


def test_steps_of_other_lengths():
    issues = WeatherIssues([issue(0, 100.0)])
    assert issues.known_at(START, START, 1800.0, 4)["temperature_k"].tolist() == [100.0, 100.0, 101.0, 101.0]
    assert issues.known_at(START, START, 7200.0, 2)["temperature_k"].tolist() == [100.5, 102.5]


def test_table_round_trip(tmp_path):
    issues = WeatherIssues([issue(0, 100.0), issue(1, 200.0, 24)])
    path = tmp_path / "table.csv"
    path.write_text(issues.to_csv())
    assert WeatherIssues.is_table(path)
    again = WeatherIssues.read(path)
    assert again.to_csv() == issues.to_csv()
    assert again.sha256 == issues.sha256
    with pytest.raises(TraceError, match="two of 2023-01-01"):
        again.extended([issue(0, 1.0)])


def test_history_shows_the_weather_as_it_was_forecast():
    intensity = Series(START, 3600.0, np.full(120, 300.0))
    record = RecordedHistory("X", intensity, weather=WeatherIssues([issue(0, 100.0, 96), issue(1, 200.0, 96)]))
    inputs = record.inputs_at(30 * 3600.0, 10 * 3600.0, 24 * 3600.0)
    values = inputs.future_covariates["temperature_k"]
    assert len(values) == 34
    assert values[:4].tolist() == [120.0, 121.0, 122.0, 123.0]
    assert values[4] == 200.0
    assert set(record.covariate_fingerprints) == {"weather forecasts"}


def test_file_of_open_meteo_is_cut_at_its_issue_in_si_units(tmp_path):
    path = open_meteo_file(tmp_path / "open-meteo.csv")
    (found,) = read_open_meteo(path, START + timedelta(hours=10))
    assert found.start == START + timedelta(hours=10)
    assert found.values["temperature_k"][0] == pytest.approx(273.15 + 10)
    assert found.values["wind_speed_m_s"][0] == pytest.approx(110 / 3.6)
    assert found.values["dswrf_w_m2"][0] == 211  # the mean of the hour that ends at 11
    with pytest.raises(TraceError, match=r"a time of issue \(--issued\)"):
        read_open_meteo(path, None)
    with pytest.raises(TraceError, match="Expected hours after the time of issue"):
        read_open_meteo(path, START + timedelta(days=9))


def test_previous_runs_become_forecasts_of_midnights(tmp_path):
    names = ("temperature_2m_previous_day1 (°C)", "temperature_2m_previous_day2 (°C)")
    path = tmp_path / "previous.csv"
    times = [START + timedelta(hours=hour) for hour in range(96)]
    rows = [f"{at:%Y-%m-%dT%H:%M},{hour}.0,{1000 + hour}.0" for hour, at in enumerate(times)]
    path.write_text(HEAD + "time," + ",".join(names) + "\n" + "\n".join(rows) + "\n")
    found = read_open_meteo(path, None)
    assert [one.issued for one in found] == [START + timedelta(days=day) for day in range(4)]
    values = found[1].values["temperature_k"] - 273.15
    assert values[:24] == pytest.approx(np.arange(24, 48))
    assert values[24:48] == pytest.approx(1000 + np.arange(48, 72))


def test_command_collects_issues(tmp_path, monkeypatch):
    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path))
    path = open_meteo_file(tmp_path / "open-meteo.csv")

    def run(*arguments):
        result = CliRunner().invoke(app, ["grid", "weather", "DE", *map(str, arguments)])
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return result.stdout

    assert "1 added, 1 in all" in run("--file", path, "--issued", "2023-01-01T06:00")
    assert "1 added, 2 in all" in run("--file", path, "--issued", "2023-01-01T12:00")
    assert len(WeatherIssues.read(tmp_path / "weather/DE.csv").issues) == 2
    with pytest.raises(TraceError, match="two of 2023-01-01 12:00"):
        run("--file", path, "--issued", "2023-01-01T12:00")
    with pytest.raises(SettingsError, match="Expected a --file"):
        run()
    with pytest.raises(SettingsError, match="issue in the past"):
        run("--file", path, "--issued", "2123-01-01")


def test_search_reads_the_table(tmp_path):
    from ce_nas.config.schema import settings_from_flags
    from ce_nas.engine.inputs import RunInputs

    at = datetime(2023, 7, 3, tzinfo=UTC)
    table = tmp_path / "weather.csv"
    table.write_text(WeatherIssues([WeatherIssue(at, at, {"temperature_k": np.full(96, 290.0)})]).to_csv())
    history = RunInputs(settings_from_flags(zone="solar", weather=str(table))).history
    assert set(history.inputs_at(3600.0, 86400.0, 86400.0).future_covariates) == {"temperature_k"}
    with pytest.raises(SettingsError, match="leave them out"):
        _ = RunInputs(settings_from_flags(zone="solar", weather=str(table), weather_offset="24h")).history


def test_a_variable_without_its_unit_is_refused(tmp_path):
    path = tmp_path / "weather.csv"
    path.write_text("time,temperature_2m (°C),wind_speed_10m\n2024-01-01T00:00,5,36\n2024-01-01T01:00,6,18\n")
    with pytest.raises(TraceError, match="Expected the unit of 'wind_speed_10m' in its name"):
        read_open_meteo(path, datetime(2024, 1, 1, tzinfo=UTC))


@pytest.mark.long
def test_the_api_is_asked_for_the_place(tmp_path, monkeypatch):
    pytest.importorskip("httpx", reason="needs the extra live")
    now = utc_now().replace(minute=0, second=0, microsecond=0)
    midnight = now.replace(hour=0)

    def forecast(server, path, query, headers):
        rows = [f"{midnight + timedelta(hours=hour):%Y-%m-%dT%H:%M},{hour},36,0,1" for hour in range(96)]
        names = "time,temperature_2m (°C),wind_speed_10m (km/h),shortwave_radiation (W/m²),precipitation (mm)"
        return 200, "\n".join([HEAD + names, *rows]) + "\n"

    monkeypatch.setenv("CE_NAS_DATA", str(tmp_path))
    place = ["--latitude", "52.5", "--longitude", "13.4"]
    with FaultServer({"v1": forecast}) as server:
        arguments = ["grid", "weather", "DE", "--url", server.url, *place]
        assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
        (request,) = server.requests
        assert "latitude=52.5" in request
        assert "format=csv" in request
        server.fault = ApiFault.WEB_PAGE
        with pytest.raises(ProviderError):
            CliRunner().invoke(app, arguments, catch_exceptions=False)
    (issue,) = WeatherIssues.read(tmp_path / "weather/DE.csv").issues  # the failure has left the table as it was
    hours_ahead = round((issue.start - midnight) / timedelta(hours=1))
    assert issue.start >= issue.issued
    assert issue.values["temperature_k"][0] == pytest.approx(273.15 + hours_ahead)
    assert issue.values["wind_speed_m_s"][0] == pytest.approx(10.0)
