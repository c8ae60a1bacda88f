import re

from ce_nas.apps.dashboard.layout import Frame, assets, page, run_address
from ce_nas.report.i18n.words import Words


def frame(address="/zones?hours=8&lang=en", **more):
    return Frame("Title", "A **lead**.", "zones", address, **more)


def test_a_page_leads_to_itself_in_the_other_language():
    assert frame().in_language("ja") == "/zones?hours=8&lang=ja"
    assert frame("/").in_language("ja") == "/?lang=ja"


def test_a_page_needs_nothing_from_elsewhere_and_no_script_of_its_own():
    text = page("error.html", frame(every_s=2.5), Words("ja"))
    assert re.findall(r'(?:src|href)="(\w+:[^"]*)"', text) == ["data:,"]
    assert "<script>" not in text
    assert "style=" not in text
    assert "on" not in {name[:2] for name in re.findall(r"<\w+[^>]* (on\w+)=", text)}
    assert '<html lang="ja">' in text
    assert 'data-every="2.5"' in text
    assert "<strong>lead</strong>" in text
    assert text.count('aria-current="page"') == 1


def test_the_files_of_the_pages_ask_no_other_server():
    for _, text in assets().values():
        assert not re.search(r"https?:|@import|url\(", text)


def test_a_runs_name_is_one_part_of_its_address():
    assert run_address("runs~a b/c?d#é") == "/run/runs~a%20b%2Fc%3Fd%23%C3%A9"
    assert run_address("a", "explain", what="|x|") == "/run/a/explain?what=%7Cx%7C"
