"""The particulars of each API."""

import math
import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qsl, urlsplit

import numpy as np
import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

from ce_nas.core.errors import SettingsError
from ce_nas.core.http import Fault
from ce_nas.grid.providers import eia, entsoe, uk
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.provider_errors import ProviderError, ZoneError
from ce_nas.grid.trace import EmissionFactorType, Signal

DAY = timedelta(days=1)


def only(name):
    return pytest.mark.parametrize("case", [name], indirect=True)


def queries(server):
    return [dict(parse_qsl(urlsplit(path).query)) for path in server.requests]


PROVENANCE = {
    "electricity-maps": (EmissionFactorType.LIFECYCLE, Signal.AVERAGE, {DataQuality.MEASURED, DataQuality.ESTIMATED}),
    "watttime": (EmissionFactorType.DIRECT, Signal.MARGINAL, {DataQuality.ESTIMATED}),
    "uk": (EmissionFactorType.DIRECT, Signal.AVERAGE, {DataQuality.ESTIMATED}),
    "eia": (EmissionFactorType.LIFECYCLE, Signal.AVERAGE, {DataQuality.MEASURED}),
    "entsoe": (EmissionFactorType.LIFECYCLE, Signal.AVERAGE, {DataQuality.MEASURED}),
}


@pytest.mark.parametrize("case", PROVENANCE, indirect=True)
def test_values_have_provenance(case, server, connect, emulators):
    factors, signal, qualities = PROVENANCE[case.name]
    series = connect(case).fetch(case.zone, case.now - DAY, case.now)
    assert set(series.qualities) - {DataQuality.MISSING} == qualities
    later = case.now + timedelta(hours=5)
    value = series.value_at(case.now - timedelta(hours=7), later)
    assert value.start <= case.now - timedelta(hours=7) < value.end
    assert value.g_per_kwh == pytest.approx(emulators.true_intensity(value.start))
    assert (value.zone, value.provider, value.factors, value.signal) == (case.zone, case.name, factors, signal)
    assert value.fetched_at == case.now
    assert value.age_s == (later - value.end).total_seconds()
    assert series.value_at(case.now - 3 * DAY, later) is None
    assert series.value_at(value.start, value.start).age_s == 0
    assert f"from {case.name}" in series.describe()


@pytest.mark.parametrize("case", ["watttime", "uk"], indirect=True)
def test_unsupported_factors_are_rejected(case, connect):
    with pytest.raises(SettingsError, match="direct emissions only, not lifecycle"):
        connect(case, EmissionFactorType.LIFECYCLE)


@only("electricity-maps")
def test_electricity_maps_endpoints_and_ten_day_requests(case, server, connect, emulators):
    provider = connect(case)
    provider.fetch("DE", case.now - DAY, case.now)
    assert [path.split("?")[0].rpartition("/")[2] for path in server.requests] == ["history"]
    server.requests.clear()
    series = provider.fetch("DE", case.now - 25 * DAY, case.now)
    assert [path.split("?")[0].rpartition("/")[2] for path in server.requests] == ["past-range"] * 3
    np.testing.assert_allclose(
        series.trace.g_per_kwh, [emulators.true_intensity(series.step_start(s)) for s in range(len(series))]
    )


@only("electricity-maps")
def test_electricity_maps_estimated_hour(case, connect):
    series = connect(case).fetch("DE", case.now - DAY, case.now)
    by_hour = {series.step_start(step).hour: quality for step, quality in enumerate(series.qualities) if step}
    assert by_hour[5] is DataQuality.ESTIMATED
    assert {quality for hour, quality in by_hour.items() if hour != 5} == {DataQuality.MEASURED}


@only("electricity-maps")
def test_electricity_maps_direct_factors(case, server, connect):
    series = connect(case, EmissionFactorType.DIRECT).fetch("DE", case.now - DAY, case.now)
    assert series.trace.factors is EmissionFactorType.DIRECT
    assert queries(server)[0]["emissionFactorType"] == "direct"


@only("electricity-maps")
def test_electricity_maps_caller_lookup_is_disabled(case, server, connect):
    connect(case).fetch("DE", case.now - DAY, case.now)
    assert queries(server)[0]["shouldUseFallbackCallerLookup"] == "false"


