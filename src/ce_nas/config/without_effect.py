"""Options that have no effect in the case at hand are refused, so that no request is silently ignored.

One table says what each option needs; an option counts as stated where its value is not the default.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ce_nas.components.registry import SEARCHERS
from ce_nas.core.errors import SettingsError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ce_nas.components.quantities import SettingsSection
    from ce_nas.config.flags import Flag

__all__ = ["require_effect"]

#: :class:`ce_nas.config.schema.Settings`, which imports this module
_Settings = Any


def _has_price(settings: _Settings) -> bool:
    home = settings.prices.electricity_price or settings.prices.gpu_hour_price
    return bool(home) or any(other.electricity_price or other.gpu_hour_price for other in settings.site.others)


def _has_gpu_price(settings: _Settings) -> bool:
    return bool(settings.prices.gpu_hour_price) or any(other.gpu_hour_price for other in settings.site.others)


def _has_known_searcher(settings: _Settings) -> bool:
    """Whether the searcher's class states what a policy can plan with; a function that builds one may."""
    from ce_nas.search.base import Searcher

    factory = SEARCHERS.get(settings.searcher.name).factory
    known = ("parallel_loss", "usual_trainings")
    return not isinstance(factory, type) or any(
        getattr(factory, name, getattr(Searcher, name)) != getattr(Searcher, name) for name in known
    )


@dataclass(frozen=True, slots=True)
class _Need:
    """What some options of a section need for an effect."""

    section: str
    #: empty: all options of the section
    options: tuple[str, ...]
    is_met: Callable[[_Settings], Any]
    #: in words, with the way out
    words: str


_NEEDS = (
    _Need("live", (), lambda s: s.live.enabled, "a search on real devices: add --live"),
    _Need(
        "live",
        ("latency_runtime", "latency_samples"),
        lambda s: any(text.startswith("latency") for text in s.problem.objectives),
        "the objective latency: add it to problem.objectives",
    ),
    _Need(
        "live",
        ("latency_samples",),
        lambda s: not s.live.evaluate,
        "the built-in networks, whose latency alone is measured: remove --evaluate",
    ),
    _Need(
        "live",
        ("latency_samples",),
        lambda s: not s.live.supernet or s.problem.proxy_scores == "none",
        "measurements apart from scores, with which a supernet takes them: state supernet = false",
    ),
    _Need(
        "live",
        ("latency_samples",),
        # with 0 the surrogate takes latencies for known by trainings alone, under any policy
        lambda s: s.policy.name != "vanilla" or not s.live.latency_samples,
        "a policy that samples: choose another than vanilla",
    ),
    _Need(
        "live",
        ("early_stopping",),
        lambda s: s.live.evaluate or "caller" in s.live.devices,
        "a training function of your own: add --evaluate FILE",
    ),
    _Need(
        "policy",
        ("plan_for_searcher",),
        _has_known_searcher,
        "a searcher whose parallel_loss or usual_trainings is known: add --searcher surrogate",
    ),
    _Need("final", (), lambda s: s.final.enabled, "final.enabled = true"),
    _Need(
        "final",
        ("enabled",),
        lambda s: s.live.enabled and not s.live.evaluate and not s.grid.provider,
        "a search of networks on real devices, by a trace or a built-in zone: add --live, without --evaluate and "
        "--provider",
    ),
    _Need(
        "searcher",
        ("short_trainings",),
        lambda s: s.searcher.initial_fidelity,
        "the length of a short training: add searcher.initial_fidelity",
    ),
    _Need(
        "searcher",
        ("promotion_rate",),
        lambda s: s.searcher.initial_fidelity and not getattr(s.searcher, "short_trainings", None),
        "successive halving: add searcher.initial_fidelity, and no searcher.short_trainings",
    ),
    _Need("budget", ("cost",), _has_price, "a price: add --electricity-price or --gpu-hour-price"),
    _Need("budget", ("accounting",), lambda s: s.budget.carbon, "a carbon budget: add --carbon-budget"),
    _Need(
        "prices",
        ("price_column", "price_unit", "time_column", "timezone"),
        lambda s: not isinstance(s.prices.electricity_price, float),
        "a file of prices: add --electricity-price FILE",
    ),
    _Need("prices", ("billing_period",), _has_gpu_price, "a price of GPUs: add --gpu-hour-price"),
    _Need(
        "grid",
        ("unit", "intensity_column"),
        lambda s: s.grid.trace,
        "a file of carbon intensity: add --trace FILE",
    ),
    _Need(
        "grid",
        ("weather_zone", "weather_offset"),
        lambda s: s.grid.weather,
        "a file of weather: add --weather FILE",
    ),
    _Need(
        "grid",
        ("cache", "reference_zone", "max_fallback", "fail_when_unavailable"),
        lambda s: s.grid.provider,
        "a provider of live carbon intensity: add --provider",
    ),
    _Need(
        "power",
        ("profile", "gpu_share"),
        lambda s: s.power.is_used,
        "the lever or a power cap: add --power-lever or --power-cap FILE",
    ),
    _Need("power", ("max_slowdown",), lambda s: s.power.lever, "the lever: add --power-lever"),
    _Need("power", ("cap_signal",), lambda s: s.live.enabled, "a search on real devices: add --live"),
    _Need("power", ("cap_poll",), lambda s: s.power.cap_signal, "power.cap_signal: state the file"),
    _Need("power", ("cap_notice",), lambda s: s.power.cap, "a power cap: add --power-cap FILE"),
    _Need(
        "site",
        ("move_time", "move_energy_j", "cost_weight"),
        lambda s: s.site.others,
        "another site: add --sites, or [[site.others]]",
    ),
)


def require_effect(settings: _Settings, list_flags: Callable[[], Mapping[str, Flag]]) -> None:
    """Check that every stated option has an effect.

    :param list_flags: the flags of the command line by name, listed only for a message.

    :raises SettingsError: for the first that has none, with what it needs.
    """
    for need in _NEEDS:
        stated = _stated(getattr(settings, need.section))
        option = next((option for option in stated if option in need.options or not need.options), None)
        if option and not need.is_met(settings):
            name = _spelling(need.section, option, list_flags())
            message = f"{name} has no effect without {need.words}, or leave it out."
            raise SettingsError(message)


def _stated(part: SettingsSection) -> Iterator[str]:
    """The options of a section whose value is not the default."""
    for name, field in type(part).model_fields.items():
        if getattr(part, name) != field.get_default(call_default_factory=True):
            yield name


def _spelling(section: str, option: str, flags: Mapping[str, Flag]) -> str:
    """The option as a flag of the command line where it is one, else as a key of the file."""
    names = [flag.name for flag in flags.values() if flag.path[:2] == (section, option)]
    return f"--{names[0].replace('_', '-')} ({section}.{option})" if names else f"The setting {section}.{option}"
