"""The carbon intensity of a live search: input of the decisions and of the ledger.

The provider is queried once per decision. Its response is appended to the event log before it is used, so that a
resumed run replays it, and its new or changed values are written to the journal. The ledger uses the best value known
at the time; once the provider publishes another one, the ledger is revised, with a journal entry of its own. While the
provider is unavailable, the last known values are repeated hour by hour, which is written to the journal, too.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.units import DAY_S
from ce_nas.energy.live_ledger import StepShare
from ce_nas.forecast.base import Forecaster, ForecastInput
from ce_nas.forecast.history import ZoneHistory
from ce_nas.forecast.live_history import LiveHistory
from ce_nas.forecast.published_forecasts import ForecastJudge, PublishedForecast
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.provider_errors import ProviderError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.cluster.replay_clock import ReplayableClock
    from ce_nas.core.records import Forecast
    from ce_nas.energy.live_ledger import LiveLedger
    from ce_nas.grid.providers.fallback import FallbackProvider
    from ce_nas.grid.providers.fallback_levels import FallbackEvent
    from ce_nas.store.event_log import EventLog
    from ce_nas.store.journal import Journal

__all__ = ["LiveIntensity", "ProviderForecaster"]

#: qualities of values published by the provider for past steps
_PROVIDER_QUALITIES = {DataQuality.MEASURED, DataQuality.ESTIMATED, DataQuality.UNSTATED}
#: quality of a substitute: the value one day before, if there is one, else the last value
_LAST_KNOWN = "last-known"
#: length of the past that is read again for revised values, s
_REVISION_WINDOW_S = 3 * DAY_S
#: mean of a forecast, g CO2eq/kWh, below which its quantiles are shifted with the mean instead of scaled with it
_NEAR_ZERO_G_PER_KWH = 1.0


@dataclass(slots=True)
class _KnownIntensity:
    """The known carbon intensity of a zone, by start of the step."""

    step_s: float
    #: intensity, g CO2eq/kWh, and quality
    values: dict[datetime, tuple[float, str]] = field(default_factory=dict)
    #: the provider's forecast as of the last query for one; None if it had none then
    forecast: PublishedForecast | None = None

    def floor_to_step(self, moment: datetime) -> datetime:
        """Return the start of the step of a moment."""
        return datetime.fromtimestamp(math.floor(moment.timestamp() / self.step_s) * self.step_s, moment.tzinfo)

    def value_at(self, step: datetime) -> float:
        """Return the best known value of a step: published, forecast, one day before, or the last; g CO2eq/kWh."""
        if step in self.values:
            return self.values[step][0]
        forecast = self.forecast.value_at(step) if self.forecast else None
        if forecast is not None:
            return forecast
        day_before = step - timedelta(seconds=DAY_S)
        if day_before in self.values:
            return self.values[day_before][0]
        return self.values[max(self.values)][0]


class LiveIntensity(ZoneHistory):
    """The live carbon intensity as the history of a zone, and as the intensity of the ledger.

    :param provider: the provider with its fallbacks.
    :param zone: the zone, as named by the provider.
    :param clock: the clock of the run; must agree with the date and time of the provider.
    :param event_log: records the responses of the provider, and replays them.
    :param journal: gets the values read and the fallbacks used.
    :param fail_when_unavailable: raise if all fallbacks fail, instead of repeating the last known values.
    """

    def __init__(  # noqa: PLR0913 - the provider, and the records of the run
        self,
        provider: FallbackProvider,
        zone: str,
        clock: ReplayableClock,
        event_log: EventLog,
        journal: Journal,
        *,
        fail_when_unavailable: bool = False,
    ) -> None:
        self._provider = provider
        self._zone = zone
        self._clock = clock
        self._event_log = event_log
        self._journal = journal
        self._fail_when_unavailable = fail_when_unavailable
        self._known = _KnownIntensity(provider.provider.step_s)
        self.step_s = self._known.step_s
        self._last_read: tuple[float, datetime] | None = None
        self._past_steps = 0
        self._ledger: LiveLedger | None = None
        self._journaled_fallbacks: set[tuple[str, str, str]] = set()

    def attach_ledger(self, ledger: LiveLedger) -> None:
        """Revise this ledger when the intensity of a past step changes."""
        self._ledger = ledger

    def inputs_at(self, now_s: float, lookback_s: float, horizon_s: float = 0.0) -> ForecastInput | None:
        """See :meth:`ZoneHistory.inputs_at`; the provider is queried once per time.

        :raises ProviderError: if the provider is unavailable and no value may be substituted.
        """
        if self._last_read is None or self._last_read[0] < now_s:
            self._refresh(now_s, lookback_s, horizon_s)
            self._revise_ledger("carbon_revised")
        assert self._last_read is not None  # noqa: S101 - set by the refresh
        end = self._known.floor_to_step(self._last_read[1])
        steps = [end - timedelta(seconds=self.step_s * offset) for offset in range(self._past_steps, 0, -1)]
        values = np.array([self._known.value_at(step) for step in steps])
        return ForecastInput(values, self.step_s, self._to_run_seconds(end), end, self._zone) if len(values) else None

    def settle(self, now_s: float, *, reread: bool) -> None:
        """Query the provider after the end of the run, and revise the ledger.

        :param reread: query also if all values were published at the last query.
        """
        while (recorded := self._event_log.peek) is not None and recorded.kind == "provider_response":
            self._refresh(now_s, _REVISION_WINDOW_S, 0.0)
            self._revise_ledger("carbon_settled")
        if reread or self._ledger is None or self._ledger.is_provisional:
            self._refresh(now_s, _REVISION_WINDOW_S, 0.0)
            self._revise_ledger("carbon_settled")

    def mean(self, start_s: float, end_s: float) -> float:
        """Return the mean between two times of the run, s, by current knowledge, in g CO2eq/kWh."""
        return sum(part.share * part.g_per_kwh for part in self.split_by_step(start_s, end_s))

    def split_by_step(self, start_s: float, end_s: float) -> Sequence[StepShare]:
        """Split an interval of the run by the steps of the grid; one step for equal times."""
        start, end = self._to_datetime(start_s), self._to_datetime(end_s)
        parts: list[StepShare] = []
        step = self._known.floor_to_step(start)
        while step < end or not parts:
            step_end = step + timedelta(seconds=self.step_s)
            overlap_s = (min(step_end, end) - max(step, start)).total_seconds()
            share = overlap_s / (end - start).total_seconds() if end > start else 1.0
            parts.append(StepShare(step, share, self._known.value_at(step)))
            step = step_end
        return parts

    def intensity_at(self, step_start: datetime) -> float:
        """Return the best known value of a step, g CO2eq/kWh."""
        return self._known.value_at(step_start)

    def is_published(self, step_start: datetime) -> bool:
        """Tell whether the provider has published the value of a step."""
        return step_start in self._known.values and self._known.values[step_start][1] in _PROVIDER_QUALITIES

    def published_intensity(self, step_start: datetime) -> float | None:
        """Return the value that the provider has published of a past step, g CO2eq/kWh; None if there is none yet."""
        return self._known.values[step_start][0] if self.is_published(step_start) else None

    @property
    def provider_forecast(self) -> PublishedForecast | None:
        """The forecast of the provider as of the last query for one; None if it had none then."""
        return self._known.forecast

    @property
    def forecast_source(self) -> str | None:
        """Name of the provider's forecasts; None if it publishes none."""
        provider = self._provider.provider
        return f"published by {provider.name}" if provider.has_forecasts else None

    def _to_datetime(self, at_s: float) -> datetime:
        """Convert a time of the run to date and time; interruptions of the run do not count in its seconds."""
        assert self._last_read is not None  # noqa: S101 - a decision precedes the first reading
        reference_s, reference = self._last_read
        live_since = self._clock.live_since
        if live_since is not None and live_since[0] >= reference_s:
            reference_s, reference = live_since
        return reference + timedelta(seconds=at_s - reference_s)

    def _to_run_seconds(self, moment: datetime) -> float:
        assert self._last_read is not None  # noqa: S101 - used after a refresh
        return self._last_read[0] + (moment - self._last_read[1]).total_seconds()

    def _refresh(self, now_s: float, lookback_s: float, ahead_s: float) -> None:
        """Query the provider, or replay its logged response, and apply the response."""
        recorded = self._event_log.pop("provider_response")
        if recorded is None:
            content = self._query_provider(now_s, lookback_s, ahead_s)
            self._event_log.append("provider_response", now_s, content)
        else:
            content = recorded.content
        self._apply_response(content, now_s)

    def _query_provider(self, now_s: float, lookback_s: float, ahead_s: float) -> dict[str, Any]:
        """Query the provider; returns new values of the past and its forecast as JSON values."""
        now, wants_forecast = self._provider.now(), ahead_s > 0
        fallbacks: list[FallbackEvent] = []
        forecast_fallbacks: list[FallbackEvent] = []
        content: dict[str, Any] = {
            "now": now.isoformat(),
            "steps": self._past_steps,
            "values": [],
            "wants_forecast": wants_forecast,
            "ahead": None,
        }
        try:
            history = LiveHistory(self._provider, self._zone, now - timedelta(seconds=now_s), fallbacks.append)
            past = history.inputs_at(now_s, max(lookback_s, _REVISION_WINDOW_S))
            published = (
                self._provider.fetch_published_forecast(self._zone, ahead_s, forecast_fallbacks.append)
                if wants_forecast
                else None
            )
        except ProviderError as error:
            if self._fail_when_unavailable or not self._known.values:
                raise
            events = [event.to_dict() for event in fallbacks]
            return {**content, "step_s": self.step_s, "fallbacks": events, "error": str(error)}
        if past is not None:
            content |= {"steps": len(past.intensity_g_per_kwh), "values": self._changed_values(past, history)}
        if published is not None and published.trace.step_s == history.step_s:
            values = [None if math.isnan(value) else round(value, 3) for value in published.trace.g_per_kwh.tolist()]
            content["ahead"] = [published.trace.start.isoformat(), values, (published.issued_at or now).isoformat()]
            fallbacks += forecast_fallbacks
        events = [event.to_dict() for event in fallbacks]
        return {**content, "step_s": history.step_s, "fallbacks": events, "error": None}

    def _changed_values(self, past: ForecastInput, history: LiveHistory) -> list[tuple[str, float, str]]:
        """Return the steps with a new value or quality: start, g CO2eq/kWh, quality."""
        changed, known = [], self._known.values if history.step_s == self.step_s else {}
        first = past.end - timedelta(seconds=past.step_s * len(past.intensity_g_per_kwh))
        for index, value in enumerate(past.intensity_g_per_kwh.tolist()):
            step = first + timedelta(seconds=past.step_s * index)
            entry = (value, str(history.quality(step)))
            if known.get(step) != entry:
                changed.append((step.isoformat(), *entry))
        return changed

    def _apply_response(self, content: dict[str, Any], now_s: float) -> None:
        if content["step_s"] != self.step_s:
            self._known, self.step_s = _KnownIntensity(content["step_s"]), content["step_s"]
        now = datetime.fromisoformat(content["now"])
        self._last_read = (now_s, now)
        self._past_steps = content["steps"]
        for text, value, quality in content["values"]:
            self._known.values[datetime.fromisoformat(text)] = (value, quality)
        if content.get("wants_forecast", False):  # absent in logs of earlier versions, which kept an earlier forecast
            self._known.forecast = None
        if content["ahead"] is not None:
            start, values, *issued = content["ahead"]
            self._known.forecast = PublishedForecast(
                issued_at=datetime.fromisoformat(issued[0]) if issued else now,  # absent in logs of earlier versions
                start=datetime.fromisoformat(start),
                step_s=self.step_s,
                g_per_kwh=np.array(values, dtype=float),  # None is NaN
            )
        if content["error"] is not None:
            self._carry_forward(now)
        self._journal_response(content, now_s)

    def _carry_forward(self, now: datetime) -> None:
        """Substitute the last known values up to the current step."""
        step, end = max(self._known.values) + timedelta(seconds=self.step_s), self._known.floor_to_step(now)
        while step < end:
            self._known.values[step] = (self._known.value_at(step), _LAST_KNOWN)
            self._past_steps += 1
            step += timedelta(seconds=self.step_s)

    def _journal_response(self, content: dict[str, Any], now_s: float) -> None:
        """Write the values read, each new fallback and an error to the journal."""
        for fallback in content["fallbacks"]:
            key = (fallback["level"], fallback["start"], fallback["end"])
            if key not in self._journaled_fallbacks:
                self._journaled_fallbacks.add(key)
                self._journal.append("fallback_used", now_s, fallback)
        read = {name: content[name] for name in ("now", "values", "ahead", "error")}
        self._journal.append("intensity_read", now_s, read)

    def _revise_ledger(self, kind: str) -> None:
        if self._ledger is None or self._last_read is None:
            return
        revision = self._ledger.revise()
        if revision is not None or kind == "carbon_settled":
            content = {
                "steps": revision.steps if revision else [],
                "carbon_g": revision.carbon_g if revision else {},
                "paper_carbon_g": revision.paper_carbon_g if revision else 0.0,
                "provisional_g": self._ledger.provisional_carbon_g,
            }
            self._journal.append(kind, self._last_read[0], content)


