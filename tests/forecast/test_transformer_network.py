import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the transformer needs torch")

from ce_nas.forecast.transformer_network import UNKNOWN_ZONE, QuantileTransformer, TransformerConfig, pinball_loss  # noqa: E402 - torch comes first

CONFIG = TransformerConfig(n_features=5, context=48, horizon=24, n_zones=2, n_quantiles=9, width=16, heads=2, layers=1)


@pytest.fixture
def net():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = QuantileTransformer(CONFIG)
        torch.nn.init.normal_(net.median_head.weight)
        return net.eval()


def test_quantiles_are_ordered_for_each_slot(net):
    features = torch.randn(3, 72, 5, generator=torch.Generator().manual_seed(1))
    quantiles = net(features, torch.tensor([0, 1, 2]))
    assert quantiles.shape == (3, 24, 9)
    assert (quantiles.diff(dim=2) > 0).all()


def test_initial_median_is_the_baseline():
    quantiles = QuantileTransformer(CONFIG).eval()(torch.randn(2, 72, 5), torch.tensor([1, 2]))
    assert not quantiles[:, :, 4].any()


def test_each_slot_depends_on_the_past_and_known_inputs(net):
    features = torch.zeros(1, 72, 5)
    plain = net(features, torch.tensor([1]))
    for slot in (0, 47, 48, 71):
        other = features.clone()
        other[0, slot, 2] = 3.0
        assert (net(other, torch.tensor([1])) != plain).any(dim=2).all()


def test_zone_embedding_makes_a_difference(net):
    features = torch.zeros(2, 72, 5)
    known, unknown = net(features, torch.tensor([1, UNKNOWN_ZONE]))
    assert not torch.equal(known, unknown)


def test_pinball_loss_is_least_at_the_quantile():
    truth = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 20000)))
    levels = torch.tensor([0.1, 0.5])
    losses = {
        shift: float(pinball_loss(torch.tensor([-1.2816 + shift, shift]).expand(1, 20000, 2), truth, levels))
        for shift in (-0.2, 0.0, 0.2)
    }
    assert losses[0.0] < min(losses[-0.2], losses[0.2])
    exact = pinball_loss(torch.zeros(1, 1, 1), torch.ones(1, 1), torch.tensor([0.9]))
    assert float(exact) == pytest.approx(0.9)
