"""Every provider under every fault: values, retries, and no key in any output."""

import itertools
import logging
import math
from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.core.http import Fault, HttpOptions
from ce_nas.core.retry import RetryPolicy
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.network_provider import ProviderContext
from ce_nas.grid.providers.provider_errors import ProviderError, ZoneError

ATTEMPTS = 4
KEYED = ["electricity-maps", "watttime", "eia", "entsoe"]
#: faults of rows, and whether the affected hours become missing
ROWS = {"normal": False, "nulls": True, "missing": True, "duplicates": False, "contradiction": True, "dst": False}
#: faults that fail at once, and faults that are retried
FATAL = {"units": Fault.WRONG_UNITS}
RETRIED = {
    "empty": Fault.EMPTY_RESPONSE,
    "truncated": Fault.MALFORMED,
    "html": Fault.MALFORMED,
    "cut": Fault.CONNECTION_LOST,
}


@pytest.fixture(autouse=True)
def no_key_in_the_log(caplog):
    """Of any test, including the log of the HTTP library."""
    with caplog.at_level(logging.DEBUG):
        yield
    assert "hidden" not in caplog.text


def shows_key(error):
    """Whether an error, or one of its causes, shows a key."""
    chain = []
    while error is not None:
        chain += [str(error), repr(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "hidden" in " ".join(chain)


def interval(case):
    return case.now - timedelta(hours=12), case.now


def expected(case, truth, is_affected, series, *, has_fault):
    """The truth, missing where the provider has no value yet, and in the affected hours if ``has_fault``."""
    moments = [series.step_start(step) for step in range(len(series))]
    return [
        math.nan if moment >= case.known_until or (has_fault and is_affected(moment)) else truth(moment)
        for moment in moments
    ]


@pytest.mark.parametrize("fault", ROWS)
def test_fetch_under_faults_of_rows(case, server, connect, emulators, fault):
    server.fault = fault
    series = connect(case).fetch(case.zone, *interval(case))
    truth = expected(case, emulators.true_intensity, emulators.is_affected, series, has_fault=ROWS[fault])
    if case.zone == "GB-13":  # regions have forecasts, also of later steps
        truth = [
            math.nan if ROWS[fault] and emulators.is_affected(m) else emulators.true_intensity(m)
            for m in map(series.step_start, range(len(series)))
        ]
    np.testing.assert_allclose(series.trace.g_per_kwh, truth, rtol=1e-9)
    assert series.trace.step_s == case.step_s
    assert len(series) == math.ceil((12 * 3600 + 20 * 60) / case.step_s) or case.step_s == 300
    assert series.trace.start <= case.now - timedelta(hours=12)
    assert series.trace.end >= case.now
    assert [quality is DataQuality.MISSING for quality in series.qualities] == np.isnan(series.trace.g_per_kwh).tolist()
    assert (fault == "contradiction") == any("contradict" in note for note in series.notes)
    assert (fault == "duplicates" and case.name not in ("eia", "entsoe")) == any(
        "repeated" in note for note in series.notes
    )


@pytest.mark.parametrize("fault", [*FATAL, *RETRIED])
def test_fetch_under_faults_of_responses(case, server, connect, waits, fault):
    server.fault = fault
    with pytest.raises(ProviderError) as caught:
        connect(case).fetch(case.zone, *interval(case))
    assert caught.value.fault is (FATAL | RETRIED)[fault]
    assert caught.value.provider == case.name
    assert len(server.requests) == (1 if fault in FATAL else ATTEMPTS)
    assert waits == ([] if fault in FATAL else [1, 2, 4])
    assert not shows_key(caught.value)


@pytest.mark.parametrize("case", [*KEYED, "uk-region"], indirect=True)  # a response for GB names no zone
def test_response_for_another_zone_is_rejected(server, connect, case):
    server.fault = "other zone"
    with pytest.raises(ProviderError, match="another zone") as caught:
        connect(case).fetch(case.zone, *interval(case))
    assert caught.value.fault is Fault.WRONG_ZONE
    assert not caught.value.retryable


@pytest.mark.parametrize("zone", ["XX", "", "../DE", "DE?zone=SE"])
def test_unknown_zone_is_a_settings_error(case, connect, zone):
    if zone == "XX" and case.name == "watttime":
        zone = "NOWHERE"
    with pytest.raises(ZoneError) as caught:
        connect(case).fetch(zone, *interval(case))
    assert isinstance(caught.value, SettingsError)
    assert not isinstance(caught.value, TraceError)


def test_rejected_key_is_not_retried_nor_shown(case, server, connect, waits):
    server.fault, server.failures = "401", 9
    with pytest.raises(ProviderError) as caught:
        connect(case).fetch(case.zone, *interval(case))
    assert caught.value.fault is Fault.UNAUTHORIZED
    assert (len(server.requests), waits) == (1, [])
    assert not shows_key(caught.value)


@pytest.mark.parametrize("case", KEYED, indirect=True)
@pytest.mark.parametrize("variable", ["token", "space", "line", "unset"])
def test_invalid_key_is_reported_and_not_shown(case, server, network, emulators, monkeypatch, variable):  # noqa: PLR0913, PLR0917
    bad = {"token": "hidden-wrong", "space": "hidden wrong", "line": "hidden\nwrong", "unset": "  "}[variable]
    monkeypatch.setattr(emulators, "KEYS", dict.fromkeys(emulators.KEYS, "right"))
    monkeypatch.setattr(emulators, "BASIC", "right")
    keys = dict.fromkeys(emulators.KEYS, bad)
    context = ProviderContext(lambda: server.now, keys, HttpOptions(transport=network), f"{server.url}/{case.name}")
    with pytest.raises(TraceError if variable in ("token", "space") else SettingsError) as caught:
        case.provider_class(context).fetch(case.zone, *interval(case))
    assert not shows_key(caught.value)


@pytest.mark.parametrize(("fault", "expected_waits"), [("429", [7.0]), ("429 by date", [9.0]), ("500", [1.0])])
def test_retry_after_is_waited_for(case, server, connect, emulators, waits, fault, expected_waits):  # noqa: PLR0913, PLR0917
    server.fault, server.failures = fault, 1
    series = connect(case).fetch(case.zone, *interval(case))
    assert waits == expected_waits
    assert series.trace.g_per_kwh[0] == pytest.approx(emulators.true_intensity(series.trace.start))


def test_recovery_after_three_failures(case, server, connect, waits):
    server.fault, server.failures = "500", 3
    assert len(connect(case).fetch(case.zone, *interval(case)))
    assert waits == [1, 2, 4]


def test_retries_are_bounded(case, server, connect, waits):
    server.fault, server.failures = "500", 99
    policy = RetryPolicy(max_attempts=7, initial_wait_s=1, max_wait_s=10)
    with pytest.raises(ProviderError) as caught:
        connect(case, retry_policy=policy).fetch(case.zone, *interval(case))
    assert caught.value.fault is Fault.SERVER_ERROR
    assert waits == [1, 2, 4, 8, 10, 10]


def test_long_retry_after_fails_at_once(case, server, connect, waits):
    server.fault, server.failures = "429 for long", 99
    with pytest.raises(ProviderError) as caught:
        connect(case).fetch(case.zone, *interval(case))
    assert (caught.value.fault, caught.value.retry_after_s) == (Fault.RATE_LIMITED, 3600)
    assert (len(server.requests), waits) == (1, [])


def test_silent_server_times_out(case, server, connect):
    server.fault = "slow"
    with pytest.raises(ProviderError) as caught:
        connect(case, read_timeout_s=0.1, retry_policy=RetryPolicy(max_attempts=2)).fetch(case.zone, *interval(case))
    assert caught.value.fault is Fault.TIMEOUT
    assert len(server.requests) == 2


def test_trickling_response_times_out(case, server, connect):
    server.fault = "trickle"
    ticks = itertools.count()
    provider = connect(
        case, retry_policy=RetryPolicy(max_attempts=1), now=lambda: server.now + timedelta(seconds=next(ticks))
    )
    with pytest.raises(ProviderError) as caught:
        provider.fetch(case.zone, *interval(case))
    assert caught.value.fault is Fault.TIMEOUT


def test_unreachable_server_is_named(case, server, connect, waits):
    server.url = "http://127.0.0.1:9"
    with pytest.raises(ProviderError) as caught:
        connect(case).fetch(case.zone, *interval(case))
    assert caught.value.fault is Fault.UNREACHABLE
    assert waits == [1, 2, 4]


WITH_FORECASTS = ("electricity-maps", "watttime", "uk", "uk-region")


@pytest.mark.parametrize("case", WITH_FORECASTS, indirect=True)
@pytest.mark.parametrize("fault", [*ROWS, "midnight", *FATAL, *RETRIED, "other zone"])
def test_forecast_under_every_fault(case, server, connect, emulators, fault):
    server.fault = fault
    provider = connect(case)
    errors = FATAL | RETRIED | ({} if case.zone == "GB" else {"other zone": Fault.WRONG_ZONE})
    if fault in errors:
        with pytest.raises(ProviderError) as caught:
            provider.fetch_forecast(case.zone, 24 * 3600)
        assert caught.value.fault is errors[fault]
        return
    series = provider.fetch_forecast(case.zone, 24 * 3600)
    assert series.trace.start <= case.now < series.step_start(1)
    assert series.trace.end >= case.now + timedelta(hours=24)
    midnight = (case.now + timedelta(days=1)).replace(hour=0, minute=0)
    moments = [series.step_start(step) for step in range(len(series))]
    reach = case.now + timedelta(hours=24) if case.name == "watttime" else series.trace.end
    truth = [
        math.nan
        if m >= reach or (fault == "midnight" and m >= midnight) or (ROWS.get(fault) and emulators.is_affected(m))
        else emulators.true_intensity(m)
        for m in moments
    ]
    np.testing.assert_allclose(series.trace.g_per_kwh, truth, rtol=1e-9)
    assert set(series.qualities) <= {DataQuality.FORECAST, DataQuality.MISSING}
    assert (fault == "midnight") == any("short of the requested horizon" in note for note in series.notes)
    assert series.issued_at is not None
    assert abs(series.issued_at - case.now) <= timedelta(hours=1)


@pytest.mark.parametrize("case", ["eia", "entsoe"], indirect=True)
def test_provider_without_forecasts_returns_none(case, connect):
    provider = connect(case)
    assert not provider.has_forecasts
    assert provider.fetch_forecast(case.zone, 3600) is None
    with pytest.raises(ZoneError):
        provider.fetch_forecast("XX", 3600)
