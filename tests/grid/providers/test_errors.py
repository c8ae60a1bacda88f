"""Every provider under every fault: what comes back, how often it was asked, and that no key is ever shown."""

import itertools
import logging
import math
from datetime import timedelta

import numpy as np
import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.core.retry import Patience
from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.errors import Fault, SourceError, ZoneError
from ce_nas.grid.providers.network import Means

ATTEMPTS = 4
KEYED = ["electricity-maps", "watttime", "eia", "entsoe"]
#: faults that leave an answer which can be used, with the hours they strike missing or not
ROWS = {"normal": False, "nulls": True, "missing": True, "duplicates": False, "contradiction": True, "dst": False}
#: faults that are told at once, and faults that are asked about again
AT_ONCE = {"units": Fault.UNITS}
AGAIN = {"empty": Fault.EMPTY, "truncated": Fault.MALFORMED, "html": Fault.MALFORMED, "cut": Fault.CUT}


@pytest.fixture(autouse=True)
def nothing_shows_a_key(caplog):
    """Whatever a test brings about, down to the logs of the HTTP library."""
    with caplog.at_level(logging.DEBUG):
        yield
    assert "hidden" not in caplog.text


def hidden_in(error):
    """The texts of an error and of all that led to it."""
    chain = []
    while error is not None:
        chain += [str(error), repr(error)]
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "hidden" in " ".join(chain)


def asked_for(provided):
    return provided.now - timedelta(hours=12), provided.now


def expected(provided, truth, is_hit, series, *, hit):
    """The truth, missing where the provider has no value yet and, if the fault strikes single hours, in these."""
    moments = [series.start_of(step) for step in range(len(series))]
    return [
        math.nan if moment >= provided.known_until or (hit and is_hit(moment)) else truth(moment) for moment in moments
    ]


@pytest.mark.parametrize("fault", ROWS)
def test_what_can_be_used_is_used_and_what_is_missing_stays_missing(provided, server, connect, played, fault):
    server.fault = fault
    series = connect(provided).fetch(provided.zone, *asked_for(provided))
    wanted = expected(provided, played.truth, played.is_hit, series, hit=ROWS[fault])
    if provided.zone == "GB-13":  # regions have forecasts, also of what is to come
        wanted = [
            math.nan if ROWS[fault] and played.is_hit(m) else played.truth(m)
            for m in map(series.start_of, range(len(series)))
        ]
    np.testing.assert_allclose(series.trace.g_per_kwh, wanted, rtol=1e-9)
    assert series.trace.step_s == provided.step_s
    assert len(series) == math.ceil((12 * 3600 + 20 * 60) / provided.step_s) or provided.step_s == 300
    assert series.trace.start <= provided.now - timedelta(hours=12)
    assert series.trace.end >= provided.now
    assert [quality is Quality.MISSING for quality in series.qualities] == np.isnan(series.trace.g_per_kwh).tolist()
    assert (fault == "contradiction") == any("contradict" in note for note in series.notes)
    assert (fault == "duplicates" and provided.name not in ("eia", "entsoe")) == any(
        "repeated" in note for note in series.notes
    )


@pytest.mark.parametrize("fault", [*AT_ONCE, *AGAIN])
def test_what_cannot_be_used_is_refused_with_its_reason(provided, server, connect, slept, fault):
    server.fault = fault
    with pytest.raises(SourceError) as caught:
        connect(provided).fetch(provided.zone, *asked_for(provided))
    assert caught.value.fault is (AT_ONCE | AGAIN)[fault]
    assert caught.value.source == provided.name
    assert len(server.asked) == (1 if fault in AT_ONCE else ATTEMPTS)
    assert slept == ([] if fault in AT_ONCE else [1, 2, 4])
    assert not hidden_in(caught.value)


@pytest.mark.parametrize("provided", [*KEYED, "uk-region"], indirect=True)  # GB's answer names no zone: it is the one
def test_another_zone_is_never_taken(server, connect, provided):
    server.fault = "other zone"
    with pytest.raises(SourceError, match="another zone") as caught:
        connect(provided).fetch(provided.zone, *asked_for(provided))
    assert caught.value.fault is Fault.OTHER_ZONE
    assert not caught.value.passing


@pytest.mark.parametrize("zone", ["XX", "", "../DE", "DE?zone=SE"])
def test_an_unknown_zone_is_an_error_of_the_asker(provided, connect, zone):
    if zone == "XX" and provided.name == "watttime":
        zone = "NOWHERE"
    with pytest.raises(ZoneError) as caught:
        connect(provided).fetch(zone, *asked_for(provided))
    assert isinstance(caught.value, SettingsError)
    assert not isinstance(caught.value, TraceError)


def test_a_refused_key_is_not_tried_again_and_not_shown_even_if_the_server_repeats_it(provided, server, connect, slept):
    server.fault, server.failures = "401", 9
    with pytest.raises(SourceError) as caught:
        connect(provided).fetch(provided.zone, *asked_for(provided))
    assert caught.value.fault is Fault.REFUSED
    assert (len(server.asked), slept) == (1, [])
    assert not hidden_in(caught.value)


