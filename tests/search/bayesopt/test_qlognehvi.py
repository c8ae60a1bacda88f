import sys

import pytest

from ce_nas.core.errors import MissingExtraError, SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import stream
from ce_nas.search.bayesopt.qlognehvi import QLogNehviSearcher
from ce_nas.space.distributions import Float
from ce_nas.space.mixed import MixedSpace

pytest.importorskip("botorch", reason="the extra bo is not installed")

REAL = MixedSpace("real", {"x0": Float(0.0, 1.0), "x1": Float(0.0, 1.0)})


def searcher_of(seed=0, **options):
    return QLogNehviSearcher(
        REAL, stream(seed, "bo"), (2.0, 2.0), **{"candidates": 32, "draws": 8, "climbs": 0, **options}
    )


def test_torch_s_generator_is_not_touched():
    import torch

    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    searcher = searcher_of()
    points = REAL.sample(stream(0, "starts"), 12)
    searcher.tell([Observation(one, (one[0], 1.0 - one[0] * one[1])) for one in points])
    searcher.ask(2, set())
    assert torch.rand(1) == expected


def test_draws_that_make_no_sense_are_refused():
    with pytest.raises(SettingsError, match="Expected draws of at least 1, got draws=0"):
        searcher_of(draws=0)


def test_without_botorch_it_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "botorch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ce-nas\[bo\]'"):
        searcher_of()
