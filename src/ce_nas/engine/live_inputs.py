"""What a live search reads before it starts: its benchmark, how networks are trained, and the live grid."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

from ce_nas.core.errors import MissingExtraError, SettingsError
from ce_nas.policies.baselines import VanillaPolicy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ce_nas.benchmarks.base import Benchmark
    from ce_nas.config.schema import Settings
    from ce_nas.core.records import Objective
    from ce_nas.grid.providers.fallback import Extrapolator, FallbackProvider
    from ce_nas.search.base import Searcher
    from ce_nas.training.recipe import Recipe

__all__ = [
    "SearchInputs",
    "build_live_benchmark",
    "build_live_provider",
    "live_grid_metadata",
    "measured_before_training",
    "measures_costs",
    "require_use_of_samples",
    "sampling_limit",
    "training_recipe",
    "trains_supernet",
]


class SearchInputs(Protocol):
    """What is asked here of the inputs of a run, :class:`~ce_nas.engine.inputs.RunInputs`."""

    @property
    def settings(self) -> Settings:
        """The settings."""

    @property
    def user_benchmark(self) -> Benchmark | None:
        """The caller's own benchmark."""

    @property
    def objectives(self) -> Sequence[Objective]:
        """What is optimised."""


def build_live_benchmark(settings: Settings) -> Benchmark:
    """The benchmark of a live search: a user function, or networks on images.

    :raises CeNasError: if the file or the images cannot be used.
    """
    live = settings.live
    if live.evaluate:
        from ce_nas.benchmarks.user_function import UserFunctionFile

        return UserFunctionFile.read(live.evaluate).benchmark
    try:
        import torch  # noqa: F401 - is it there?
    except ImportError as error:
        package, extra, purpose = "torch", "torch", "A live search of the built-in networks"
        raise MissingExtraError(package, extra, purpose) from error
    from ce_nas.training.network_benchmark import NetworkBenchmark
    from ce_nas.training.networks.factory import build_space
    from ce_nas.training.supernet_trainer import require_path_sampling

    if live.supernet:
        require_path_sampling(build_space(live.space), live.path_sampling)
    return NetworkBenchmark(live.data, live.channels, live.cells, training_recipe(settings), live.space)


def training_recipe(settings: Settings) -> Recipe:
    """How the networks of a live search are trained: as stated, else by the size of the images."""
    from ce_nas.training.data.sources import load_images
    from ce_nas.training.recipe import default_recipe

    return settings.live.recipe or default_recipe(min(load_images(settings.live.data).image_shape[1:]))


def trains_supernet(inputs: SearchInputs) -> bool:
    """Whether a supernet scores the networks of a live search."""
    settings = inputs.settings
    return settings.live.supernet and _searches_networks(inputs) and settings.problem.proxy_scores != "none"


def measured_before_training(inputs: SearchInputs) -> frozenset[str]:
    """The objectives that sampling tasks measure as a training does: a network's latency."""
    if not (_searches_networks(inputs) and (trains_supernet(inputs) or inputs.settings.live.latency_samples)):
        return frozenset()
    return frozenset({"latency"} & {objective.name for objective in inputs.objectives})


def measures_costs(inputs: SearchInputs, searcher: Searcher) -> bool:
    """Whether sampling tasks measure latencies without scoring, for a searcher that models the other objectives.

    One that does not would rank the architectures by their latency alone.
    """
    samples = searcher.uses_proxy_scores and inputs.settings.policy.name != VanillaPolicy.name
    return samples and bool(measured_before_training(inputs)) and not trains_supernet(inputs)


def require_use_of_samples(inputs: SearchInputs, searcher: Searcher) -> None:
    """Check that latencies to measure before trainings, where a number of them is stated, are of use to the searcher.

    :raises SettingsError: if it does not learn from them.
    """
    live = inputs.settings.live
    if live.latency_samples in {0, type(live).model_fields["latency_samples"].default} or searcher.uses_proxy_scores:
        return
    if measured_before_training(inputs):
        message = (
            f"The setting live.latency_samples has no effect with the searcher {searcher.name}, which learns from "
            "trainings alone: choose another, such as surrogate, or leave it out."
        )
        raise SettingsError(message)


def sampling_limit(settings: Settings, *, costs_alone: bool) -> int:
    """The most architectures that are sampled before the trainings, for a searcher that learns from it.

    :param costs_alone: whether they are measured without being scored.
    """
    limit = settings.schedule.max_samples
    return min(limit, settings.live.latency_samples) if costs_alone else limit


def _searches_networks(inputs: SearchInputs) -> bool:
    """Whether the built-in networks are trained."""
    live = inputs.settings.live
    return live.enabled and not (live.evaluate or inputs.user_benchmark)


def build_live_provider(settings: Settings, build_extrapolator: Callable[[], Extrapolator]) -> FallbackProvider | None:
    """The provider that the settings name, with its fallbacks; None if they name none.

    :param build_extrapolator: creates the forecast from the last good data.
    :raises SettingsError: if a setting conflicts with a live grid, or a key is not set.
    """
    grid = settings.grid
    if grid.provider is None:
        return None
    for hindrance, words in _find_conflicts(settings).items():
        if hindrance:
            message = f"A live grid ({grid.provider.name}) {words}."
            raise SettingsError(message)
    from ce_nas.core.clock import utc_now
    from ce_nas.grid.providers.fallback_levels import FallbackLevel
    from ce_nas.grid.providers.provider_choice import build_fallback_provider

    return build_fallback_provider(
        grid.provider,
        now=utc_now,
        cache=grid.cache,
        factors=grid.factors,
        reference_zone=grid.reference_zone,
        max_fallback=FallbackLevel(grid.max_fallback),
        extrapolate=build_extrapolator(),
    )


def _find_conflicts(settings: Settings) -> dict[bool, str]:
    """Conflicts of the settings with a live grid, in words; those that hold have the key True."""
    grid, live = settings.grid, settings.live
    found = [
        (not live.enabled, "needs a search on real devices: add --live, or give a trace instead"),
        (grid.zone is None, "needs a zone, as the provider calls it: add --zone"),
        (live.time_scale != 1.0, f"runs in real time: remove time_scale {live.time_scale:g}"),
        (grid.trace is not None, f"and a trace ({grid.trace}) cannot both be the grid: remove one"),
        (bool(settings.site.others), "has one site: remove site.others"),
        (
            not isinstance(settings.prices.electricity_price, float),
            "needs a constant price of electricity: give a number, not a file",
        ),
    ]
    return dict(reversed(found))


def live_grid_metadata(provider: FallbackProvider, zone: str) -> dict[str, Any]:
    """Metadata of a live grid, for the journal, which records its values as they are read."""
    source = provider.provider
    return {
        "zone": zone,
        "synthetic": False,
        "factors": source.factors,
        "signal": source.signal,
        "origin": f"live, {source.name}",
        "step_s": source.step_s,
        "duplicates": 0,
        "gaps": [],
        "notes": [],
        "sha256": None,
        "mix": [],
        "future_covariates_sha256": {},
    }