@pytest.mark.parametrize("provided", KEYED, indirect=True)
@pytest.mark.parametrize("variable", ["token", "space", "line", "unset"])
def test_a_wrong_key_is_said_and_not_shown(provided, server, network, played, monkeypatch, variable):  # noqa: PLR0913, PLR0917
    bad = {"token": "hidden-wrong", "space": "hidden wrong", "line": "hidden\nwrong", "unset": "  "}[variable]
    monkeypatch.setattr(played, "KEYS", dict.fromkeys(played.KEYS, "right"))
    monkeypatch.setattr(played, "BASIC", "right")
    keys = dict.fromkeys(played.KEYS, bad)
    means = Means(lambda: server.now, keys, network, base_url=f"{server.url}/{provided.name}")
    with pytest.raises(TraceError if variable in ("token", "space") else SettingsError) as caught:
        provided.kind(means).fetch(provided.zone, *asked_for(provided))
    assert not hidden_in(caught.value)


@pytest.mark.parametrize(("fault", "waited"), [("429", [7.0]), ("429 by date", [9.0]), ("500", [1.0])])
def test_what_passes_is_waited_for(provided, server, connect, played, slept, fault, waited):  # noqa: PLR0913, PLR0917
    server.fault, server.failures = fault, 1
    series = connect(provided).fetch(provided.zone, *asked_for(provided))
    assert slept == waited
    assert series.trace.g_per_kwh[0] == pytest.approx(played.truth(series.trace.start))


def test_a_server_that_recovers_after_three_failures_is_still_heard(provided, server, connect, slept):
    server.fault, server.failures = "500", 3
    assert len(connect(provided).fetch(provided.zone, *asked_for(provided)))
    assert slept == [1, 2, 4]


def test_a_server_that_does_not_recover_is_given_up(provided, server, connect, slept):
    server.fault, server.failures = "500", 99
    patience = Patience(attempts=7, wait_s=1, longest_wait_s=10)
    with pytest.raises(SourceError) as caught:
        connect(provided, patience=patience).fetch(provided.zone, *asked_for(provided))
    assert caught.value.fault is Fault.BROKEN
    assert slept == [1, 2, 4, 8, 10, 10]


def test_a_wait_beyond_the_cap_is_not_waited_for_and_not_cut_short(provided, server, connect, slept):
    server.fault, server.failures = "429 for long", 99
    with pytest.raises(SourceError) as caught:
        connect(provided).fetch(provided.zone, *asked_for(provided))
    assert (caught.value.fault, caught.value.retry_after_s) == (Fault.LIMITED, 3600)
    assert (len(server.asked), slept) == (1, [])


def test_a_silent_server_is_given_up(provided, server, connect):
    server.fault = "slow"
    patience = Patience(silence_s=0.1, attempts=2)
    with pytest.raises(SourceError) as caught:
        connect(provided, patience=patience).fetch(provided.zone, *asked_for(provided))
    assert caught.value.fault is Fault.SLOW
    assert len(server.asked) == 2


def test_an_answer_that_trickles_is_given_up(provided, server, connect):
    server.fault = "trickle"
    ticks = itertools.count()
    patience = Patience(answer_s=60, attempts=1)
    source = connect(provided, patience=patience, now=lambda: server.now + timedelta(seconds=next(ticks)))
    with pytest.raises(SourceError) as caught:
        source.fetch(provided.zone, *asked_for(provided))
    assert caught.value.fault is Fault.SLOW


def test_a_server_that_is_not_there_is_said(provided, server, connect, slept):
    server.url = "http://127.0.0.1:9"
    with pytest.raises(SourceError) as caught:
        connect(provided).fetch(provided.zone, *asked_for(provided))
    assert caught.value.fault is Fault.UNREACHABLE
    assert slept == [1, 2, 4]


FORECASTERS = ("electricity-maps", "watttime", "uk", "uk-region")


@pytest.mark.parametrize("provided", FORECASTERS, indirect=True)
@pytest.mark.parametrize("fault", [*ROWS, "midnight", *AT_ONCE, *AGAIN, "other zone"])
def test_forecasts_under_every_fault(provided, server, connect, played, fault):
    server.fault = fault
    source = connect(provided)
    errors = AT_ONCE | AGAIN | ({} if provided.zone == "GB" else {"other zone": Fault.OTHER_ZONE})
    if fault in errors:
        with pytest.raises(SourceError) as caught:
            source.forecast(provided.zone, 24 * 3600)
        assert caught.value.fault is errors[fault]
        return
    series = source.forecast(provided.zone, 24 * 3600)
    assert series.trace.start <= provided.now < series.start_of(1)
    assert series.trace.end >= provided.now + timedelta(hours=24)
    midnight = (provided.now + timedelta(days=1)).replace(hour=0, minute=0)
    moments = [series.start_of(step) for step in range(len(series))]
    reach = provided.now + timedelta(hours=24) if provided.name == "watttime" else series.trace.end
    wanted = [
        math.nan
        if m >= reach or (fault == "midnight" and m >= midnight) or (ROWS.get(fault) and played.is_hit(m))
        else played.truth(m)
        for m in moments
    ]
    np.testing.assert_allclose(series.trace.g_per_kwh, wanted, rtol=1e-9)
    assert set(series.qualities) <= {Quality.FORECAST, Quality.MISSING}
    assert (fault == "midnight") == any("short of what was asked" in note for note in series.notes)
    assert series.issued_at is not None
    assert abs(series.issued_at - provided.now) <= timedelta(hours=1)


@pytest.mark.parametrize("provided", ["eia", "entsoe"], indirect=True)
def test_a_source_without_forecasts_says_so(provided, connect):
    source = connect(provided)
    assert not source.forecasts
    assert source.forecast(provided.zone, 3600) is None
    with pytest.raises(ZoneError):
        source.forecast("XX", 3600)
