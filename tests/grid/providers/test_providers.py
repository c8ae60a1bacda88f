"""What is particular to each provider's format."""

import math
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

from ce_nas.core.errors import SettingsError
from ce_nas.grid.providers import eia, entsoe, uk
from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.errors import Fault, SourceError, ZoneError
from ce_nas.grid.trace import Factors, Signal

DAY = timedelta(days=1)


def only(name):
    return pytest.mark.parametrize("provided", [name], indirect=True)


def queries(server):
    return [dict(parse_qsl(urlsplit(path).query)) for path in server.asked]


STAMPS = {
    "electricity-maps": (Factors.LIFECYCLE, Signal.AVERAGE, {Quality.MEASURED, Quality.ESTIMATED}),
    "watttime": (Factors.DIRECT, Signal.MARGINAL, {Quality.ESTIMATED}),
    "uk": (Factors.DIRECT, Signal.AVERAGE, {Quality.ESTIMATED}),
    "eia": (Factors.LIFECYCLE, Signal.AVERAGE, {Quality.MEASURED}),
    "entsoe": (Factors.LIFECYCLE, Signal.AVERAGE, {Quality.MEASURED}),
}


@pytest.mark.parametrize("provided", STAMPS, indirect=True)
def test_every_value_is_stamped(provided, server, connect, played):
    factors, signal, qualities = STAMPS[provided.name]
    series = connect(provided).fetch(provided.zone, provided.now - DAY, provided.now)
    assert set(series.qualities) - {Quality.MISSING} == qualities
    later = provided.now + timedelta(hours=5)
    value = series.at(provided.now - timedelta(hours=7), later)
    assert value.start <= provided.now - timedelta(hours=7) < value.end
    assert value.g_per_kwh == pytest.approx(played.truth(value.start))
    assert (value.zone, value.source, value.factors, value.signal) == (provided.zone, provided.name, factors, signal)
    assert value.fetched_at == provided.now
    assert value.age_s == (later - value.end).total_seconds()
    assert series.at(provided.now - 3 * DAY, later) is None
    assert series.at(value.start, value.start).age_s == 0
    assert f"from {provided.name}" in series.describe()


@pytest.mark.parametrize("provided", ["watttime", "uk"], indirect=True)
def test_factors_that_a_source_does_not_have_are_refused(provided, connect):
    with pytest.raises(SettingsError, match="direct emissions only, not lifecycle"):
        connect(provided, Factors.LIFECYCLE)


@only("electricity-maps")
def test_the_last_day_comes_from_the_free_endpoint_and_more_from_the_other_ten_days_at_a_time(
    provided, server, connect, played
):
    source = connect(provided)
    source.fetch("DE", provided.now - DAY, provided.now)
    assert [path.split("?")[0].rpartition("/")[2] for path in server.asked] == ["history"]
    server.asked.clear()
    series = source.fetch("DE", provided.now - 25 * DAY, provided.now)
    assert [path.split("?")[0].rpartition("/")[2] for path in server.asked] == ["past-range"] * 3
    np.testing.assert_allclose(series.trace.g_per_kwh, [played.truth(series.start_of(s)) for s in range(len(series))])


@only("electricity-maps")
def test_an_estimated_hour_is_told_from_a_measured_one(provided, connect):
    series = connect(provided).fetch("DE", provided.now - DAY, provided.now)
    kinds = {series.start_of(step).hour: kind for step, kind in enumerate(series.qualities) if step}
    assert kinds[5] is Quality.ESTIMATED
    assert {kind for hour, kind in kinds.items() if hour != 5} == {Quality.MEASURED}


@only("electricity-maps")
def test_direct_emissions_are_asked_for_by_name(provided, server, connect):
    series = connect(provided, Factors.DIRECT).fetch("DE", provided.now - DAY, provided.now)
    assert series.trace.factors is Factors.DIRECT
    assert queries(server)[0]["emissionFactorType"] == "direct"


@only("electricity-maps")
def test_the_answer_for_the_callers_own_address_is_switched_off(provided, server, connect):
    connect(provided).fetch("DE", provided.now - DAY, provided.now)
    assert queries(server)[0]["shouldUseFallbackCallerLookup"] == "false"


@only("watttime")
def test_a_token_is_kept_for_25_minutes_and_renewed_once_when_it_is_revoked(
    provided, server, connect, monkeypatch, played
):
    moment = [provided.now]
    source = connect(provided, now=lambda: moment[0])

    def fetch():
        return source.fetch(provided.zone, provided.now - DAY, provided.now)

    fetch(), fetch()
    assert server.logins == 1
    moment[0] += timedelta(minutes=26)
    fetch()
    assert server.logins == 2
    monkeypatch.setattr(played, "TOKEN", "hidden-other")
    fetch()
    assert server.logins == 3
    server.fault, server.failures = "401", 99
    with pytest.raises(SourceError) as caught:
        fetch()
    assert caught.value.fault is Fault.REFUSED
    assert server.logins == 4