class ProviderForecaster(Forecaster):
    """Another forecaster with the provider's own forecast as a member, weighed by the errors of both so far.

    Where the provider has no forecast, or beyond its end, the other forecaster's remains. The quantiles are the other
    forecaster's, and move with the mean: in proportion, or by the same amount where the other's mean is near zero.

    :param intensity: the live intensity with the forecast of the provider.
    :param other: the other forecaster.
    """

    def __init__(self, intensity: LiveIntensity, other: Forecaster) -> None:
        source = intensity.forecast_source
        self.name = other.name if source is None else f"{other.name} with the provider's forecast"
        self.lookback_s = other.lookback_s
        self.min_history_s = other.min_history_s
        self._intensity = intensity
        self._other = other
        self._source = source
        self._judge = ForecastJudge(intensity.step_s)

    def predict(self, inputs: ForecastInput, horizon_s: float) -> Forecast:
        """See :meth:`Forecaster.predict`."""
        other, published = self._other.predict(inputs, horizon_s), self._intensity.provider_forecast
        if self._source is None or published is None:
            return other
        if self._judge.step_s != inputs.step_s:
            self._judge = ForecastJudge(inputs.step_s)
        own = published.values_from(inputs.end, len(other.mean_g_per_kwh))
        combined = self._judge.combine(inputs.end, other.mean_g_per_kwh, own, self._intensity.published_intensity)
        share, others = float(combined.weights.mean()), other.members or {self._other.name: 1.0}
        members = {name: round((1 - share) * weight, 3) for name, weight in others.items()}
        return replace(
            other,
            forecaster=self.name,
            mean_g_per_kwh=combined.g_per_kwh,
            quantiles_g_per_kwh=_move_quantiles(other.quantiles_g_per_kwh, other.mean_g_per_kwh, combined.g_per_kwh),
            members=members | {self._source: round(share, 3)},
            rolling_error_pct=other.rolling_error_pct if combined.error_pct is None else combined.error_pct,
        )


def _move_quantiles(
    quantiles: Mapping[float, np.ndarray], mean: np.ndarray, new_mean: np.ndarray
) -> dict[float, np.ndarray]:
    """Return the quantiles of a forecast after its mean has changed, g CO2eq/kWh; unchanged where the mean is."""
    is_near_zero, difference = mean < _NEAR_ZERO_G_PER_KWH, new_mean - mean
    factors = new_mean / np.maximum(mean, _NEAR_ZERO_G_PER_KWH)
    return {
        level: np.where(is_near_zero, np.maximum(values + difference, 0.0), values * factors)
        for level, values in quantiles.items()
    }
