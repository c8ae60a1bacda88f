import pytest

from ce_nas.analysis.counterfactual import Counterfactual
from ce_nas.apps.dashboard.live_updates import KEPT, Ledgers, live_page
from ce_nas.report.i18n.words import Words
from ce_nas.store.run_dir import read_run


@pytest.fixture(scope="module")
def entries(folder):
    return read_run(folder / "wind")


def test_the_page_holds_the_report_and_says_whether_it_goes_on(entries):
    text = live_page("runs~wind", entries, None, Words("en"), goes_on=True)
    for part in ("glance", "saved", "answer", "hours", "course", "cost", "budgets", "settings", "basis"):
        assert f'<section id="{part}"' in text
    assert 'data-every="3"' in text
    assert "worked out when the run has ended" in text
    ended = live_page("runs~wind", entries, "no grid", Words("en"), goes_on=False)
    assert "data-every" not in ended
    assert "That cannot be told: no grid" in ended


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_a_run_that_has_hardly_begun_has_a_page(entries, count):
    for language in ("en", "ja"):
        text = live_page("a", entries[:count], None, Words(language), goes_on=True)
        assert '<section id="glance"' in text
        assert "nan" not in text


def test_a_ledger_is_worked_out_once_and_later(entries):
    waiting = []
    ledgers = Ledgers(waiting.append)
    assert ledgers.of(entries, "digest") is None
    assert ledgers.of(entries, "digest") is None
    assert len(waiting) == 1
    assert 'data-every="3"' in live_page("a", entries, None, Words("en"), goes_on=False)
    waiting[0]()
    found = ledgers.of(entries, "digest")
    assert isinstance(found, Counterfactual)
    assert "data-every" not in live_page("a", entries, found, Words("en"), goes_on=False)


def test_why_there_can_be_no_ledger_is_said(entries):
    ledgers = Ledgers(lambda work: work())
    ledgers.of(entries[:1], "a")
    assert "no work to weigh" in ledgers.of(entries[:1], "a")


def test_only_so_many_ledgers_are_kept(entries):
    ledgers = Ledgers(lambda _: None)
    for number in range(KEPT + 5):
        ledgers.of(entries, str(number))
    assert len(ledgers._found) == KEPT
