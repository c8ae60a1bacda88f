"""WattTime: the marginal operating emissions rate, in steps of 5 minutes.

Documentation: https://docs.watttime.org (version 3)
    ``/login`` (name and password) gives a token of 30 minutes; ``/v3/historical`` (32 days a request) and
    ``/v3/forecast`` (72 hours) of the signal ``co2_moer``, in pounds of CO2 a megawatt-hour; the answer's ``meta``
    says region, signal, units and step, all of which are checked. The rate is modelled: every value is an estimate.
    Emissions are those of the stacks. Without a subscription, only CAISO_NORTH can be read.
"""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ce_nas.core.units import DAY_S, G_PER_LB, HOUR_S
from ce_nas.grid.providers.base import Quality
from ce_nas.grid.providers.credentials import Seal, Secret, read_key
from ce_nas.grid.providers.errors import Fault, SourceError, ZoneError
from ce_nas.grid.providers.network import Means, Provider, chunks, rows_of, spell, with_reach
from ce_nas.grid.providers.normalize import Kind, Reading, Window, moment_of, number_of, regular
from ce_nas.grid.trace import Factors, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ce_nas.grid.providers.base import LiveSeries

__all__ = ["WattTime"]

USERNAME = "WATTTIME_USERNAME"
PASSWORD = "WATTTIME_PASSWORD"  # noqa: S105 - the name of a variable
SIGNAL = "co2_moer"
UNITS = "lbs_co2_per_mwh"
KWH_PER_MWH = 1000.0
LONGEST_HORIZON_H = 72
#: a token is good for 30 minutes; a new one is asked for somewhat earlier
TOKEN_LIFE = timedelta(minutes=25)

_ZONE = re.compile(r"[A-Z0-9]+(_[A-Z0-9]+)*")


class WattTime(Provider):
    """Regions as WattTime calls them, for instance ``CAISO_NORTH``."""

    name = "watttime"
    base_url = "https://api.watttime.org"
    offers = (Factors.DIRECT,)
    signal = Signal.MARGINAL
    step_s = 300.0
    forecasts = True
    longest_s = 32 * DAY_S

    def __init__(self, means: Means, factors: Factors | None = None) -> None:
        super().__init__(means, factors)
        name, password = (read_key(self.name, variable, means.environ) for variable in (USERNAME, PASSWORD))
        basic = base64.b64encode(f"{name.reveal()}:{password.reveal()}".encode()).decode()
        login = Seal(headers={"authorization": Secret(f"Basic {basic}")}, hidden=(Secret(basic), name, password))
        self._login = self._wire(lambda: login)
        self._api = self._wire(self._bearer)
        self._token: Secret | None = None
        self._token_at: datetime | None = None

    def check(self, zone: str) -> None:
        """See :meth:`LiveSource.check`; whether there is such a region, only the answer says."""
        if not _ZONE.fullmatch(zone):
            message = f"Expected a region of WattTime such as 'CAISO_NORTH', got {zone!r}."
            raise ZoneError(message)

    def fetch(self, zone: str, start: datetime, end: datetime) -> LiveSeries:
        """See :meth:`LiveSource.fetch`."""
        self.check(zone)
        kind, readings = self._kind(zone), list[Reading]()
        for first, last in chunks(start, end, self.longest_s):
            content = self._content(zone, "historical", {"start": spell(first), "end": spell(last)})
            kind = self._kind_of(zone, content)
            readings += self._readings(kind, content, Quality.ESTIMATED)
        return regular(kind, Window.around(start, end, kind.step_s), readings, self._now())

    def forecast(self, zone: str, horizon_s: float) -> LiveSeries:
        """See :meth:`LiveSource.forecast`; up to 72 hours."""
        self.check(zone)
        hours = min(-int(-horizon_s // HOUR_S), LONGEST_HORIZON_H)
        content = self._content(zone, "forecast", {"horizon_hours": str(hours)})
        kind = self._kind_of(zone, content)
        window = self._ahead(horizon_s, kind.step_s)
        issued_at = moment_of(kind, content["meta"].get("generated_at"))
        readings = self._readings(kind, content, Quality.FORECAST)
        return with_reach(regular(kind, window, readings, self._now(), issued_at=issued_at), window)

    def _readings(self, kind: Kind, content: Mapping[str, Any], quality: Quality) -> list[Reading]:
        return [
            Reading(
                moment_of(kind, row.get("point_time")),
                number_of(kind, row.get("value")) * G_PER_LB / KWH_PER_MWH,
                quality,
            )
            for row in rows_of(self.name, content, "data")
        ]

    def _kind_of(self, zone: str, content: Mapping[str, Any]) -> Kind:
        """What the answer says it is; anything but what was asked for is refused."""
        meta = content.get("meta")
        if not isinstance(meta, dict):
            raise SourceError(self.name, Fault.MALFORMED, "the answer does not say what it is (no 'meta').")
        self._require_zone(zone, meta.get("region"))
        for name, wanted in (("units", UNITS), ("signal_type", SIGNAL)):
            if meta.get(name) != wanted:
                raise SourceError(self.name, Fault.UNITS, f"expected {name} {wanted!r}, got {meta.get(name)!r}.")
        step_s = number_of(self._kind(zone), meta.get("data_point_period_seconds"))
        if not step_s > 0:
            raise SourceError(self.name, Fault.MALFORMED, f"expected the length of a step, got {step_s!r}.")
        return self._kind(zone, step_s, unit_stated=True)

    def _content(self, zone: str, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        asked = {"region": zone, "signal_type": SIGNAL, **params}
        try:
            return self._with_token(f"/v3/{path}", asked)
        except SourceError as error:
            if error.fault is Fault.DECLINED and "region" in error.detail.lower():
                message = f"WattTime has no region {zone!r}; look it up at watttime.org."
                raise ZoneError(message) from None
            raise

    def _with_token(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Ask with a token; one that has been revoked is renewed once."""
        had_token = self._has_token()
        try:
            return self._ask(path, params)
        except SourceError as error:
            if error.fault is not Fault.REFUSED or not had_token:
                raise
        self._token = None
        return self._ask(path, params)

    def _ask(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        if not self._has_token():
            token = self._login.get_json("/login").get("token")
            if not isinstance(token, str) or not (token.isascii() and token.isprintable() and token):
                raise SourceError(self.name, Fault.MALFORMED, "the answer to the login holds no token.")
            self._token, self._token_at = Secret(token), self._now()
        return self._api.get_json(path, params)

    def _has_token(self) -> bool:
        return self._token is not None and self._token_at is not None and self._now() - self._token_at < TOKEN_LIFE

    def _bearer(self) -> Seal:
        if self._token is None:
            return Seal()
        return Seal(headers={"authorization": Secret(f"Bearer {self._token.reveal()}")}, hidden=(self._token,))
