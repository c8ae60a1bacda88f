import sys

import pytest

from ce_nas.core.errors import MissingExtraError, SettingsError
from ce_nas.core.records import Observation
from ce_nas.core.rng import random_stream
from ce_nas.search.bayesopt.qlognehvi_searcher import QLogNehviSearcher
from ce_nas.space.distributions import Float
from ce_nas.space.mixed import MixedSpace

pytest.importorskip("botorch", reason="the extra bo is not installed")

REAL = MixedSpace("real", {"x0": Float(0.0, 1.0), "x1": Float(0.0, 1.0)})


def searcher_of(seed=0, **options):
    return QLogNehviSearcher(
        REAL, random_stream(seed, "bo"), (2.0, 2.0), **{"candidates": 32, "mc_samples": 8, "n_restarts": 0, **options}
    )


def test_global_torch_generator_is_unchanged():
    import torch

    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    searcher = searcher_of()
    points = REAL.sample(random_stream(0, "starts"), 12)
    searcher.tell([Observation(point, (point[0], 1.0 - point[0] * point[1])) for point in points])
    searcher.ask(2, set())
    assert torch.rand(1) == expected


def test_invalid_mc_samples_are_rejected():
    with pytest.raises(SettingsError, match="Expected mc_samples of at least 1, got mc_samples=0"):
        searcher_of(mc_samples=0)


def test_missing_botorch_names_the_extra_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "botorch", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'ce-nas\[bo\]'"):
        searcher_of()


def test_no_kernel_is_compiled(monkeypatch):
    from botorch.acquisition.multi_objective import logei
    from torch.utils import cpp_extension

    compiled = []
    monkeypatch.setattr(cpp_extension, "load", lambda **keywords: compiled.append(keywords))
    monkeypatch.setattr(logei, "_load_attempted", False, raising=False)
    searcher = searcher_of()
    points = REAL.sample(random_stream(0, "starts"), 12)
    searcher.tell([Observation(point, (point[0], 1.0 - point[0] * point[1])) for point in points])
    assert len(searcher.ask(1, set())) == 1
    assert not compiled
