"""ENTSO-E: zone codes, resolutions, curves and documents."""

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

from ce_nas.core.http import Fault
from ce_nas.grid.providers import entsoe
from ce_nas.grid.providers.provider_errors import ProviderError

DAY = timedelta(days=1)
#: the case of this provider alone
ONLY = pytest.mark.parametrize("case", ["entsoe"], indirect=True)
REFUSAL = (
    "<Acknowledgement_MarketDocument><Reason><code>999</code><text>Too long</text></Reason>"
    "</Acknowledgement_MarketDocument>"
)


@pytest.mark.parametrize("code", entsoe.ZONES.values())
def test_zone_codes_have_valid_check_characters(code):
    alphabet = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ-"
    total = sum(alphabet.index(letter) * weight for letter, weight in zip(code[:15], range(16, 1, -1), strict=True))
    assert len(code) == 16
    assert alphabet[36 - (total - 1) % 37] == code[15]


@ONLY
def test_code_as_zone(case, server, connect):
    series = connect(case).fetch(entsoe.ZONES["FR"], case.now - DAY, case.now)
    assert series.trace.zone == entsoe.ZONES["FR"]
    assert server.queries[0]["in_Domain"] == entsoe.ZONES["FR"]


@ONLY
def test_resolutions_are_averaged(case, server, connect, emulators):
    server.resolution_s = 900
    series = connect(case).fetch("DE", case.now - DAY, case.now)
    assert series.trace.step_s == 3600
    known = series.trace.g_per_kwh[:-1]
    np.testing.assert_allclose(known, [emulators.true_intensity(series.step_start(step)) for step in range(len(known))])


@pytest.mark.parametrize(
    ("quarters", "expected"),
    [([10.0, 20.0, 30.0, 40.0], 25.0), ([10.0, 20.0, 30.0], math.nan), ([10.0, 20.0, math.nan, 40.0], math.nan)],
)
def test_hour_without_a_quarter_is_missing(quarters, expected):
    start = datetime(2024, 3, 31, 1, tzinfo=UTC)
    points = [
        entsoe._GenerationPoint(start + timedelta(minutes=15 * index), 900.0, "B04", power)
        for index, power in enumerate(quarters)
    ]
    means = [generation.power_mw for generation in entsoe._resample(points, 3600.0)]
    np.testing.assert_array_equal(means, [expected, expected])


@ONLY
def test_curve_type_repeats_omitted_positions(case, server, connect, emulators):
    server.fault, server.curve_type = "missing", "A03"
    series = connect(case).fetch("DE", case.now - DAY, case.now)
    moments = [series.step_start(step) for step in range(len(series) - 1)]
    expected = [emulators.true_intensity(m - timedelta(hours=1) if emulators.is_affected(m) else m) for m in moments]
    np.testing.assert_allclose(series.trace.g_per_kwh[:-1], expected)


@ONLY
def test_no_data_is_missing(case, connect):
    series = connect(case).fetch("DE", case.now + DAY, case.now + 2 * DAY)
    assert np.isnan(series.trace.g_per_kwh).all()


@ONLY
@pytest.mark.parametrize(
    ("document", "fault"),
    [
        (REFUSAL, Fault.REJECTED),
        ("<Publication_MarketDocument/>", Fault.MALFORMED),
        ('<!DOCTYPE x [<!ENTITY a "b">]><GL_MarketDocument>&a;</GL_MarketDocument>', Fault.MALFORMED),
        ('{"json": 1}', Fault.MALFORMED),
    ],
)  # fmt: skip
def test_other_documents_are_rejected(case, server, connect, emulators, monkeypatch, document, fault):  # noqa: PLR0913, PLR0917
    monkeypatch.setitem(emulators.APIS, "entsoe", lambda *_: (200, document))
    with pytest.raises(ProviderError) as caught:
        connect(case).fetch("DE", case.now - DAY, case.now)
    assert caught.value.fault is fault
