import ast
import re
import string
from pathlib import Path

import pytest

import ce_nas
from ce_nas.core.errors import SettingsError
from ce_nas.core.records import Activity, ReadingSource, StopReason
from ce_nas.report.i18n.translator import LANGUAGES, Translator, load_texts, resolve_language

SOURCE = Path(ce_nas.__file__).parent
JAPANESE = re.compile(r"[\u3040-\u30ff\u4e00-\u9fff]")


def placeholders(text):
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def find_fault(english, japanese):
    """What is wrong with the two texts of a key; None if nothing is."""
    if not english or not japanese:
        return "empty"
    if placeholders(english) != placeholders(japanese):
        return "different placeholders"
    if JAPANESE.search(english):
        return "Japanese in English"
    # names such as CE-NAS are the same in both languages
    if not JAPANESE.search(japanese) and len(re.sub(r"{\w+}", "", english)) >= 12:
        return "not translated"
    return None


def test_texts_of_both_languages_match():
    english, japanese = load_texts("en"), load_texts("ja")
    assert list(english) == list(japanese)
    faults = {key: fault for key in english if (fault := find_fault(english[key], japanese[key]))}
    assert faults == {}


def keys_in_source():
    """The keys that Python code and templates name as literals."""
    for path in SOURCE.rglob("*.html"):
        yield from re.findall(r"\bt\(['\"]([\w.]+)['\"]", path.read_text())
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "translate" and node.args:
                first = node.args[0]
                if isinstance(first, ast.Constant):
                    yield first.value


def test_every_key_in_the_source_has_a_text():
    keys = set(keys_in_source())
    assert len(keys) > 50
    assert keys - set(load_texts("en")) == set()


@pytest.mark.parametrize(("group", "names"), [("stop", StopReason), ("activity", Activity), ("source", ReadingSource)])
def test_every_name_of_an_enum_has_a_text(group, names):
    expected = {item.name.lower() if group == "stop" else item.value for item in names}
    assert {f"{group}.{name}" for name in expected} <= set(load_texts("en"))


def test_english_stop_reasons_equal_the_enum():
    for stop in StopReason:
        assert Translator("en").stop_reason(stop.name.lower()) == str(stop)


def test_language_is_that_of_the_locale_by_default(monkeypatch):
    for name in ("LC_ALL", "LC_MESSAGES", "LANG"):
        monkeypatch.delenv(name, raising=False)
    assert resolve_language() == "en"
    monkeypatch.setenv("LANG", "ja_JP.UTF-8")
    assert resolve_language() == "ja"
    assert Translator().language == "ja"
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    assert resolve_language() == "en"
    assert [resolve_language(name) for name in LANGUAGES] == ["en", "ja"]
    with pytest.raises(SettingsError, match="expected one of: en, ja"):
        resolve_language("jp")


@pytest.mark.parametrize(("count", "text"), [(1, "1 GPU."), ("1", "1 GPU."), (0, "0 GPUs."), ("1,001", "1,001 GPUs.")])
def test_nouns_follow_their_count(count, text):
    lead = Translator("en")("run.lead", start="now", hours="1 h", gpus=count, stop="")
    assert lead.strip().endswith(text)


def test_both_forms_of_a_noun_are_given():
    specs = [spec for text in load_texts("en").values() for _, _, spec, _ in string.Formatter().parse(text) if spec]
    assert specs
    assert all(len(forms := spec.split("|")) == 2 and forms[0] != forms[1] and all(forms) for spec in specs)
