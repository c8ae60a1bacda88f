"""Training of the transformer on one record or many, stopped by what it does on later hours it is not trained on."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import SettingsError
from ce_nas.core.rng import stream
from ce_nas.core.units import DAY_S, as_time
from ce_nas.forecast.adaptive import LEVELS
from ce_nas.forecast.fitted import AHEAD_DAYS, HOURS_A_DAY, Fitted, TransformerForecaster, torch_or_error
from ce_nas.forecast.refits import BEFORE_DAYS
from ce_nas.forecast.slots import Slots
from ce_nas.forecast.windows import CONTEXT_DAYS, Columns, Grounds, Window, Windows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime

    from torch import Tensor

    from ce_nas.forecast.history import History
    from ce_nas.forecast.transformer import Transformer

__all__ = ["FitSettings", "Progress", "Span", "fit_transformer"]

#: days of a record before its first window: the ground needs some to be worth anything
WARM_UP_DAYS = 42
#: longer than any record
EVER_S = 1e12
#: shares of the windows whose zone, whose mix, and whose inputs from some hour on, are hidden in training
HIDE_ZONE, HIDE_MIX, HIDE_AHEAD = 0.15, 0.2, 0.2


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of time, its end left out, UTC."""

    begin: datetime
    end: datetime


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
    steps: int = 60
    looks: int = 16
    patience: int = 4
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
    parts = [_slots(history, validate.end) for history in records]
    columns = Columns.of([_ended(slots, train.end) for slots in parts])
    trained = [
        _Part.of(history.zone, slots, columns, (train, validate)) for history, slots in zip(records, parts, strict=True)
    ]
    shape = {
        "columns": columns.count, "context": CONTEXT_DAYS * HOURS_A_DAY, "ahead": AHEAD_DAYS * HOURS_A_DAY,
        "zones": len(records), "levels": len(LEVELS),
        "width": settings.width, "layers": settings.layers, "dropout": settings.dropout,
    }  # fmt: skip
    weights = [_Training(trained, shape, columns, settings, number).run(tell) for number in range(settings.networks)]
    spans = {
        name: [as_time(span.begin), as_time(span.end)] for name, span in (("train", train), ("validate", validate))
    }
    fitted = Fitted(columns, tuple(history.zone for history in records), shape, {**spans, **asdict(settings)})
    return TransformerForecaster(fitted, weights)


@dataclass(frozen=True, slots=True, eq=False)
class _Part:
    """One record's windows."""

    windows: Windows
    #: numbers of the slots before which forecasts are issued
    train: np.ndarray
    validate: np.ndarray
    #: for how many coming slots anything is known
    known_ahead: int

    @classmethod
    def of(cls, zone: str, slots: Slots, columns: Columns, spans: tuple[Span, Span]) -> _Part:
        days = range(BEFORE_DAYS, len(slots) // slots.a_day - AHEAD_DAYS)
        windows = Windows(slots, columns, Grounds(AHEAD_DAYS).said(slots, days), days)
        every = np.arange(max(WARM_UP_DAYS, BEFORE_DAYS) * slots.a_day, days.stop * slots.a_day)
        train, validate = (every[_inside(slots, every, span)] for span in spans)
        validate = validate[validate % slots.a_day == 0]
        if not len(train) or not len(validate):
            message = (
                f"Expected zone {zone!r} to have forecasts of {AHEAD_DAYS} days to learn from in both spans, after "
                f"{WARM_UP_DAYS} days to begin with; its record covers {as_time(slots.begin)} on, {len(slots)} hours "
                f"without a gap. Choose other spans, or a longer record."
            )
            raise SettingsError(message)
        return cls(windows, train, validate, AHEAD_DAYS * slots.a_day if slots.known else 0)


class _Training:
    """The training of one network."""

    def __init__(
        self, parts: list[_Part], shape: Mapping[str, Any], columns: Columns, settings: FitSettings, number: int
    ) -> None:
        self._parts, self._columns, self._settings, self._number = parts, columns, settings, number
        self._shape = shape
        self._rng = stream(settings.seed, f"transformer {number}")

    def run(self, tell: Callable[[Progress], None]) -> dict[str, np.ndarray]:
        """The weights of the look with the least validation loss."""
        import torch

        from ce_nas.forecast.transformer import Shape, Transformer

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

        from ce_nas.forecast.transformer import pinball

        off = torch.from_numpy(((truth - window.ground) / window.spread).astype(np.float32))
        return pinball(net(torch.from_numpy(window.rows), torch.from_numpy(zones)), off, torch.tensor(LEVELS))


def _slots(history: History, end: datetime) -> Slots:
    """The hours of a record up to ``end``, as far back as there is no gap."""
    until_s = (end - history.intensity.zero).total_seconds()
    past = history.past(until_s, EVER_S)
    slots = Slots.of(past, 0.0, EVER_S) if past else None
    if slots is None or slots.a_day != HOURS_A_DAY:
        message = (
            f"Expected a record of zone {history.zone!r} before {as_time(end)} in steps of an hour or a part of one, "
            f"got steps of {history.step_s:g} s. Choose another file."
        )
        raise SettingsError(message)
    return slots


def _ended(slots: Slots, end: datetime) -> Slots:
    """The days before ``end``."""
    return slots.days(0, max(math.floor((end - slots.begin).total_seconds() / DAY_S), 1))


def _inside(slots: Slots, issues: np.ndarray, span: Span) -> np.ndarray:
    """Whether the forecasts issued before these slots begin and end in a span."""
    first_s, last_s = ((moment - slots.begin).total_seconds() for moment in (span.begin, span.end))
    at_s = issues * slots.slot_s
    inside: np.ndarray = (first_s <= at_s) & (at_s + AHEAD_DAYS * DAY_S <= last_s)
    return inside


def _arrays(net: Transformer) -> dict[str, np.ndarray]:
    return {name: values.detach().numpy().copy() for name, values in net.state_dict().items()}
