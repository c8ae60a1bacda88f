"""A fitted transformer as a forecaster, and its file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import MissingExtraError, ModelError
from ce_nas.forecast.dataset import HORIZON_DAYS, FeatureLayout, RidgeBaselines
from ce_nas.forecast.hourly import QUANTILE_LEVELS, HourlyForecaster
from ce_nas.forecast.model_file import load_model, save_model

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    import numpy as np

    from ce_nas.forecast.hourly import HourlySeries

__all__ = ["TransformerForecaster", "TransformerSpec", "require_torch"]

MODEL_KIND = "transformer"


@dataclass(frozen=True, slots=True)
class TransformerSpec:
    """Everything about the forecaster except its weights."""

    layout: FeatureLayout
    #: training zones in the order of their embeddings, which start with 1
    zones: tuple[str, ...]
    #: sizes of the networks, as :class:`ce_nas.forecast.transformer_network.TransformerConfig` takes them
    network_config: Mapping[str, Any]
    #: provenance, for those who read the file
    training: Mapping[str, Any]


class TransformerForecaster(HourlyForecaster):
    """Fitted networks whose quantiles are averaged.

    A zone that it was not trained on is predicted from its past, with the embedding of unknown zones.

    :param weights: of each network, by the names of its parameters.
    :raises MissingExtraError: if torch is not installed.
    :raises ModelError: if the weights do not match the networks.
    """

    name = MODEL_KIND
    horizon_days = HORIZON_DAYS

    def __init__(self, spec: TransformerSpec, weights: Sequence[Mapping[str, np.ndarray]]) -> None:
        self.spec = spec
        #: of each network, by the names of its parameters
        self.weights = weights
        self._networks = [_build_network(spec, parameters) for parameters in weights]
        self._baselines = RidgeBaselines(HORIZON_DAYS)

    def predict_log(self, slots: HourlySeries, zone: str) -> tuple[np.ndarray, Mapping[float, np.ndarray]]:
        """See :meth:`HourlyForecaster.predict_log`; the mean is the median."""
        import torch

        window = self._baselines.build_current_window(slots, self.spec.layout)
        number = self.spec.zones.index(zone) + 1 if zone in self.spec.zones else 0
        with torch.inference_mode():
            outputs = [net(torch.from_numpy(window.features), torch.tensor([number])) for net in self._networks]
        deviations = torch.stack(outputs).mean(dim=0)[0].double().numpy()
        values = (window.baseline[0][:, None] + window.spread[0] * deviations).T
        quantiles = dict(zip(QUANTILE_LEVELS, values, strict=True))
        return quantiles[0.5], quantiles

    def save(self, path: str | Path) -> Path:
        """Write the model's two files, and return the path of its settings."""
        settings = json.loads(json.dumps({"kind": MODEL_KIND, **asdict(self.spec)}))
        arrays = {
            f"{number}.{name}": values
            for number, parameters in enumerate(self.weights)
            for name, values in parameters.items()
        }
        return save_model(path, settings, arrays)

    @classmethod
    def load(cls, path: str | Path) -> TransformerForecaster:
        """Read a model.

        :raises ModelError: if its files are missing, damaged, or of another kind.
        """
        settings, arrays = load_model(path, MODEL_KIND)
        try:
            spec = _parse_spec(settings)
        except (KeyError, TypeError, ValueError) as error:
            message = f"Expected the settings of a {MODEL_KIND} model in {str(path)!r}, got {error!r}. Fit it again."
            raise ModelError(message) from error
        return cls(spec, _split_by_network(arrays))


def require_torch() -> ModuleType:
    """Return the module torch.

    :raises MissingExtraError: if it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        package, extra = "torch", "torch"
        raise MissingExtraError(package, extra, "The transformer that forecasts the grid") from error
    return torch


def _parse_spec(settings: Mapping[str, Any]) -> TransformerSpec:
    layout = FeatureLayout.from_json(settings["layout"])
    if layout.n_features != settings["network_config"]["n_features"]:
        message = f"{layout.n_features} columns"
        raise ValueError(message)
    return TransformerSpec(layout, tuple(settings["zones"]), settings["network_config"], settings["training"])


def _split_by_network(arrays: Mapping[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """Return the weights of each network, whose number precedes each name in the file."""
    weights: dict[str, dict[str, np.ndarray]] = {}
    for name, values in arrays.items():
        number, _, parameter = name.partition(".")
        weights.setdefault(number, {})[parameter] = values
    if set(weights) != {str(number) for number in range(len(weights))} or not weights:
        message = f"Expected the weights of networks numbered from 0, got no network or other names: {sorted(weights)}."
        raise ModelError(message)
    return [weights[str(number)] for number in range(len(weights))]


def _build_network(spec: TransformerSpec, weights: Mapping[str, np.ndarray]) -> Any:  # noqa: ANN401 - torch is imported late
    torch = require_torch()
    from ce_nas.forecast.transformer_network import QuantileTransformer, TransformerConfig

    try:
        net = QuantileTransformer(TransformerConfig(**spec.network_config))
        net.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in weights.items()})
    except (TypeError, RuntimeError) as error:
        message = f"Expected the weights of a transformer of {dict(spec.network_config)}, but {error}. Fit it again."
        raise ModelError(message) from error
    return net.eval()
