"""Errors of carbon-intensity providers.

::

    SettingsError
    └── ZoneError        a zone that a provider does not have; no fallback or other zone replaces it
    TraceError
    └── ProviderError    a failed request to a provider; what the fallback levels are for
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ce_nas.core.errors import SettingsError, TraceError
from ce_nas.core.http import RETRYABLE_FAULTS
from ce_nas.core.retry import RetryableError

if TYPE_CHECKING:
    from ce_nas.core.http import Fault

__all__ = ["ProviderError", "ZoneError"]


class ProviderError(TraceError, RetryableError):
    """A failed request to a carbon-intensity provider."""

    def __init__(self, provider: str, fault: Fault, detail: str, *, retry_after_s: float | None = None) -> None:
        super().__init__(f"Provider {provider!r} {fault}: {detail}")
        self.provider = provider
        self.fault = fault
        self.detail = detail
        self.retryable = fault in RETRYABLE_FAULTS
        self.retry_after_s = retry_after_s


class ZoneError(SettingsError):
    """A zone that a carbon-intensity provider does not have."""
