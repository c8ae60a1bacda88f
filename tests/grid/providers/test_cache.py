import json
import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.cache import Cache, Shelf
from ce_nas.grid.providers.normalize import Kind, Reading, Window, regular
from ce_nas.grid.trace import Factors, Signal

START = datetime(2024, 3, 30, 18, tzinfo=UTC)
SHELF = Shelf("made", "DE", Factors.LIFECYCLE, Signal.AVERAGE)


def made(values, *, start=START, fetched_at=START, step_s=3600.0, zone="DE", quality=Quality.MEASURED, issued_at=None):  # noqa: PLR0913
    window = Window(start, step_s, len(values))
    readings = [Reading(window.moment(step), value, quality) for step, value in enumerate(values)]
    kind = Kind("made", zone, Factors.LIFECYCLE, Signal.AVERAGE, step_s)
    return regular(kind, window, readings, fetched_at, issued_at=issued_at)


def held(cache, hours, start=START, shelf=SHELF):
    return cache.series(shelf, start, start + timedelta(hours=hours))


@given(values=st.lists(st.one_of(st.just(math.nan), st.floats(10, 900)), min_size=1, max_size=60))
def test_what_was_kept_is_read_back_to_the_letter(tmp_path_factory, values):
    cache = Cache(tmp_path_factory.mktemp("cache"))
    series = made(values)
    cache.keep(series)
    found = held(cache, len(values))
    np.testing.assert_array_equal(found.trace.g_per_kwh, series.trace.g_per_kwh)
    assert (found.qualities, found.fetched, found.trace.start) == (series.qualities, series.fetched, series.trace.start)
    assert found.trace.fingerprint == series.trace.fingerprint


def test_a_later_answer_replaces_an_earlier_one_but_nothing_replaces_something(tmp_path):
    cache, later = Cache(tmp_path), START + timedelta(hours=3)
    cache.keep(made([100.0, 200.0, math.nan, math.nan]))
    cache.keep(made([110.0, math.nan, 300.0, math.nan], fetched_at=later))
    found = held(cache, 4)
    np.testing.assert_array_equal(found.trace.g_per_kwh, [110, 200, 300, math.nan])
    assert found.fetched == (later, START, later, later)  # the last was asked about again, and is still missing


def test_nothing_held_is_none_and_a_part_held_is_missing_elsewhere(tmp_path):
    cache = Cache(tmp_path)
    assert held(cache, 5) is None
    cache.keep(made([100.0, 200.0]))
    found = held(cache, 40, START - timedelta(hours=3))
    assert np.isnan(found.trace.g_per_kwh).sum() == len(found) - 2
    assert found.qualities[3:5] == (Quality.MEASURED, Quality.MEASURED)


@pytest.mark.parametrize(
    "other",
    [
        Shelf("other", "DE", Factors.LIFECYCLE, Signal.AVERAGE),
        Shelf("made", "SE", Factors.LIFECYCLE, Signal.AVERAGE),
        Shelf("made", "DE", Factors.DIRECT, Signal.AVERAGE),
        Shelf("made", "DE", Factors.LIFECYCLE, Signal.MARGINAL),
    ],
)
def test_nothing_is_mixed(tmp_path, other):
    cache = Cache(tmp_path)
    cache.keep(made([100.0]))
    assert held(cache, 1, shelf=other) is None
    for path in list(tmp_path.rglob("*.json")):  # not even if somebody moves the files
        place = cache._place(other, path.stem)
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(path.read_bytes())
    assert held(cache, 1, shelf=other) is None


def test_a_new_step_begins_anew(tmp_path):
    cache = Cache(tmp_path)
    cache.keep(made([100.0, 200.0]))
    cache.keep(made([300.0, 400.0], step_s=1800.0))
    found = held(cache, 2)
    assert found.trace.step_s == 1800
    np.testing.assert_array_equal(found.trace.g_per_kwh, [300, 400, math.nan, math.nan])


@pytest.mark.parametrize("content", ["", "{", "[]", '{"format": 2}', '{"format": 1}', "null", "\x00"])
def test_a_damaged_file_counts_as_not_there_and_is_written_anew(tmp_path, content):
    cache = Cache(tmp_path)
    cache.keep(made([100.0]))
    (path,) = tmp_path.rglob("*.json")
    path.write_text(content)
    assert held(cache, 1) is None
    cache.keep(made([200.0]))
    assert held(cache, 1).trace.g_per_kwh.tolist() == [200]


def test_a_file_says_whose_values_it_holds_and_when_they_were_fetched(tmp_path):
    Cache(tmp_path).keep(made([100.0, math.nan]))
    (path,) = tmp_path.rglob("*.json")
    content = json.loads(path.read_text())
    assert {content[name] for name in ("source", "zone", "factors", "signal")} == {"made", "DE", "lifecycle", "average"}
    assert content["rows"] == [
        [START.isoformat(), 100.0, "measured", START.isoformat()],
        [(START + timedelta(hours=1)).isoformat(), None, "missing", START.isoformat()],
    ]


def test_a_write_that_fails_leaves_what_was_there_and_no_litter(tmp_path, monkeypatch):
    cache = Cache(tmp_path)
    cache.keep(made([100.0]))

    def full(*_, **__):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(json, "dump", full)
    with pytest.raises(OSError, match="No space"):
        cache.keep(made([200.0]))
    monkeypatch.undo()
    assert held(cache, 1).trace.g_per_kwh.tolist() == [100]
    assert len([path for path in tmp_path.rglob("*") if path.is_file()]) == 1


@pytest.mark.parametrize("zone", ["..", "../../up", "a/b", "C:\\x", "."])
def test_a_zone_is_no_way_out_of_the_folder(tmp_path, zone):
    folder = tmp_path / "in" / "cache"
    Cache(folder).keep(made([100.0], zone=zone))
    written = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(written) == 1
    assert written[0].resolve().is_relative_to(folder)
    assert len(written[0].relative_to(folder).parts) == 4


def test_the_last_forecast_is_kept_apart(tmp_path):
    cache = Cache(tmp_path)
    assert cache.forecast(SHELF) is None
    cache.keep(made([100.0, 200.0], quality=Quality.FORECAST, issued_at=START))
    assert held(cache, 2) is None
    later = START + timedelta(hours=1)
    cache.keep(made([150.0, 250.0], start=later, quality=Quality.FORECAST, issued_at=later))
    found = cache.forecast(SHELF)
    assert (found.issued_at, found.trace.g_per_kwh.tolist()) == (later, [150, 250])
