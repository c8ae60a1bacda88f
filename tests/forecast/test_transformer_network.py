import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the transformer needs torch")

from ce_nas.forecast.transformer_network import UNKNOWN_ZONE, Shape, Transformer, pinball  # noqa: E402 - torch comes first

SHAPE = Shape(columns=5, context=48, ahead=24, zones=2, levels=9, width=16, heads=2, layers=1)


@pytest.fixture
def net():
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = Transformer(SHAPE)
        torch.nn.init.normal_(net.middle.weight)
        return net.eval()


def test_quantiles_come_in_order_for_each_coming_slot(net):
    rows = torch.randn(3, 72, 5, generator=torch.Generator().manual_seed(1))
    quantiles = net(rows, torch.tensor([0, 1, 2]))
    assert quantiles.shape == (3, 24, 9)
    assert (quantiles.diff(dim=2) > 0).all()


def test_at_first_the_middle_is_the_ground_itself():
    quantiles = Transformer(SHAPE).eval()(torch.randn(2, 72, 5), torch.tensor([1, 2]))
    assert not quantiles[:, :, 4].any()


def test_each_coming_slot_sees_the_past_and_every_known_input(net):
    rows = torch.zeros(1, 72, 5)
    plain = net(rows, torch.tensor([1]))
    for slot in (0, 47, 48, 71):
        other = rows.clone()
        other[0, slot, 2] = 3.0
        assert (net(other, torch.tensor([1])) != plain).any(dim=2).all()


def test_a_zone_of_its_own_makes_a_difference(net):
    rows = torch.zeros(2, 72, 5)
    known, unknown = net(rows, torch.tensor([1, UNKNOWN_ZONE]))
    assert not torch.equal(known, unknown)


def test_the_pinball_loss_is_least_at_the_quantile():
    truth = torch.from_numpy(np.random.default_rng(0).normal(size=(1, 20000)))
    levels = torch.tensor([0.1, 0.5])
    losses = {
        shift: float(pinball(torch.tensor([-1.2816 + shift, shift]).expand(1, 20000, 2), truth, levels))
        for shift in (-0.2, 0.0, 0.2)
    }
    assert losses[0.0] < min(losses[-0.2], losses[0.2])
    exact = pinball(torch.zeros(1, 1, 1), torch.ones(1, 1), torch.tensor([0.9]))
    assert float(exact) == pytest.approx(0.9)
