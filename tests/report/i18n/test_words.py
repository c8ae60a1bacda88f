import ast
import re
import string
from pathlib import Path

import pytest

import ce_nas
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Activity, Source, Stop
from ce_nas.report.i18n.catalogue import CATALOGUE
from ce_nas.report.i18n.words import LANGUAGES, Words, language_of

SOURCE = Path(ce_nas.__file__).parent
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def fields(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


@pytest.mark.parametrize("key", CATALOGUE)
def test_both_languages_have_every_key_with_the_same_values(key):
    english, japanese = CATALOGUE[key]
    assert english
    assert japanese
    assert fields(english) == fields(japanese)
    assert not JAPANESE.search(english)
    assert JAPANESE.search(japanese) or len(re.sub(r"{\w+}", "", english)) < 12


def keys_asked_for():
    """The keys that the source asks for in so many words, in Python and in templates."""
    for path in SOURCE.rglob("*.html"):
        yield from re.findall(r"\bw\(['\"]([\w.]+)['\"]", path.read_text())
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "words" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    yield first.value


def test_every_key_that_is_asked_for_is_there():
    asked = set(keys_asked_for())
    assert len(asked) > 50
    assert asked <= set(CATALOGUE)


@pytest.mark.parametrize(("group", "names"), [("stop", Stop), ("activity", Activity), ("source", Source)])
def test_every_name_of_a_group_has_words(group, names):
    wanted = {item.name.lower() if group == "stop" else item.value for item in names}
    assert {f"{group}.{name}" for name in wanted} <= set(CATALOGUE)


def test_english_stops_are_the_records_own_sentences():
    for stop in Stop:
        assert Words("en").stop(stop.name.lower()) == str(stop)


def test_the_locale_decides_where_nothing_is_said(monkeypatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert language_of() == "en"
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert language_of() == "ja"
    assert Words().language == "ja"
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert language_of() == "en"
    assert [language_of(name) for name in LANGUAGES] == ["en", "ja"]
    with pytest.raises(SettingsError, match="expected one of: en, ja"):
        language_of("jp")
