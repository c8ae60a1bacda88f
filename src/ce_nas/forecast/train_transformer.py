"""Training of the transformer on one record or many, stopped by what it does on later hours it is not trained on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.rng import stream
from ce_nas.forecast.adaptive import LEVELS
from ce_nas.forecast.dataset import AHEAD_DAYS, HOURS_A_DAY, lessons_of
from ce_nas.forecast.sequence_windows import CONTEXT_DAYS, Columns, Window
from ce_nas.forecast.transformer import Fitted, TransformerForecaster, torch_or_error

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from torch import Tensor

    from ce_nas.forecast.dataset import Lessons, Span
    from ce_nas.forecast.history import History
    from ce_nas.forecast.transformer_network import Transformer

__all__ = ["FitSettings", "Progress", "fit_transformer"]

#: shares of the windows whose zone, whose mix, and whose inputs from some hour on, are hidden in training
HIDE_ZONE, HIDE_MIX, HIDE_AHEAD = 0.15, 0.2, 0.2


@dataclass(frozen=True, slots=True)
class FitSettings:
    """How a transformer is trained."""

    seed: int = 0
    #: networks that are averaged, each from a seed of its own
    networks: int = 1
    width: int = 48
    layers: int = 2
    dropout: float = 0.2
    batch: int = 64
    #: steps between two looks at the validation span, looks at the most, and looks without gain before it stops
    steps: int = 40
    looks: int = 10
    patience: int = 3
    learning_rate: float = 1e-3
    weight_decay: float = 0.1


@dataclass(frozen=True, slots=True)
class Progress:
    """What training has come to at one look."""

    network: int
    look: int
    #: mean pinball loss, in spreads
    training_loss: float
    validation_loss: float


def fit_transformer(
    records: Sequence[History],
    train: Span,
    validate: Span,
    settings: FitSettings = FitSettings(),
    tell: Callable[[Progress], None] = lambda _: None,
) -> TransformerForecaster:
    """A transformer fitted on windows of ``records`` that lie in ``train``, each weighing the same.

    The weights kept are those of the look with the least loss on the windows issued at midnight in ``validate``;
    nothing later than its end is looked at. The same seed gives the same weights on the same machine.

    :raises SettingsError: if a record has no window in one of the spans.
    :raises MissingExtraError: if torch is not installed.
    """
    torch_or_error()
    columns, parts = lessons_of(records, train, validate)
    shape = {
        "columns": columns.count, "context": CONTEXT_DAYS * HOURS_A_DAY, "ahead": AHEAD_DAYS * HOURS_A_DAY,
        "zones": len(records), "levels": len(LEVELS),
        "width": settings.width, "layers": settings.layers, "dropout": settings.dropout,
    }  # fmt: skip
    weights = [_Training(parts, shape, columns, settings, number).run(tell) for number in range(settings.networks)]
    training = {"train": train.content(), "validate": validate.content(), **asdict(settings)}
    fitted = Fitted(columns, tuple(history.zone for history in records), shape, training)
    return TransformerForecaster(fitted, weights)


class _Training:
    """The training of one network."""

    def __init__(
        self, parts: Sequence[Lessons], shape: Mapping[str, Any], columns: Columns, settings: FitSettings, number: int
    ) -> None:
        self._parts, self._columns, self._settings, self._number = parts, columns, settings, number
        self._shape = shape
        self._rng = stream(settings.seed, f"transformer {number}")

    def run(self, tell: Callable[[Progress], None]) -> dict[str, np.ndarray]:
        """The weights of the look with the least validation loss."""
        import torch

        from ce_nas.forecast.transformer_network import Shape, Transformer

        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(int(self._rng.integers(2**31)))
            net = Transformer(Shape(**self._shape))
            best, kept, waited = math.inf, _arrays(net), 0
            steps = self._steps(net)
            for look in range(self._settings.looks):
                training = float(np.mean([next(steps) for _ in range(self._settings.steps)]))
                loss = self._validation_loss(net)
                tell(Progress(self._number, look, training, loss))
                if loss < best:
                    best, kept, waited = loss, _arrays(net), 0
                else:
                    waited += 1
                if waited >= self._settings.patience:
                    break
        return kept

    def _steps(self, net: Transformer) -> Iterator[float]:
        """Steps of the optimiser, and the loss of each."""
        import torch

        settings = self._settings
        optimiser = torch.optim.AdamW(net.parameters(), lr=settings.learning_rate, weight_decay=settings.weight_decay)
        schedule = torch.optim.lr_scheduler.OneCycleLR(
            optimiser, settings.learning_rate, total_steps=settings.looks * settings.steps + 1, pct_start=0.1
        )
        while True:
            net.train()
            loss = self._loss(net, *self._batch())
            optimiser.zero_grad()
            loss.backward()  # type: ignore[no-untyped-call]
            torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
            optimiser.step()
            schedule.step()
            yield float(loss.detach())

    def _batch(self) -> tuple[Window, np.ndarray, np.ndarray]:
        """Windows, the level that came, and the numbers of their zones; with some of what is known hidden."""
        chosen = np.sort(self._rng.integers(len(self._parts), size=self._settings.batch))
        cut = []
        for place in np.unique(chosen):
            part = self._parts[place]
            issues = self._rng.choice(part.train, int((chosen == place).sum()))
            ahead = np.full(len(issues), part.known_ahead)
            hidden = self._rng.random(len(issues)) < HIDE_AHEAD
            ahead[hidden] = self._rng.integers(0, ahead[hidden] + 1)
            cut.append((part.windows.cut(issues, ahead), part.windows.truth(issues)))
        window = Window(*(np.concatenate(values) for values in zip(*(one for one, _ in cut), strict=True)))
        window.rows[self._rng.random(len(chosen)) < HIDE_MIX, :, self._columns.mix] = 0.0
        zones = np.where(self._rng.random(len(chosen)) < HIDE_ZONE, 0, chosen + 1)
        return window, np.concatenate([truth for _, truth in cut]), zones

    def _validation_loss(self, net: Transformer) -> float:
        """The mean over the records."""
        import torch

        net.eval()
        losses = []
        with torch.inference_mode():
            for number, part in enumerate(self._parts, 1):
                window = part.windows.cut(part.validate, np.full(len(part.validate), part.known_ahead))
                truth = part.windows.truth(part.validate)
                losses.append(float(self._loss(net, window, truth, np.full(len(truth), number))))
        return float(np.mean(losses))

    def _loss(self, net: Transformer, window: Window, truth: np.ndarray, zones: np.ndarray) -> Tensor:
        import torch

        from ce_nas.forecast.transformer_network import pinball

        off = torch.from_numpy(((truth - window.ground) / window.spread).astype(np.float32))
        return pinball(net(torch.from_numpy(window.rows), torch.from_numpy(zones)), off, torch.tensor(LEVELS))


def _arrays(net: Transformer) -> dict[str, np.ndarray]:
    return {name: values.detach().numpy().copy() for name, values in net.state_dict().items()}