@only("uk")
def test_regions_have_names_and_only_forecasts(provided, connect):
    assert sorted(uk.REGIONS) == list(range(1, 18))
    source = connect(provided)
    series = source.fetch("GB-17", provided.now - DAY, provided.now)
    assert set(series.qualities) == {Quality.FORECAST}
    for zone in ("GB-0", "GB-18", "UK", "FR", "GB-"):
        with pytest.raises(ZoneError, match="London"):
            source.check(zone)


@only("uk")
def test_a_long_stretch_is_asked_for_a_fortnight_at_a_time(provided, server, connect):
    series = connect(provided).fetch("GB", provided.now - 30 * DAY, provided.now)
    assert len(server.asked) == 3
    assert len(series) == 30 * 48 + 1
    assert np.isnan(series.trace.g_per_kwh).sum() == 1  # the half-hour that lasts


@only("eia")
def test_all_pages_are_read(provided, server, connect, played):
    server.page = 7
    series = connect(provided).fetch("CISO", provided.now - DAY, provided.now)
    rows = 3 * 24 * 3  # three fuels, the day asked for and the two before it, from which the fuels are known
    assert [int(query["offset"]) for query in queries(server)] == list(range(0, rows, 7))
    np.testing.assert_allclose(
        series.trace.g_per_kwh[:-1], [played.truth(series.start_of(step)) for step in range(len(series) - 1)]
    )


@only("eia")
def test_the_clocks_going_forward_in_california_lose_no_hour(provided, server, connect, played):
    server.fault = "dst"
    series = connect(provided).fetch("CISO", provided.now - DAY, provided.now)
    assert not np.isnan(series.trace.g_per_kwh[:-1]).any()


def test_every_fuel_of_both_providers_has_a_factor():
    from ce_nas.grid.emission_factors import EMISSIONS, Fuel

    assert {*eia.FUELS.values(), *entsoe.FUELS.values()} <= {*EMISSIONS, Fuel.STORAGE}
    assert set(EMISSIONS) == set(Fuel) - {Fuel.STORAGE}


@pytest.mark.parametrize("code", entsoe.ZONES.values())
def test_the_last_character_of_a_zones_code_checks_it(code):
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"
    total = sum(alphabet.index(letter) * weight for letter, weight in zip(code[:15], range(16, 1, -1), strict=True))
    assert len(code) == 16
    assert alphabet[36 - (total - 1) % 37] == code[15]


@only("entsoe")
def test_a_code_may_be_given_as_it_is(provided, server, connect):
    series = connect(provided).fetch(entsoe.ZONES["FR"], provided.now - DAY, provided.now)
    assert series.trace.zone == entsoe.ZONES["FR"]
    assert queries(server)[0]["in_Domain"] == entsoe.ZONES["FR"]


@only("entsoe")
def test_quarter_hours_and_hours_meet_at_the_hour(provided, server, connect, played):
    server.resolution_s = 900
    series = connect(provided).fetch("DE", provided.now - DAY, provided.now)
    assert series.trace.step_s == 3600
    known = series.trace.g_per_kwh[:-1]
    np.testing.assert_allclose(known, [played.truth(series.start_of(step)) for step in range(len(known))])


@pytest.mark.parametrize(
    ("quarters", "wanted"),
    [([10.0, 20.0, 30.0, 40.0], 25.0), ([10.0, 20.0, 30.0], math.nan), ([10.0, 20.0, math.nan, 40.0], math.nan)],
)
def test_an_hour_that_lacks_a_quarter_is_missing(quarters, wanted):
    start = datetime(2024, 3, 31, 1, tzinfo=UTC)
    points = [
        entsoe._Point(start + timedelta(minutes=15 * place), 900.0, "B04", power)
        for place, power in enumerate(quarters)
    ]
    means = [generation.power_mw for generation in entsoe._at_step(points, 3600.0)]
    np.testing.assert_array_equal(means, [wanted, wanted])


@only("entsoe")
def test_a_missing_position_repeats_the_last_one_in_the_curve_that_says_so(provided, server, connect, played):
    server.fault, server.curve = "missing", "A03"
    series = connect(provided).fetch("DE", provided.now - DAY, provided.now)
    moments = [series.start_of(step) for step in range(len(series) - 1)]
    wanted = [played.truth(m - timedelta(hours=1) if played.is_hit(m) else m) for m in moments]
    np.testing.assert_allclose(series.trace.g_per_kwh[:-1], wanted)


