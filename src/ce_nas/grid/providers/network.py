"""What the providers on the network have in common: a wire, a clock, and an answer checked for whose it is."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from tenacity import nap

from ce_nas.core.errors import SettingsError
from ce_nas.core.retry import Patience
from ce_nas.core.units import as_duration, as_time
from ce_nas.grid.providers.base import LiveSource, Quality
from ce_nas.grid.providers.errors import Fault, SourceError
from ce_nas.grid.providers.http import Wire
from ce_nas.grid.providers.normalize import Kind, Window

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    import httpx

    from ce_nas.grid.providers.base import LiveSeries
    from ce_nas.grid.providers.credentials import Seal
    from ce_nas.grid.trace import Factors

__all__ = ["Means", "Provider", "chunks", "rows_of", "spell", "with_reach"]


@dataclass(frozen=True, slots=True)
class Means:
    """What a provider is given to work with."""

    #: the moment by the calendar, UTC
    now: Callable[[], datetime]
    #: where the keys are; not shown, and not kept by a source
    environ: Mapping[str, str] = field(repr=False)
    #: what sends; None for the network
    transport: httpx.BaseTransport | None = None
    #: what stands before the documented paths; None for the documented address
    base_url: str | None = None
    patience: Patience = field(default_factory=Patience)
    #: what waits between two requests, in seconds
    sleep: Callable[[float], None] = nap.sleep


class Provider(LiveSource):
    """A live source on the network."""

    #: the documented address
    base_url: str
    #: which emissions it can count, the first where nothing is asked for
    offers: tuple[Factors, ...]
    #: the longest stretch of one request
    longest_s: float

    def __init__(self, means: Means, factors: Factors | None = None) -> None:
        if factors is not None and factors not in self.offers:
            message = (
                f"Live source {self.name!r} has {' and '.join(self.offers)} emissions only, not {factors!s}; leave "
                f"the factors out, or choose another source."
            )
            raise SettingsError(message)
        self.factors = factors or self.offers[0]
        self._means = replace(means, environ={})

    def _wire(self, seal: Callable[[], Seal]) -> Wire:
        return Wire(
            self.name,
            self._means.base_url or self.base_url,
            now=self._now,
            seal=seal,
            transport=self._means.transport,
            patience=self._means.patience,
            sleep=self._means.sleep,
        )

    def _now(self) -> datetime:
        return self._means.now().astimezone(UTC)

    def _kind(self, zone: str, step_s: float | None = None, *, unit_stated: bool = False) -> Kind:
        return Kind(self.name, zone, self.factors, self.signal, step_s or self.step_s, unit_stated=unit_stated)

    def _ahead(self, horizon_s: float, step_s: float | None = None) -> Window:
        """From the present step on, for the horizon."""
        now = self._now()
        return Window.around(now, now + timedelta(seconds=horizon_s), step_s or self.step_s)

    def _require_zone(self, zone: str, got: object) -> None:
        """An answer for another zone is worse than none.

        :raises SourceError: if it is one, or does not say.
        """
        if got is None:
            raise SourceError(
                self.name, Fault.MALFORMED, f"its answer about {zone!r} does not say for which zone it is."
            )
        if got != zone:
            raise SourceError(self.name, Fault.OTHER_ZONE, f"asked for {zone!r}, got {got!r}; it is not used.")


def chunks(start: datetime, end: datetime, longest_s: float) -> Iterator[tuple[datetime, datetime]]:
    """``start`` to ``end`` in stretches that one request may ask for."""
    while start < end:
        stop = min(start + timedelta(seconds=longest_s), end)
        yield start, stop
        start = stop


def rows_of(source: str, content: Mapping[str, Any], *path: str) -> Sequence[Mapping[str, Any]]:
    """The list of objects at a place in a JSON answer.

    :raises SourceError: if there is none.
    """
    found: Any = content
    for name in path:
        found = found.get(name) if isinstance(found, dict) else None
    if not isinstance(found, list) or not all(isinstance(row, dict) for row in found):
        detail = f"expected a list of objects at {'.'.join(path)!r}, found only: {', '.join(map(str, content))[:120]}."
        raise SourceError(source, Fault.MALFORMED, detail)
    return found


def spell(moment: datetime) -> str:
    """A moment the way the APIs take it, to the minute: ``2024-03-31T01:00Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")


def with_reach(series: LiveSeries, wanted: Window) -> LiveSeries:
    """A forecast that says so if it ends before it should, for instance at midnight; it is never stretched."""
    known = [step for step, quality in enumerate(series.qualities) if quality is not Quality.MISSING]
    end = series.start_of(known[-1] + 1) if known else wanted.start
    short_s = (wanted.end - end).total_seconds()
    if short_s <= 0:
        return series
    note = f"The forecast ends at {as_time(end)}, {as_duration(short_s)} short of what was asked for."
    return replace(series, notes=(*series.notes, note))
