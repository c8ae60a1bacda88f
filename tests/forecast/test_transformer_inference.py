import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the network to compare with needs torch")

from ce_nas.forecast.transformer_inference import predict_quantiles  # noqa: E402 - torch comes first
from ce_nas.forecast.transformer_network import QuantileTransformer, TransformerConfig  # noqa: E402


@pytest.mark.parametrize(("n_quantiles", "layers"), [(9, 2), (3, 1)])
def test_quantiles_are_those_of_the_network(n_quantiles, layers):
    config = TransformerConfig(5, 48, 24, 1, n_quantiles, patch_size=6, width=16, heads=2, layers=layers)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = QuantileTransformer(config).eval()
        for values in net.parameters():
            torch.nn.init.normal_(values, std=0.3)
        features = torch.randn(3, 72, 5)
    weights = {name: values.detach().numpy() for name, values in net.state_dict().items()}
    found = predict_quantiles(weights, features.numpy(), patch_size=6, heads=2, ahead=24)
    with torch.inference_mode():
        expected = net(features, torch.zeros(3, dtype=torch.long)).numpy()
    assert found.shape == (3, 24, n_quantiles)
    assert found == pytest.approx(expected, abs=1e-4)
    assert (np.diff(found, axis=2) > 0).all()
