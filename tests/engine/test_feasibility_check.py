"""The rehearsal that refuses a search which can finish no training, and says until when one waits."""

from __future__ import annotations

import pytest

from ce_nas.api import Search
from ce_nas.core.errors import SettingsError
from ce_nas.engine.feasibility_check import check_first_training


def _check(**flags: object):
    return check_first_training(Search(**flags)._inputs)


def test_begins_at_once_at_all_hours():
    first = _check(policy="vanilla", gpus=1, hours=2)
    assert (first.begins_s, first.note) == (0.0, "")


@pytest.mark.parametrize(
    ("flags", "budget"),
    [
        ({"hours": 0.1}, "--hours"),
        ({"carbon_budget": "1g"}, "--carbon-budget"),
        ({"energy_budget": "10Wh"}, "--energy-budget"),
        ({"gpu_hours": 0.01}, "--gpu-hours"),
        ({"cost_budget": 0.001, "gpu_hour_price": 2.0}, "--cost-budget"),
    ],
)
def test_refuses_budgets_that_no_training_fits_into(flags, budget):
    with pytest.raises(SettingsError, match=f"The shortest of .* takes 9.04 min. Raise {budget}\\.$"):
        _check(policy="vanilla", **flags)


def test_refuses_hours_in_which_the_policy_holds_everything():
    with pytest.raises(SettingsError, match=r"policy look-ahead lets a GPU train, got none within 10\.0 h .* Raise"):
        _check(site={"closed": ["00:00-12:00"]}, hours=10)


def test_names_the_policy_that_would_train_only_where_it_would():
    with pytest.raises(SettingsError) as closed:
        _check(site={"closed": ["00:00-12:00"]}, hours=10)
    assert "vanilla" not in str(closed.value)
    with pytest.raises(SettingsError, match=r"Raise --hours, or train at all hours: --policy vanilla\.$"):
        _check(policy={"name": "suspend-resume", "clean_quantile": 0.0}, hours=3, live=True)


def test_a_live_search_that_waits_says_until_when():
    start = "2023-07-03T03:00"
    first = _check(live=True, hours=80, policy="look-ahead", zone="solar", evaluations=50, start=start)
    assert first.begins_s == pytest.approx(11 * 3600.0)
    assert "about 2023-07-03 14:00 UTC, in 11.0 min" in first.note  # an hour of the grid per minute
    assert first.note.endswith("To begin at once: --policy vanilla.")


def test_a_search_leaves_nothing_behind_when_refused(tmp_path):
    with pytest.raises(SettingsError):
        Search(hours=0.1).run(tmp_path / "run")
    assert not (tmp_path / "run").exists()


def test_policy_of_the_caller_is_not_rehearsed(tmp_path):
    from ce_nas.policies.baselines import VanillaPolicy

    asked = []

    class Counting(VanillaPolicy):
        def decide(self, state):
            asked.append(state.now_s)
            return super().decide(state)

    Search(policy=Counting(), searcher="random", gpus=1, hours=1, stop="never").run()
    assert asked == [0.0]


def test_the_rehearsal_plans_for_the_searcher_of_the_search():
    """Its first training begins in the same period as that of the search itself."""
    flags = {"gpus": 4, "hours": 48, "zone": "solar", "start": "2021-07-02T04:00", "seed": 0}
    entries = Search(**flags, stop="never", target=1.0).run().entries
    begins = next(one.at_s for one in entries if one.content.get("kind") == "evaluation")
    rehearsed = _check(**flags).begins_s
    assert rehearsed // 3600 == begins // 3600
    assert rehearsed // 3600 > 0