@only("watttime")
def test_watttime_token_is_renewed(case, server, connect, monkeypatch, emulators):
    moment = [case.now]
    provider = connect(case, now=lambda: moment[0])

    def fetch():
        return provider.fetch(case.zone, case.now - DAY, case.now)

    fetch(), fetch()
    assert server.logins == 1
    moment[0] += timedelta(minutes=26)
    fetch()
    assert server.logins == 2
    monkeypatch.setattr(emulators, "TOKEN", "hidden-other")
    fetch()
    assert server.logins == 3
    server.fault, server.failures = "401", 99
    with pytest.raises(ProviderError) as caught:
        fetch()
    assert caught.value.fault is Fault.UNAUTHORIZED
    assert server.logins == 4


@only("uk")
def test_uk_regions_have_forecasts_only(case, connect):
    assert sorted(uk.REGIONS) == list(range(1, 18))
    provider = connect(case)
    series = provider.fetch("GB-17", case.now - DAY, case.now)
    assert set(series.qualities) == {DataQuality.FORECAST}
    for zone in ("GB-0", "GB-18", "UK", "FR", "GB-"):
        with pytest.raises(ZoneError, match="London"):
            provider.check_zone(zone)


@only("uk")
def test_uk_requests_are_two_weeks_long(case, server, connect):
    series = connect(case).fetch("GB", case.now - 30 * DAY, case.now)
    assert len(server.requests) == 3
    assert len(series) == 30 * 48 + 1
    assert np.isnan(series.trace.g_per_kwh).sum() == 1  # the current half-hour


@only("eia")
def test_eia_pages(case, server, connect, emulators):
    server.page_rows = 7
    series = connect(case).fetch("CISO", case.now - DAY, case.now)
    rows = 3 * 24 * 3  # three fuels; the requested day, and the two before it, which tell the fuels
    assert [int(query["offset"]) for query in queries(server)] == list(range(0, rows, 7))
    np.testing.assert_allclose(
        series.trace.g_per_kwh[:-1],
        [emulators.true_intensity(series.step_start(step)) for step in range(len(series) - 1)],
    )


@only("eia")
def test_eia_daylight_saving_time(case, server, connect, emulators):
    server.fault = "dst"
    series = connect(case).fetch("CISO", case.now - DAY, case.now)
    assert not np.isnan(series.trace.g_per_kwh[:-1]).any()


def test_fuels_have_emission_factors():
    from ce_nas.grid.emission_factors import EMISSION_FACTORS, Fuel

    assert {*eia.FUELS.values(), *entsoe.FUELS.values()} <= {*EMISSION_FACTORS, Fuel.STORAGE}
    assert set(EMISSION_FACTORS) == set(Fuel) - {Fuel.STORAGE}


@pytest.mark.parametrize("code", entsoe.ZONES.values())
def test_entsoe_zone_codes_have_valid_check_characters(code):
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"
    total = sum(alphabet.index(letter) * weight for letter, weight in zip(code[:15], range(16, 1, -1), strict=True))
    assert len(code) == 16
    assert alphabet[36 - (total - 1) % 37] == code[15]


@only("entsoe")
def test_entsoe_code_as_zone(case, server, connect):
    series = connect(case).fetch(entsoe.ZONES["FR"], case.now - DAY, case.now)
    assert series.trace.zone == entsoe.ZONES["FR"]
    assert queries(server)[0]["in_Domain"] == entsoe.ZONES["FR"]


@only("entsoe")
def test_entsoe_resolutions_are_averaged(case, server, connect, emulators):
    server.resolution_s = 900
    series = connect(case).fetch("DE", case.now - DAY, case.now)
    assert series.trace.step_s == 3600
    known = series.trace.g_per_kwh[:-1]
    np.testing.assert_allclose(known, [emulators.true_intensity(series.step_start(step)) for step in range(len(known))])


@pytest.mark.parametrize(
    ("quarters", "expected"),
    [([10.0, 20.0, 30.0, 40.0], 25.0), ([10.0, 20.0, 30.0], math.nan), ([10.0, 20.0, math.nan, 40.0], math.nan)],
)
def test_entsoe_hour_without_a_quarter_is_missing(quarters, expected):
    start = datetime(2024, 3, 31, 1, tzinfo=UTC)
    points = [
        entsoe._GenerationPoint(start + timedelta(minutes=15 * index), 900.0, "B04", power)
        for index, power in enumerate(quarters)
    ]
    means = [generation.power_mw for generation in entsoe._resample(points, 3600.0)]
    np.testing.assert_array_equal(means, [expected, expected])


@only("entsoe")
def test_entsoe_curve_type_repeats_omitted_positions(case, server, connect, emulators):
    server.fault, server.curve_type = "missing", "A03"
    series = connect(case).fetch("DE", case.now - DAY, case.now)
    moments = [series.step_start(step) for step in range(len(series) - 1)]
    expected = [emulators.true_intensity(m - timedelta(hours=1) if emulators.is_affected(m) else m) for m in moments]
    np.testing.assert_allclose(series.trace.g_per_kwh[:-1], expected)


