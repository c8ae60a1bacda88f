from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from ce_nas.apps.dashboard.zone_forecast import AHEAD_H, BACK_H, Outlooks, given_traces
from ce_nas.core.errors import CeNasError, SettingsError
from ce_nas.grid.synthetic import synthetic_trace, zones

NOW = datetime(2026, 5, 4, 9, 40, tzinfo=UTC)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    """Three weeks of a zone of one's own, that ended the day before."""
    path = tmp_path_factory.mktemp("grid") / "home.csv"
    start = datetime(2026, 4, 12, tzinfo=UTC)
    lines = [
        f"{start + timedelta(hours=hour):%Y-%m-%dT%H:%MZ},{300 + 100 * np.cos(hour / 24 * 2 * np.pi):.2f}"
        for hour in range(21 * 24)
    ]
    path.write_text("time,intensity\n" + "\n".join(lines) + "\n")
    return path


@pytest.fixture(scope="module")
def outlooks(own):
    return Outlooks(given_traces([own]))


def test_the_zones_are_the_given_ones_and_those_built_in(outlooks):
    assert len(outlooks.names()) == 1 + len(zones())
    assert outlooks.names()[1:] == [zone.name for zone in zones()]


def test_a_built_in_zone_is_known_up_to_the_last_full_hour_and_not_beyond(outlooks):
    found = outlooks.of("solar", NOW)
    assert found.issued == datetime(2026, 5, 4, 9, tzinfo=UTC)
    series = synthetic_trace("solar", year=2026).since(found.issued)
    assert found.past_g_per_kwh.tolist() == series.past(0.0, BACK_H).tolist()
    assert found.ahead_g_per_kwh.shape == (AHEAD_H,)
    assert set(found.forecast.quantiles_g_per_kwh) >= {0.1, 0.9}


def test_a_record_that_has_ended_is_known_up_to_its_end(outlooks):
    found = outlooks.of(outlooks.names()[0], NOW)
    assert found.issued == datetime(2026, 5, 3, tzinfo=UTC)
    truth = 300 + 100 * np.cos(np.arange(24) / 24 * 2 * np.pi)
    assert np.abs(found.ahead_g_per_kwh[:24] - truth).max() < 15


def test_each_zone_is_looked_up_once_an_hour(outlooks):
    found = outlooks.of("gas", NOW)
    assert outlooks.of("gas", NOW + timedelta(minutes=15)) is found
    assert outlooks.of("gas", NOW + timedelta(minutes=30)) is not found


def test_a_zone_that_there_is_not_and_one_that_cannot_be_read_are_said(outlooks, tmp_path, own):
    with pytest.raises(SettingsError, match="Did you mean 'solar'"):
        outlooks.of("solr", NOW)
    gone = tmp_path / "gone.csv"
    gone.write_bytes(own.read_bytes())
    unread = Outlooks({"home": {"trace": gone}})
    gone.unlink()
    assert "gone.csv" in unread.of("home", NOW)
    with pytest.raises(CeNasError, match=r"nothing\.csv"):
        given_traces([tmp_path / "nothing.csv"])
    with pytest.raises(SettingsError, match="twice"):
        given_traces([own, own])
