import re
from contextlib import closing

import pytest

from ce_nas.apps.dashboard.pages.overview import build_run_row, overview_page
from ce_nas.apps.dashboard.run_folders import RunIndex
from ce_nas.report.i18n.translator import Translator


@pytest.fixture(scope="module")
def listing(run_root):
    with closing(RunIndex([run_root])) as runs:
        return runs.list_runs(60.0)


def names(text):
    return re.findall(r'name="run" value="([^"]+)"', text)


def test_row_shows_the_progress_of_a_run(listing):
    rows = {status.name: build_run_row(status, Translator("en")) for status in listing.statuses}
    wind = rows["runs~wind"]
    assert (wind.status, wind.progress, wind.progress_text) == ("ended", 1.0, "100 %")
    assert wind.status_text.startswith("ended: ")
    killed = rows["runs~killed"]
    assert killed.status in {"running", "paused"}
    assert 0.3 < killed.progress < 0.6
    assert killed.label == "runs/killed"


def test_every_word_of_a_query_has_to_match(listing):
    assert names(overview_page(listing, "", "name", Translator("en"))) == [
        "runs~deep~solar",
        "runs~killed",
        "runs~wind",
    ]
    assert names(overview_page(listing, "SOLAR random", "name", Translator("en"))) == ["runs~deep~solar"]
    nothing = overview_page(listing, "solar lamoo", "name", Translator("en"))
    assert names(nothing) == []
    assert "No run matches." in nothing


@pytest.mark.parametrize("column", ["name", "state", "zone", "progress", "carbon", "trainings", "hypervolume", "front"])
def test_every_column_sorts_in_both_directions(listing, column):
    up, down = (names(overview_page(listing, "", sort, Translator("en"))) for sort in (column, f"-{column}"))
    keys = {status.name: build_run_row(status, Translator("en")).sort_keys[column] for status in listing.statuses}
    assert [keys[name] for name in up] == sorted(keys.values())
    assert [keys[name] for name in down] == sorted(keys.values(), reverse=True)


def test_an_unknown_column_sorts_by_change_and_a_link_reverses(listing):
    text = overview_page(listing, "lamoo", "nonsense", Translator("en"))
    assert 'href="/?q=lamoo&amp;sort=changed"' in text  # now descending
    assert 'href="/?q=lamoo&amp;sort=-carbon"' in text
    assert text.count("aria-sort") == 1


def test_a_query_is_escaped(listing):
    text = overview_page(listing, '"><script>alert(1)</script>', "name", Translator("ja"))
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text