@only("entsoe")
def test_entsoe_no_data_is_missing(case, connect):
    series = connect(case).fetch("DE", case.now + DAY, case.now + 2 * DAY)
    assert np.isnan(series.trace.g_per_kwh).all()


REFUSAL = (
    "<Acknowledgement_MarketDocument><Reason><code>999</code><text>Too long</text></Reason>"
    "</Acknowledgement_MarketDocument>"
)


@only("entsoe")
@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (REFUSAL, Fault.REJECTED),
        ("<Publication_MarketDocument/>", Fault.MALFORMED),
        ('<!DOCTYPE x [<!ENTITY a "b">]><GL_MarketDocument>&a;</GL_MarketDocument>', Fault.MALFORMED),
        ('{"json": 1}', Fault.MALFORMED),
    ],
)  # fmt: skip
def test_entsoe_other_documents_are_rejected(case, server, connect, emulators, monkeypatch, document, fault):  # noqa: PLR0913, PLR0917
    monkeypatch.setitem(emulators.APIS, "entsoe", lambda *_: (200, document))
    with pytest.raises(ProviderError) as caught:
        connect(case).fetch("DE", case.now - DAY, case.now)
    assert caught.value.fault is fault


JSON = ("electricity-maps", "watttime", "uk", "eia")


@pytest.mark.parametrize("case", JSON, indirect=True)
@pytest.mark.parametrize("body", ["[]", "{}", '{"data": 3}', '{"data": [1]}', '"text"', "null"])
def test_json_of_another_shape_is_rejected(case, server, connect, emulators, monkeypatch, body):  # noqa: PLR0913, PLR0917
    monkeypatch.setitem(emulators.APIS, case.name, lambda *_: (200, body))
    with pytest.raises(ProviderError) as caught:
        connect(case).fetch(case.zone, case.now - DAY, case.now)
    assert caught.value.fault is Fault.MALFORMED


VALUES, TIMES = r'("(?:carbonIntensity|value|actual)": )[^,}]+', r'("(?:datetime|point_time|from|period)": )"[^"]+"'


@pytest.mark.parametrize("case", JSON, indirect=True)
@pytest.mark.parametrize(
    ("field", "content"),
    [(VALUES, text) for text in ('"x1"', "true", "[]", "1e999")]
    + [(TIMES, text) for text in ('"2024-33"', "3", "null")],
)
def test_undocumented_row_values_are_rejected(case, connect, emulators, monkeypatch, field, content):  # noqa: PLR0913, PLR0917
    handler = emulators.APIS[case.name]

    def changed(*request):
        status, body = handler(*request)
        return status, re.sub(field, rf"\g<1>{content}", body, count=1)

    monkeypatch.setitem(emulators.APIS, case.name, changed)
    with pytest.raises(ProviderError) as caught:
        connect(case).fetch(case.zone, case.now - DAY, case.now)
    assert caught.value.fault is Fault.MALFORMED


@pytest.mark.parametrize("name", ["watttime", "uk"])
def test_time_without_a_zone_is_rejected(name):
    from ce_nas.grid.providers.normalize import SeriesMetadata, parse_time

    metadata = SeriesMetadata(name, "X", EmissionFactorType.DIRECT, Signal.AVERAGE, 3600)
    assert parse_time(metadata, "2024-03-31T03:00+02:00") == datetime(2024, 3, 31, 1, tzinfo=UTC)
    for text in ("2024-03-31T03:00", "yesterday", None, 3, ""):
        with pytest.raises(ProviderError, match="a time with its zone"):
            parse_time(metadata, text)


@pytest.mark.parametrize("case", ["eia", "entsoe"], indirect=True)
def test_fuel_missing_from_the_newest_hours_is_noticed(case, server, connect, emulators, monkeypatch):
    mix = emulators.mix
    late = {emulators.true_intensity(case.now - timedelta(hours=back, minutes=20)) for back in range(1, 4)}

    def without_gas(intensity):
        powers = mix(intensity)
        return powers | {"gas": ""} if intensity in late else powers

    monkeypatch.setattr(emulators, "mix", without_gas)
    series = connect(case).fetch(case.zone, case.now - timedelta(hours=3), case.now)
    assert np.isnan(series.trace.g_per_kwh).all()
    assert any("because fuels are" in note for note in series.notes)
