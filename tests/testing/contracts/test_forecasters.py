"""Contract of every forecaster."""

import pytest

from ce_nas.components.registry import FORECASTERS
from ce_nas.forecast.conformal import CalibratedForecaster
from ce_nas.forecast.simple_forecasters import DampedProfile
from ce_nas.testing.contracts import ForecasterContract


def transformer():
    """An untrained network of the smallest size."""
    pytest.importorskip("torch", reason="the transformer needs torch")
    import torch

    from ce_nas.forecast.dataset import FeatureLayout
    from ce_nas.forecast.transformer import TransformerForecaster, TransformerSpec
    from ce_nas.forecast.transformer_network import QuantileTransformer, TransformerConfig

    columns = FeatureLayout(mix_sources=(), covariate_scales={})
    shape = {
        "n_features": columns.n_features,
        "context": 168,
        "horizon": 96,
        "n_zones": 1,
        "n_quantiles": 9,
        "width": 8,
        "heads": 2,
    }
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = QuantileTransformer(TransformerConfig(**shape))
    weights = {name: values.numpy() for name, values in net.state_dict().items()}
    return TransformerForecaster(TransformerSpec(columns, ("zone",), shape, {}), [weights])


def registered(name):
    def create():
        component = FORECASTERS.get(name)
        if component.package:
            pytest.importorskip(component.package, reason=f"needs the extra {component.extra}")
        return FORECASTERS.build(FORECASTERS.validate(name))

    return create


FORECASTERS_BY_CASE = {component.name: registered(component.name) for component in FORECASTERS.components()} | {
    "transformer": transformer,
    "damped-profile, calibrated": lambda: CalibratedForecaster(DampedProfile()),
    "damped-profile, slow": lambda: DampedProfile(decay_time_s=1e9),
}


class TestForecasters(ForecasterContract):
    @pytest.fixture(
        params=[pytest.param(case, marks=pytest.mark.long) if case == "mstl" else case for case in FORECASTERS_BY_CASE]
    )
    def make_forecaster(self, request):
        return FORECASTERS_BY_CASE[request.param]
