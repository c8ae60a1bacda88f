import re
from contextlib import closing

import pytest

from ce_nas.apps.dashboard.pages.overview import overview, row
from ce_nas.apps.dashboard.run_folders import Runs
from ce_nas.report.i18n.words import Words


@pytest.fixture(scope="module")
def listing(folder):
    with closing(Runs([folder])) as runs:
        return runs.listing(60.0)


def names(text):
    return re.findall(r'name="run" value="([^"]+)"', text)


def test_a_row_says_how_far_a_run_has_come(listing):
    rows = {one.name: one for one in (row(standing, Words("en")) for standing in listing.standings)}
    assert (rows["runs~wind"].kind, rows["runs~wind"].progress, rows["runs~wind"].share) == ("ended", 1.0, "100%")
    assert rows["runs~wind"].state.startswith("ended: ")
    killed = rows["runs~killed"]
    assert killed.kind in {"running", "paused"}
    assert 0.3 < killed.progress < 0.6
    assert killed.label == "runs/killed"


def test_every_word_of_a_query_has_to_be_there(listing):
    assert names(overview(listing, "", "name", Words("en"))) == ["runs~deep~solar", "runs~killed", "runs~wind"]
    assert names(overview(listing, "SOLAR uniform", "name", Words("en"))) == ["runs~deep~solar"]
    nothing = overview(listing, "solar lamoo", "name", Words("en"))
    assert names(nothing) == []
    assert "No run has these words." in nothing


@pytest.mark.parametrize("column", ["name", "state", "zone", "progress", "carbon", "trainings", "hypervolume", "front"])
def test_every_column_sorts_both_ways(listing, column):
    up, down = (names(overview(listing, "", sort, Words("en"))) for sort in (column, f"-{column}"))
    keys = {standing.name: row(standing, Words("en")).keys[column] for standing in listing.standings}
    assert [keys[name] for name in up] == sorted(keys.values())
    assert [keys[name] for name in down] == sorted(keys.values(), reverse=True)


def test_an_unknown_column_gives_the_latest_first_and_a_heading_turns_the_order(listing):
    text = overview(listing, "lamoo", "nonsense", Words("en"))
    assert 'href="/?q=lamoo&amp;sort=changed"' in text  # it is falling now
    assert 'href="/?q=lamoo&amp;sort=-carbon"' in text
    assert text.count("aria-sort") == 1


def test_what_people_type_is_text(listing):
    text = overview(listing, '"><script>alert(1)</script>', "name", Words("ja"))
    assert "<script>alert" not in text
    assert "&lt;script&gt;" in text
