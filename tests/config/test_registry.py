import pytest

from ce_nas.config.registry import POLICIES, SEARCHERS, canonical
from ce_nas.core.errors import SettingsError


def test_names_and_their_aliases():
    assert canonical("vanilla", "policy", POLICIES) == "all-evaluation"
    assert canonical("one-shot", "policy", POLICIES) == "all-sampling"
    assert canonical("random", "searcher", SEARCHERS) == "uniform"
    for known in (POLICIES, SEARCHERS):
        assert [canonical(name, "thing", known) for name in known] == list(known)


def test_an_alias_of_another_kind_is_no_name():
    with pytest.raises(SettingsError, match="Unknown searcher"):
        canonical("vanilla", "searcher", SEARCHERS)
