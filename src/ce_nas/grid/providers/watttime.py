"""WattTime: the marginal operating emissions rate, in steps of 5 minutes.

Documentation: https://docs.watttime.org (version 3)
    ``/login`` (name and password) returns a token for 30 minutes; ``/v3/historical`` (32 days a request) and
    ``/v3/forecast`` (72 hours) of the signal ``co2_moer``, in pounds of CO2 per megawatt-hour; ``meta`` of the
    response states region, signal, units and step, which are checked. The rate is modelled: every value is an estimate.
    Emissions are direct ones. Without a subscription, only CAISO_NORTH is available.
"""

from __future__ import annotations

import base64
import re
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from ce_nas.components.registry import PROVIDERS
from ce_nas.core.http import Fault
from ce_nas.core.units import DAY_S, G_PER_LB, HOUR_S
from ce_nas.grid.providers.base import DataQuality
from ce_nas.grid.providers.credentials import Credentials, Secret, read_key
from ce_nas.grid.providers.network_provider import (
    NetworkProvider,
    ProviderContext,
    extract_rows,
    note_short_forecast,
    split_interval,
    to_api_time,
)
from ce_nas.grid.providers.normalize import (
    AlignedWindow,
    IntensityReading,
    SeriesMetadata,
    normalize_readings,
    parse_number,
    parse_time,
)
from ce_nas.grid.providers.provider_errors import ProviderError, ZoneError
from ce_nas.grid.trace import EmissionFactorType, Signal

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from ce_nas.grid.providers.base import IntensitySeries

__all__ = ["WattTime"]

USERNAME_VARIABLE = "WATTTIME_USERNAME"
PASSWORD_VARIABLE = "WATTTIME_PASSWORD"  # noqa: S105 - name of a variable
SIGNAL_TYPE = "co2_moer"
EXPECTED_UNIT = "lbs_co2_per_mwh"
KWH_PER_MWH = 1000.0
MAX_HORIZON_H = 72
#: a token is valid for 30 minutes; a new one is requested somewhat earlier
TOKEN_LIFETIME = timedelta(minutes=25)

_ZONE_PATTERN = re.compile(r"[A-Z0-9]+(_[A-Z0-9]+)*")


