"""Why the surrogate chose another architecture, from its model fitted to the journal again."""

from __future__ import annotations

import pytest

import ce_nas
from ce_nas.analysis.explanation import space_from_journal
from ce_nas.analysis.surrogate_explanation import explain_choice_of_surrogate
from ce_nas.report.explanation_pages import build_architecture_page
from ce_nas.report.i18n.translator import Translator
from ce_nas.report.markdown import render_markdown


@pytest.fixture(scope="module")
def entries():
    return ce_nas.run(policy="vanilla", gpus=4, hours=60, evaluations=18, proxy_scores="none").entries


@pytest.fixture(scope="module")
def space(entries):
    return space_from_journal(entries)


def _trained(entries):
    return [tuple(entry.content["architecture"]) for entry in entries if entry.kind == "evaluated"]


def test_an_untrained_architecture_is_compared_with_the_last_chosen(entries, space):
    untrained = next(one for one in space.all_architectures if one not in _trained(entries))
    first, again = (explain_choice_of_surrogate(entries, space, untrained) for _ in range(2))
    assert first == again
    last = [entry for entry in entries if entry.kind == "task_started"][-1]
    assert first.chosen.architecture == space.text(tuple(last.content["architectures"][0]))
    assert first.at_s == last.at_s
    assert first.chosen.rank < first.subject.rank <= first.candidates
    assert first.chosen.gain >= first.subject.gain


def test_intervals_enclose_what_is_modelled_and_nothing_known(entries, space):
    subject = explain_choice_of_surrogate(entries, space, (1, 3, 0, 2, 1, 4)).subject
    assert subject.low[0] < subject.values[0] < subject.high[0]
    assert subject.low[1] == subject.values[1] == subject.high[1]
    assert 0.0 <= subject.chance <= 1.0


def test_a_trained_architecture_is_explained_at_its_own_choice(entries, space):
    last = _trained(entries)[-1]
    explained = explain_choice_of_surrogate(entries, space, last)
    assert explained.chosen == explained.subject
    assert explained.trainings < len(_trained(entries))


def test_a_twin_of_a_trained_architecture_is_named(entries, space):
    from ce_nas.space.isomorphism import canonical_key

    done = _trained(entries)
    keys = {canonical_key(one): one for one in done[:10]}
    twin = next(one for one in space.all_architectures if canonical_key(one) in keys and one not in done)
    named = explain_choice_of_surrogate(entries, space, twin).same_function
    assert canonical_key(space.parse(named.architecture)) == canonical_key(twin)


def test_the_first_trainings_and_other_searchers_have_no_model(entries, space):
    assert explain_choice_of_surrogate(entries, space, _trained(entries)[0]) is None
    others = ce_nas.run(policy="vanilla", searcher="random", gpus=2, hours=2, stop="never").entries
    assert explain_choice_of_surrogate(others, space, (1, 3, 0, 2, 1, 4)) is None


@pytest.mark.parametrize(("language", "words"), [("en", "Chosen instead"), ("ja", "代わりに選ばれたもの")])
def test_the_page_says_what_was_expected_and_what_beat_it(entries, space, language, words):
    untrained = next(one for one in space.all_architectures if one not in _trained(entries))
    page = render_markdown(build_architecture_page(entries, space, untrained, Translator(language)))
    assert words in page
    assert "%" in page