@only("entsoe")
def test_no_data_yet_is_missing_and_no_error(provided, connect):
    series = connect(provided).fetch("DE", provided.now + DAY, provided.now + 2 * DAY)
    assert np.isnan(series.trace.g_per_kwh).all()


REFUSAL = (
    "<Acknowledgement_MarketDocument><Reason><code>999</code><text>Too long</text></Reason>"
    "</Acknowledgement_MarketDocument>"
)


@only("entsoe")
@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (REFUSAL, Fault.DECLINED),
        ("<Publication_MarketDocument/>", Fault.MALFORMED),
        ('<!DOCTYPE x [<!ENTITY a "b">]><GL_MarketDocument>&a;</GL_MarketDocument>', Fault.MALFORMED),
        ('{"json": 1}', Fault.MALFORMED),
    ],
)  # fmt: skip
def test_other_documents_are_refused(provided, server, connect, played, monkeypatch, document, fault):  # noqa: PLR0913, PLR0917
    monkeypatch.setitem(played.PLAYS, "entsoe", lambda *_: (200, document))
    with pytest.raises(SourceError) as caught:
        connect(provided).fetch("DE", provided.now - DAY, provided.now)
    assert caught.value.fault is fault


JSON = ("electricity-maps", "watttime", "uk", "eia")


@pytest.mark.parametrize("provided", JSON, indirect=True)
@pytest.mark.parametrize("body", ["[]", "{}", '{"data": 3}', '{"data": [1]}', '"text"', "null"])
def test_json_of_another_shape_is_refused(provided, server, connect, played, monkeypatch, body):  # noqa: PLR0913, PLR0917
    monkeypatch.setitem(played.PLAYS, provided.name, lambda *_: (200, body))
    with pytest.raises(SourceError) as caught:
        connect(provided).fetch(provided.zone, provided.now - DAY, provided.now)
    assert caught.value.fault is Fault.MALFORMED


VALUES, TIMES = r'("(?:carbonIntensity|value|actual)": )[^,}]+', r'("(?:datetime|point_time|from|period)": )"[^"]+"'


@pytest.mark.parametrize("provided", JSON, indirect=True)
@pytest.mark.parametrize(
    ("field", "content"),
    [(VALUES, text) for text in ('"x1"', "true", "[]", "1e999")]
    + [(TIMES, text) for text in ('"2024-33"', "3", "null")],
)
def test_rows_that_are_not_as_documented_are_refused(provided, connect, played, monkeypatch, field, content):  # noqa: PLR0913, PLR0917
    play = played.PLAYS[provided.name]

    def spoiled(*asked):
        status, body = play(*asked)
        return status, re.sub(field, rf"\g<1>{content}", body, count=1)

    monkeypatch.setitem(played.PLAYS, provided.name, spoiled)
    with pytest.raises(SourceError) as caught:
        connect(provided).fetch(provided.zone, provided.now - DAY, provided.now)
    assert caught.value.fault is Fault.MALFORMED


@pytest.mark.parametrize("name", ["watttime", "uk"])
def test_a_stretch_without_a_zone_of_time_is_refused(name):
    from ce_nas.grid.providers.normalize import Kind, moment_of

    kind = Kind(name, "X", Factors.DIRECT, Signal.AVERAGE, 3600)
    assert moment_of(kind, "2024-03-31T03:00+02:00") == datetime(2024, 3, 31, 1, tzinfo=UTC)
    for text in ("2024-03-31T03:00", "yesterday", None, 3, ""):
        with pytest.raises(SourceError, match="a time with its zone"):
            moment_of(kind, text)


@pytest.mark.parametrize("provided", ["eia", "entsoe"], indirect=True)
def test_a_fuel_that_the_newest_hours_leave_out_is_missed_even_if_only_they_are_asked_for(
    provided, server, connect, played, monkeypatch
):
    whole = played.mix
    late = {played.truth(provided.now - timedelta(hours=back, minutes=20)) for back in range(1, 4)}

    def without_gas(intensity):
        powers = whole(intensity)
        return powers | {"gas": ""} if intensity in late else powers

    monkeypatch.setattr(played, "mix", without_gas)
    series = connect(provided).fetch(provided.zone, provided.now - timedelta(hours=3), provided.now)
    assert np.isnan(series.trace.g_per_kwh).all()
    assert any("because fuels are" in note for note in series.notes)
