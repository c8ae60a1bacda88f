import pytest

from ce_nas.analysis.counterfactual import Counterfactual
from ce_nas.apps.dashboard.pages.run import MAX_CACHED_COUNTERFACTUALS, CounterfactualCache, run_page
from ce_nas.report.i18n.translator import Translator
from ce_nas.store.run_dir import read_run_entries


@pytest.fixture(scope="module")
def entries(run_root):
    return read_run_entries(run_root / "wind")


def test_page_contains_the_report_and_refreshes_while_running(entries):
    text = run_page("runs~wind", entries, None, Translator("en"), is_running=True)
    for part in ("glance", "saved", "answer", "hours", "course", "cost", "budgets", "settings", "basis"):
        assert f'<section id="{part}"' in text
    assert 'data-refresh-s="3"' in text
    assert "is computed when the run has ended" in text
    ended = run_page("runs~wind", entries, "no grid", Translator("en"), is_running=False)
    assert "data-refresh-s" not in ended
    assert '<section id="replay"' not in ended


@pytest.mark.parametrize("count", [1, 2, 3, 8])
def test_a_run_with_few_entries_has_a_page(entries, count):
    for language in ("en", "ja"):
        text = run_page("a", entries[:count], None, Translator(language), is_running=True)
        assert '<section id="glance"' in text
        assert "nan" not in text


def test_a_counterfactual_is_computed_once_in_the_background(entries):
    waiting = []
    counterfactuals = CounterfactualCache(waiting.append)
    assert counterfactuals.get(entries, "digest") is None
    assert counterfactuals.get(entries, "digest") is None
    assert len(waiting) == 1
    assert 'data-refresh-s="3"' in run_page("a", entries, None, Translator("en"), is_running=False)
    waiting[0]()
    result = counterfactuals.get(entries, "digest")
    assert isinstance(result, Counterfactual)
    assert "data-refresh-s" not in run_page("a", entries, result, Translator("en"), is_running=False)


def test_the_error_of_a_counterfactual_is_kept(entries):
    counterfactuals = CounterfactualCache(lambda work: work())
    counterfactuals.get(entries[:1], "a")
    assert "one without any work" in counterfactuals.get(entries[:1], "a")


def test_counterfactual_cache_is_bounded(entries):
    counterfactuals = CounterfactualCache(lambda _: None)
    for number in range(MAX_CACHED_COUNTERFACTUALS + 5):
        counterfactuals.get(entries, str(number))
    assert len(counterfactuals._results) == MAX_CACHED_COUNTERFACTUALS