@PROVIDERS.register("watttime")
class WattTime(NetworkProvider):
    """Regions as WattTime calls them, for instance ``CAISO_NORTH``."""

    name = "watttime"
    key_variables = (USERNAME_VARIABLE, PASSWORD_VARIABLE)
    base_url = "https://api.watttime.org"
    supported_factors = (EmissionFactorType.DIRECT,)
    signal = Signal.MARGINAL
    step_s = 300.0
    has_forecasts = True
    max_request_s = 32 * DAY_S

    def __init__(self, context: ProviderContext, factors: EmissionFactorType | None = None) -> None:
        super().__init__(context, factors)
        name, password = (
            read_key(self.name, variable, context.environ) for variable in (USERNAME_VARIABLE, PASSWORD_VARIABLE)
        )
        basic = base64.b64encode(f"{name.reveal()}:{password.reveal()}".encode()).decode()
        login = Credentials(
            headers={"authorization": Secret(f"Basic {basic}")}, extra_secrets=(Secret(basic), name, password)
        )
        self._login_client = self._build_client(lambda: login)
        self._api = self._build_client(self._bearer_credentials)
        self._token: Secret | None = None
        self._token_issued_at: datetime | None = None

    def check_zone(self, zone: str) -> None:
        """See :meth:`CarbonIntensityProvider.check_zone`; only a response shows whether the region exists."""
        if not _ZONE_PATTERN.fullmatch(zone):
            message = f"Expected a region of WattTime such as 'CAISO_NORTH', got {zone!r}."
            raise ZoneError(message)

    def fetch(self, zone: str, start: datetime, end: datetime) -> IntensitySeries:
        """See :meth:`CarbonIntensityProvider.fetch`."""
        self.check_zone(zone)
        metadata, readings = self._metadata(zone), list[IntensityReading]()
        for first, last in split_interval(start, end, self.max_request_s):
            content = self._fetch_content(zone, "historical", {"start": to_api_time(first), "end": to_api_time(last)})
            metadata = self._parse_metadata(zone, content)
            readings += self._parse_readings(metadata, content, DataQuality.ESTIMATED)
        return normalize_readings(metadata, AlignedWindow.covering(start, end, metadata.step_s), readings, self._now())

    def fetch_forecast(self, zone: str, horizon_s: float) -> IntensitySeries:
        """See :meth:`CarbonIntensityProvider.fetch_forecast`; up to 72 hours."""
        self.check_zone(zone)
        hours = min(-int(-horizon_s // HOUR_S), MAX_HORIZON_H)
        content = self._fetch_content(zone, "forecast", {"horizon_hours": str(hours)})
        metadata = self._parse_metadata(zone, content)
        window = self._forecast_window(horizon_s, metadata.step_s)
        issued_at = parse_time(metadata, content["meta"].get("generated_at"))
        readings = self._parse_readings(metadata, content, DataQuality.FORECAST)
        return note_short_forecast(
            normalize_readings(metadata, window, readings, self._now(), issued_at=issued_at), window
        )

    def _parse_readings(
        self, metadata: SeriesMetadata, content: Mapping[str, Any], quality: DataQuality
    ) -> list[IntensityReading]:
        return [
            IntensityReading(
                parse_time(metadata, row.get("point_time")),
                parse_number(metadata, row.get("value")) * G_PER_LB / KWH_PER_MWH,
                quality,
            )
            for row in extract_rows(self.name, content, "data")
        ]

    def _parse_metadata(self, zone: str, content: Mapping[str, Any]) -> SeriesMetadata:
        """Parse the metadata of a response, and reject anything but what was requested."""
        meta = content.get("meta")
        if not isinstance(meta, dict):
            raise ProviderError(self.name, Fault.MALFORMED, "the response has no 'meta'.")
        self._require_zone(zone, meta.get("region"))
        for name, wanted in (("units", EXPECTED_UNIT), ("signal_type", SIGNAL_TYPE)):
            if meta.get(name) != wanted:
                raise ProviderError(
                    self.name, Fault.WRONG_UNITS, f"expected {name} {wanted!r}, got {meta.get(name)!r}."
                )
        step_s = parse_number(self._metadata(zone), meta.get("data_point_period_seconds"))
        if not step_s > 0:
            raise ProviderError(self.name, Fault.MALFORMED, f"expected the length of a step, got {step_s!r}.")
        return self._metadata(zone, step_s, unit_stated=True)

    def _fetch_content(self, zone: str, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        query = {"region": zone, "signal_type": SIGNAL_TYPE, **params}
        try:
            return self._get_authenticated(f"/v3/{path}", query)
        except ProviderError as error:
            if error.fault is Fault.REJECTED and "region" in error.detail.lower():
                message = f"WattTime has no region {zone!r}; look it up at watttime.org."
                raise ZoneError(message) from None
            raise

    def _get_authenticated(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Request with a token; a revoked one is renewed once."""
        had_token = self._has_valid_token()
        try:
            return self._get(path, params)
        except ProviderError as error:
            if error.fault is not Fault.UNAUTHORIZED or not had_token:
                raise
        self._token = None
        return self._get(path, params)

    def _get(self, path: str, params: Mapping[str, str]) -> dict[str, Any]:
        if not self._has_valid_token():
            token = self._login_client.get_json("/login").get("token")
            if not isinstance(token, str) or not (token.isascii() and token.isprintable() and token):
                raise ProviderError(self.name, Fault.MALFORMED, "the response to the login has no token.")
            self._token, self._token_issued_at = Secret(token), self._now()
        return self._api.get_json(path, params)

    def _has_valid_token(self) -> bool:
        return (
            self._token is not None
            and self._token_issued_at is not None
            and self._now() - self._token_issued_at < TOKEN_LIFETIME
        )

    def _bearer_credentials(self) -> Credentials:
        if self._token is None:
            return Credentials()
        return Credentials(
            headers={"authorization": Secret(f"Bearer {self._token.reveal()}")}, extra_secrets=(self._token,)
        )
