"""Zones and days of a pilot."""

from datetime import UTC, datetime, timedelta

import pytest

from ce_nas.apps.pilot.grids import Grids, quarter, start_days
from ce_nas.apps.pilot.inputs import PilotFigures
from ce_nas.core.errors import CeNasError, TraceError
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.grid.synthetic import synthetic_trace


def test_days_are_spread_over_all_seasons():
    starts = start_days(synthetic_trace("solar"), 80 * HOUR_S, 4)
    assert {quarter(start) for start in starts} == {12, 3, 6, 9}
    assert starts == sorted(starts)
    assert all(start.year == 2023 and start.minute == 0 for start in starts)
    seasons = [quarter(datetime(2023, month, 1, tzinfo=UTC)) for month in (1, 2, 3, 5, 8, 11, 12)]
    assert seasons == [12, 12, 3, 3, 6, 9, 12]


def test_a_short_trace_is_an_error_that_says_how_long_it_must_be(tmp_path):
    path = tmp_path / "grid.csv"
    begin = datetime(2024, 5, 1, tzinfo=UTC)
    rows = [f"{(begin + timedelta(hours=hour)).isoformat()},{100 + hour % 24}" for hour in range(20 * 24)]
    path.write_text("\n".join(["time,intensity", *rows]) + "\n")
    grids = Grids(PilotFigures(trace=path))
    starts = start_days(grids.home, 5 * DAY_S, 2)
    assert starts[0] > begin + timedelta(days=6)
    with pytest.raises(TraceError, match=r"27\.1 days or more .* got (20\.0|19\.9|20)"):
        start_days(grids.home, 20 * DAY_S, 2)
    assert grids.reach(None, starts, 5 * DAY_S)
    assert not grids.reach(None, starts, 30 * DAY_S)
    assert len(grids.others(starts, 5 * DAY_S, 3)) == 3  # built-in ones: the file holds no other


def test_an_unknown_zone_is_named():
    with pytest.raises(CeNasError, match="atlantis"):
        Grids(PilotFigures(zone="atlantis"))


def test_other_zones_leave_the_teams_own_out():
    grids = Grids(PilotFigures(zone="wind"))
    starts = start_days(grids.home, DAY_S, 2)
    assert grids.others(starts, DAY_S, 2) == ["coal-solar", "mixed"]
