"""Zones and start days of a pilot."""

from datetime import UTC, datetime, timedelta

import pytest

from ce_nas.apps.pilot.grids import PilotGrids, season_first_month, spread_starts
from ce_nas.apps.pilot.questionnaire import PilotInputs
from ce_nas.core.errors import CeNasError, TraceError
from ce_nas.core.units import DAY_S, HOUR_S
from ce_nas.grid.synthetic import synthetic_trace


def test_starts_are_spread_over_all_seasons():
    starts = spread_starts(synthetic_trace("solar"), 80 * HOUR_S, 4)
    assert {season_first_month(start) for start in starts} == {12, 3, 6, 9}
    assert starts == sorted(starts)
    assert all(start.year == 2023 and start.minute == 0 for start in starts)
    seasons = [season_first_month(datetime(2023, month, 1, tzinfo=UTC)) for month in (1, 2, 3, 5, 8, 11, 12)]
    assert seasons == [12, 12, 3, 3, 6, 9, 12]


def test_a_short_trace_error_names_the_required_length(tmp_path):
    path = tmp_path / "grid.csv"
    start = datetime(2024, 5, 1, tzinfo=UTC)
    rows = [f"{(start + timedelta(hours=hour)).isoformat()},{100 + hour % 24}" for hour in range(20 * 24)]
    path.write_text("\n".join(["time,intensity", *rows]) + "\n")
    grids = PilotGrids(PilotInputs(trace=path))
    starts = spread_starts(grids.home_trace, 5 * DAY_S, 2)
    assert starts[0] > start + timedelta(days=6)
    with pytest.raises(TraceError, match=r"27\.1 days or more .* got (20\.0|19\.9|20)"):
        spread_starts(grids.home_trace, 20 * DAY_S, 2)
    assert grids.is_covered(None, starts, 5 * DAY_S)
    assert not grids.is_covered(None, starts, 30 * DAY_S)
    assert len(grids.list_other_zones(starts, 5 * DAY_S, 3)) == 3  # built-in ones: the file has no other


def test_an_unknown_zone_is_named():
    with pytest.raises(CeNasError, match="atlantis"):
        PilotGrids(PilotInputs(zone="atlantis"))


def test_other_zones_exclude_the_home_zone():
    grids = PilotGrids(PilotInputs(zone="wind"))
    starts = spread_starts(grids.home_trace, DAY_S, 2)
    assert grids.list_other_zones(starts, DAY_S, 2) == ["coal-solar", "mixed"]
