"""One connection: what of an answer is an error, which, and what of it may be shown."""

from datetime import UTC, datetime

import pytest

pytest.importorskip("httpx", reason="needs the extra 'live'")
pytest.importorskip("tenacity", reason="needs the extra 'live'")

import httpx

from ce_nas.core.retry import Patience
from ce_nas.grid.providers.errors import Fault, SourceError
from ce_nas.grid.providers.http import SHOWN_CHARACTERS, Wire

NOW = datetime(2024, 5, 1, 12, tzinfo=UTC)


@pytest.fixture
def wired():
    """A wire to a server that answers as told, the requests it got, and the waits in between."""

    def wired(*answers, patience=None):
        left, requests, waits = list(answers), [], []

        def answer(request):
            requests.append(request)
            told = left.pop(0) if len(left) > 1 else left[0]
            if isinstance(told, Exception):
                raise told
            status, headers, text = told
            return httpx.Response(status, headers=headers, text=text)

        wire = Wire(
            "named", "https://grid.example/v1", now=lambda: NOW, transport=httpx.MockTransport(answer),
            patience=patience or Patience(attempts=3), sleep=waits.append,
        )  # fmt: skip
        return wire, requests, waits

    return wired


def test_an_object_is_read_from_its_path(wired):
    wire, requests, waits = wired((200, {}, '\ufeff{"value": 7}'))
    assert wire.get_json("/now", {"zone": "A B"}) == {"value": 7}
    assert str(requests[0].url) == "https://grid.example/v1/now?zone=A+B"
    assert waits == []


@pytest.mark.parametrize(
    ("answer", "fault", "asked"),
    [
        ((200, {}, "[1]"), Fault.MALFORMED, 3),
        ((200, {}, '{"value": '), Fault.MALFORMED, 3),
        ((200, {}, "  \n"), Fault.EMPTY, 3),
        ((500, {}, "oh"), Fault.BROKEN, 3),
        ((408, {}, "slow"), Fault.BROKEN, 3),
        ((401, {}, "who?"), Fault.REFUSED, 1),
        ((404, {}, "where?"), Fault.DECLINED, 1),
        ((302, {"location": "https://elsewhere.example"}, ""), Fault.DECLINED, 1),
        ((429, {"retry-after": "900"}, "later"), Fault.LIMITED, 1),
        (httpx.ConnectError("no"), Fault.UNREACHABLE, 3),
        (httpx.ReadTimeout("late"), Fault.SLOW, 3),
        (httpx.RemoteProtocolError("cut"), Fault.CUT, 3),
    ],
)
def test_each_failure_has_its_name_and_its_number_of_tries(wired, answer, fault, asked):
    wire, requests, _ = wired(answer)
    with pytest.raises(SourceError) as found:
        wire.get_json("/now")
    assert found.value.fault is fault
    assert len(requests) == asked


@pytest.mark.parametrize(
    ("header", "wait_s"),
    [("7", 7.0), ("Wed, 01 May 2024 12:00:09 GMT", 9.0), ("Wed, 01 May 2024 11:00:00 GMT", 0.0), ("soon", 1.0)],
)
def test_a_wait_is_read_from_a_number_or_a_date(wired, header, wait_s):
    wire, _, waits = wired((503, {"retry-after": header}, "busy"), (200, {}, "{}"))
    assert wire.get_json("/now") == {}
    assert waits == [wait_s]


def test_of_a_long_answer_the_beginning_is_shown_on_one_line(wired):
    wire, *_ = wired((404, {}, "line\n" * 500))
    with pytest.raises(SourceError) as found:
        wire.get_json("/now")
    assert "\n" not in str(found.value)
    assert len(str(found.value)) < SHOWN_CHARACTERS + 200


def test_an_answer_without_end_is_given_up(wired, monkeypatch):
    monkeypatch.setattr("ce_nas.grid.providers.http.LONGEST_ANSWER_BYTES", 100)
    wire, *_ = wired((200, {}, "x" * 101), patience=Patience(attempts=1))
    with pytest.raises(SourceError) as found:
        wire.get_json("/now")
    assert found.value.fault is Fault.MALFORMED
