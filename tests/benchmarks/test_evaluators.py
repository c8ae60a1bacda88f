from types import SimpleNamespace

import pytest

from ce_nas.benchmarks.evaluators import evaluator_of, table_of
from ce_nas.benchmarks.tabular import TabularEvaluator
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.errors import SettingsError
from ce_nas.engine.inputs import Materials


def test_a_table_is_looked_up_and_scored_if_there_are_scores():
    materials = Materials(settings_from_flags())
    scored = evaluator_of(materials.benchmark, materials.objectives, materials.cheap_scores)
    blind = evaluator_of(materials.benchmark, materials.objectives, None)
    assert isinstance(scored, TabularEvaluator)
    assert (scored.can_score, blind.can_score) == (True, False)
    assert scored.objectives == materials.objectives


def test_what_is_no_table_has_no_table():
    with pytest.raises(SettingsError, match="all listed, but NAS-Bench-301 has no table"):
        table_of(SimpleNamespace(name="NAS-Bench-301"))
