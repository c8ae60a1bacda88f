"""What all providers have in common: provenance of values, refused answers, fuels."""

import re
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

from ce_nas.core.errors import SettingsError
from ce_nas.core.http import Fault
from ce_nas.grid.providers import eia, entsoe
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.provider_errors import ProviderError
from ce_nas.grid.trace import EmissionFactorType, Signal

DAY = timedelta(days=1)


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


def test_fuels_have_emission_factors():
    from ce_nas.grid.emission_factors import EMISSION_FACTORS, Fuel

    assert {*eia.FUELS.values(), *entsoe.FUELS.values()} <= {*EMISSION_FACTORS, Fuel.STORAGE}
    assert set(EMISSION_FACTORS) == set(Fuel) - {Fuel.STORAGE}


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
