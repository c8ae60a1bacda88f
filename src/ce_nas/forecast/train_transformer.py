"""Training of the transformer on one record or several, with early stopping on a later validation span."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.rng import random_stream, seeded_torch
from ce_nas.forecast.dataset import CONTEXT_DAYS, HORIZON_DAYS, FeatureLayout, WindowBatch, build_datasets
from ce_nas.forecast.hourly import HOURS_PER_DAY, QUANTILE_LEVELS
from ce_nas.forecast.transformer import TransformerForecaster, TransformerSpec, require_torch

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor

    from ce_nas.forecast.dataset import Span, ZoneDataset
    from ce_nas.forecast.history import RecordedHistory
    from ce_nas.forecast.transformer_network import QuantileTransformer

__all__ = ["FitProgress", "TransformerFitSettings", "fit_transformer"]

#: shares of the training windows whose zone, whose mix, and whose covariates from some hour on, are hidden
ZONE_DROPOUT, MIX_DROPOUT, COVARIATE_DROPOUT = 0.15, 0.2, 0.2


@dataclass(frozen=True, slots=True)
class TransformerFitSettings:
    """How a transformer is trained."""

    seed: int = 0
    #: networks that are averaged, each with its own seed
    n_networks: int = 1
    width: int = 48
    layers: int = 2
    dropout: float = 0.2
    batch_size: int = 64
    #: optimiser steps between two validations, upper bound of the validations, and validations without improvement
    #: before training stops
    steps_per_validation: int = 40
    max_validations: int = 10
    patience: int = 3
    learning_rate: float = 1e-3
    weight_decay: float = 0.1


@dataclass(frozen=True, slots=True)
class FitProgress:
    """The losses at one validation."""

    network_index: int
    validation_index: int
    #: mean pinball loss, in spreads
    training_loss: float
    validation_loss: float


def fit_transformer(
    records: Sequence[RecordedHistory],
    train: Span,
    validate: Span,
    settings: TransformerFitSettings = TransformerFitSettings(),
    on_progress: Callable[[FitProgress], None] = lambda _: None,
) -> TransformerForecaster:
    """Fit a transformer to windows of ``records`` in ``train``; each record has the same weight.

    The weights kept are those with the least loss on the windows issued at midnight in ``validate``; nothing after its
    end is used. The same seed gives the same weights on the same machine.

    :raises SettingsError: if a record has no window in one of the spans.
    :raises MissingExtraError: if torch is not installed.
    """
    require_torch()
    layout, datasets = build_datasets(records, train, validate)
    config = {
        "n_features": layout.n_features,
        "context": CONTEXT_DAYS * HOURS_PER_DAY, "horizon": HORIZON_DAYS * HOURS_PER_DAY,
        "n_zones": len(records), "n_quantiles": len(QUANTILE_LEVELS),
        "width": settings.width, "layers": settings.layers, "dropout": settings.dropout,
    }  # fmt: skip
    weights = [
        _NetworkTraining(datasets, config, layout, settings, number).run(on_progress)
        for number in range(settings.n_networks)
    ]
    training = {"train": train.to_json(), "validate": validate.to_json(), **asdict(settings)}
    spec = TransformerSpec(layout, tuple(history.zone for history in records), config, training)
    return TransformerForecaster(spec, weights)


class _NetworkTraining:
    """The training of one network."""

    def __init__(
        self,
        datasets: Sequence[ZoneDataset],
        network_config: Mapping[str, Any],
        layout: FeatureLayout,
        settings: TransformerFitSettings,
        network_index: int,
    ) -> None:
        self._datasets, self._layout, self._settings, self._network_index = datasets, layout, settings, network_index
        self._network_config = network_config
        self._rng = random_stream(settings.seed, f"transformer {network_index}")

    def run(self, on_progress: Callable[[FitProgress], None]) -> dict[str, np.ndarray]:
        """Return the weights of the validation with the least loss."""
        from ce_nas.forecast.transformer_network import QuantileTransformer, TransformerConfig

        with seeded_torch(int(self._rng.integers(2**31))):
            net = QuantileTransformer(TransformerConfig(**self._network_config))
            best_loss, best_weights, waited = math.inf, _state_arrays(net), 0
            steps = self._training_steps(net)
            for number in range(self._settings.max_validations):
                training_loss = float(np.mean([next(steps) for _ in range(self._settings.steps_per_validation)]))
                loss = self._validation_loss(net)
                on_progress(FitProgress(self._network_index, number, training_loss, loss))
                if loss < best_loss:
                    best_loss, best_weights, waited = loss, _state_arrays(net), 0
                else:
                    waited += 1
                if waited >= self._settings.patience:
                    break
        return best_weights

    def _training_steps(self, net: QuantileTransformer) -> Iterator[float]:
        """Run the optimiser, and yield the loss of each step."""
        import torch

        settings = self._settings
        optimiser = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser,
            settings.learning_rate,
            total_steps=settings.max_validations * settings.steps_per_validation + 1,
            pct_start=0.1,
        )
        while True:
            net.train()
            loss = self._loss(net, *self._sample_batch())
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            yield float(loss.detach())

    def _sample_batch(self) -> tuple[WindowBatch, np.ndarray, np.ndarray]:
        """Return windows with dropout, the observed levels, and the numbers of their zones."""
        chosen = np.sort(self._rng.integers(len(self._datasets), size=self._settings.batch_size))
        parts = []
        for number in np.unique(chosen):
            dataset = self._datasets[number]
            issues = self._rng.choice(dataset.training_issues, int((chosen == number).sum()))
            known = np.full(len(issues), dataset.covariate_horizon)
            is_hidden = self._rng.random(len(issues)) < COVARIATE_DROPOUT
            known[is_hidden] = self._rng.integers(0, known[is_hidden] + 1)
            parts.append((dataset.windows.build(issues, known), dataset.windows.targets(issues)))
        batch = WindowBatch(*(np.concatenate(arrays) for arrays in zip(*(batch for batch, _ in parts), strict=True)))
        batch.features[self._rng.random(len(chosen)) < MIX_DROPOUT, :, self._layout.mix_slice] = 0.0
        zones = np.where(self._rng.random(len(chosen)) < ZONE_DROPOUT, 0, chosen + 1)
        return batch, np.concatenate([targets for _, targets in parts]), zones

    def _validation_loss(self, net: QuantileTransformer) -> float:
        """Return the mean loss over the records."""
        import torch

        net.eval()
        losses = []
        with torch.inference_mode():
            for number, dataset in enumerate(self._datasets, 1):
                issues = dataset.validation_issues
                batch = dataset.windows.build(issues, np.full(len(issues), dataset.covariate_horizon))
                targets = dataset.windows.targets(issues)
                losses.append(float(self._loss(net, batch, targets, np.full(len(targets), number))))
        return float(np.mean(losses))

    def _loss(self, net: QuantileTransformer, batch: WindowBatch, targets: np.ndarray, zones: np.ndarray) -> Tensor:
        import torch

        from ce_nas.forecast.transformer_network import pinball_loss

        deviations = torch.from_numpy(((targets - batch.baseline) / batch.spread).astype(np.float32))
        quantiles = net(torch.from_numpy(batch.features), torch.from_numpy(zones))
        return pinball_loss(quantiles, deviations, torch.tensor(QUANTILE_LEVELS))


def _state_arrays(net: QuantileTransformer) -> dict[str, np.ndarray]:
    return {name: values.detach().numpy().copy() for name, values in net.state_dict().items()}
