"""A fitted transformer as a forecaster, and its file."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import MissingExtraError, ModelError
from ce_nas.core.records import Forecast
from ce_nas.core.units import DAY_S
from ce_nas.forecast.adaptive import LEAST_DAYS, LEVELS
from ce_nas.forecast.base import Forecaster
from ce_nas.forecast.baselines import DampedProfile
from ce_nas.forecast.dataset import AHEAD_DAYS, HOURS_A_DAY
from ce_nas.forecast.hourly import Slots
from ce_nas.forecast.model_file import load_model, save_model
from ce_nas.forecast.sequence_windows import Columns, Grounds, Windows

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path
    from types import ModuleType

    from ce_nas.forecast.base import Past

__all__ = ["Fitted", "TransformerForecaster", "torch_or_error"]

KIND = "transformer"


@dataclass(frozen=True, slots=True)
class Fitted:
    """What the forecaster is made of, beside the weights."""

    columns: Columns
    #: zones it was trained on, in the order of their embeddings, which begin with 1
    zones: tuple[str, ...]
    #: sizes of the networks, as :class:`ce_nas.forecast.transformer_network.Shape` takes them
    shape: Mapping[str, Any]
    #: what it was trained on and how, for those who read the file
    training: Mapping[str, Any]


class TransformerForecaster(Forecaster):
    """Networks that were fitted beforehand; their quantiles are averaged.

    A zone that it was not trained on is forecast as one never seen, from its past alone. With less than two weeks of
    a past, or steps of more than an hour, this is :class:`DampedProfile`.

    :param weights: of each network, by the names of its parameters.
    :raises MissingExtraError: if torch is not installed.
    :raises ModelError: if the weights are not those of such networks.
    """

    name = KIND
    lookback_s = 758 * DAY_S

    def __init__(self, fitted: Fitted, weights: Sequence[Mapping[str, np.ndarray]]) -> None:
        self.fitted = fitted
        #: of each network, by the names of its parameters
        self.weights = weights
        self._nets = [_network(fitted, one) for one in weights]
        self._grounds = Grounds(AHEAD_DAYS)

    def predict(self, past: Past, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        slots = Slots.of(past, AHEAD_DAYS * DAY_S, self.lookback_s)
        if slots is None or slots.a_day != HOURS_A_DAY or len(slots) < LEAST_DAYS * HOURS_A_DAY:
            profile = DampedProfile().predict(past, horizon_s).mean_g_per_kwh
            return Forecast(self.name, past.end_s, past.end_s, past.step_s, profile)
        levels = self._levels(slots, past.zone)
        quantiles = {
            level: slots.in_steps(np.exp(values), horizon_s) for level, values in zip(LEVELS, levels, strict=True)
        }
        return Forecast(self.name, past.end_s, past.end_s, past.step_s, quantiles[0.5].copy(), quantiles)

    def save(self, path: str | Path) -> Path:
        """Write the model's two files, and return where its settings are."""
        settings = json.loads(json.dumps({"kind": KIND, **asdict(self.fitted)}))
        arrays = {f"{place}.{name}": values for place, one in enumerate(self.weights) for name, values in one.items()}
        return save_model(path, settings, arrays)

    @classmethod
    def load(cls, path: str | Path) -> TransformerForecaster:
        """Read a model back.

        :raises ModelError: if its files are missing, damaged, or of something else.
        """
        settings, arrays = load_model(path)
        if settings.get("kind") != KIND:
            message = f"Expected a {KIND} in {str(path)!r}, got {settings.get('kind')!r}. Choose another file."
            raise ModelError(message)
        try:
            fitted = _fitted(settings)
        except (KeyError, TypeError, ValueError) as error:
            message = f"Expected the settings of a {KIND} in {str(path)!r}, but {error!r} is amiss. Fit it again."
            raise ModelError(message) from error
        return cls(fitted, _by_network(arrays))

    def _levels(self, slots: Slots, zone: str) -> np.ndarray:
        """Quantiles of the logarithm of the coming hours, shape ``(levels, ahead)``."""
        import torch

        today = range(len(slots) // slots.a_day, len(slots) // slots.a_day + 1)
        windows = Windows(slots, self.fitted.columns, self._grounds.said(slots, today), today)
        window = windows.cut(np.array([len(slots)]), np.array([slots.known_ahead]))
        number = self.fitted.zones.index(zone) + 1 if zone in self.fitted.zones else 0
        with torch.inference_mode():
            made = [net(torch.from_numpy(window.rows), torch.tensor([number])) for net in self._nets]
        quantiles = torch.stack(made).mean(dim=0)[0].double().numpy()
        levels: np.ndarray = (window.ground[0][:, None] + window.spread[0] * quantiles).T
        return levels


def torch_or_error() -> ModuleType:
    """The module torch.

    :raises MissingExtraError: if it is not installed.
    """
    try:
        import torch
    except ImportError as error:
        package, extra = "torch", "torch"
        raise MissingExtraError(package, extra, "The transformer that forecasts the grid") from error
    return torch


def _fitted(settings: Mapping[str, Any]) -> Fitted:
    columns = Columns.read(settings["columns"])
    if columns.count != settings["shape"]["columns"]:
        message = f"{columns.count} columns"
        raise ValueError(message)
    return Fitted(columns, tuple(settings["zones"]), settings["shape"], settings["training"])


def _by_network(arrays: Mapping[str, np.ndarray]) -> list[dict[str, np.ndarray]]:
    """The weights of each network; in the file its number stands before each name."""
    weights: dict[str, dict[str, np.ndarray]] = {}
    for name, values in arrays.items():
        number, _, parameter = name.partition(".")
        weights.setdefault(number, {})[parameter] = values
    if set(weights) != {str(number) for number in range(len(weights))} or not weights:
        message = f"Expected the weights of networks numbered from 0, got no network or other names: {sorted(weights)}."
        raise ModelError(message)
    return [weights[str(number)] for number in range(len(weights))]


def _network(fitted: Fitted, weights: Mapping[str, np.ndarray]) -> Any:  # noqa: ANN401 - torch is loaded late
    torch = torch_or_error()
    from ce_nas.forecast.transformer_network import Shape, Transformer

    try:
        net = Transformer(Shape(**fitted.shape))
        net.load_state_dict({name: torch.from_numpy(values.copy()) for name, values in weights.items()})
    except (TypeError, RuntimeError) as error:
        message = f"Expected the weights of a transformer of {dict(fitted.shape)}, but {error}. Fit it again."
        raise ModelError(message) from error
    return net.eval()
