"""Inputs that have changed since a run began: named, and accepted only where the user says so.

A run records a digest of each input in its first entry. On resume the digests are computed again. A changed input ends
the resumption, or, accepted, becomes an entry of kind :data:`INPUT_CHANGED` in the journal. What has happened already
is never altered: the replay must still equal the journal, so an accepted change matters from there on alone.
"""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas.config.recorded_settings import complete_recorded
from ce_nas.core.errors import ReplayError
from ce_nas.engine.warm_start_inputs import list_warm_starts
from ce_nas.store.journal import INPUT_CHANGED
from ce_nas.store.resumption import GIVEN_OBJECTS, describe_resumption

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ce_nas.energy.power_lever import PowerSettings
    from ce_nas.engine.inputs import RunInputs
    from ce_nas.store.journal import JournalEntry, SqliteJournal

__all__ = [
    "ABSENT",
    "accepted_digests",
    "check_resume",
    "find_changes",
    "input_digests",
]

#: the digest of an input that is not there
ABSENT = "none"
#: the input of a search whose trainings are the caller's
SEARCH_SPACE = "the search space"


def input_digests(inputs: RunInputs, forecaster_sha256: str | None) -> dict[str, str]:
    """What a run reads, in words, and the SHA-256 of its content, in hexadecimal.

    Of a trace and of a table the values as read count: the same values in another layout are the same input. Code
    counts by its text, other files by their bytes, a folder of images by the names and sizes of its files.

    :param forecaster_sha256: that of the fitted forecaster's files; None for a forecaster without files.
    """
    settings, benchmark = inputs.settings, inputs.benchmark
    digests = {_name_benchmark(inputs): benchmark.fingerprint}
    has_own_code = settings.live.evaluate or inputs.user_benchmark
    if settings.live.enabled and not has_own_code and settings.live.data != "digits":
        digests[f"the images {settings.live.data}"] = _digest_path(Path(settings.live.data))
    if scores := inputs.proxy_scores:
        digests[f"the proxy scores {settings.problem.proxy_scores or 'of the package'}"] = scores.fingerprint
    if inputs.provider is None:
        digests |= _grid_digests(inputs, "")
        for other, there in zip(settings.site.others, inputs.other_sites, strict=True):
            digests |= _grid_digests(there, f" of the site {other.name}")
    for source in list_warm_starts(settings):
        digests[f"the warm start {source}"] = inputs.earlier_trainings.digest(source)
    digests |= _power_digests(settings.power)
    digests[f"the fitted forecaster of zone {inputs.zone}"] = forecaster_sha256 or ABSENT
    if path := getattr(settings.policy, "file", None):
        digests[f"the learned policy {path.name}"] = _digest_path(path)
    return digests


def accepted_digests(entries: Sequence[JournalEntry]) -> dict[str, str]:
    """The digests that a run continues with: those of its start, and the changes that were accepted since."""
    digests: dict[str, str] = dict(entries[0].content.get("inputs", {}))
    for entry in entries:
        if entry.kind == INPUT_CHANGED:
            digests |= {change["input"]: change["after"] for change in entry.content["changes"]}
    return digests


def find_changes(expected: Mapping[str, str], found: Mapping[str, str]) -> list[dict[str, str]]:
    """Each input whose digest differs, with the digest before and after."""
    names = [*found, *(name for name in expected if name not in found)]
    pairs = {name: (expected.get(name, ABSENT), found.get(name, ABSENT)) for name in names}
    return [
        {"input": name, "before": before, "after": after} for name, (before, after) in pairs.items() if before != after
    ]


def check_resume(
    journal: SqliteJournal, start: dict[str, Any], run: Path, *, accept_changes: bool = False
) -> dict[str, Any]:
    """The first entry with which a run is started or resumed, once the inputs are those of the run.

    :param start: the first entry as it would be written now.
    :param run: the run's folder, for the error.
    :param accept_changes: continue with inputs that have changed; the journal then records them.
    :raises ReplayError: if an input has changed, or this is another search than the one that began.
    """
    recorded = journal.recorded
    if not recorded:
        return start
    header: dict[str, Any] = recorded[0].content
    if "inputs" not in header:  # of a journal that has no digests
        return {name: value for name, value in start.items() if name not in {"inputs", GIVEN_OBJECTS}}
    changes = find_changes(accepted_digests(recorded), start["inputs"])
    has_new_model = any(
        change["input"].startswith("the fitted forecaster")
        for change in find_changes(header["inputs"], start["inputs"])
    )
    _require_same_search(
        header, start, ("policy", "searcher") if has_new_model else ("policy", "searcher", "forecaster")
    )
    if any(change["input"] == SEARCH_SPACE for change in changes):
        message = "The search space has changed since the run began: state the old one, or start a new run."
        raise ReplayError(message)
    if changes and not accept_changes:
        names, have = _describe_changes(changes), "has" if len(changes) == 1 else "have"
        message = (
            f"{names[:1].upper()}{names[1:]} {have} changed since the run began: restore the old content, or accept "
            f"the new one and go on {describe_resumption(run, header, accept_changes=True)}"
        )
        raise ReplayError(message)
    if changes:
        journal.accept_change({"changes": changes}, _describe_changes(changes))
    return header


def _describe_changes(changes: Sequence[Mapping[str, str]]) -> str:
    """The changed inputs in words, as the subject of a sentence."""
    names = [change["input"] for change in changes]
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def _require_same_search(recorded: Mapping[str, Any], resumed: Mapping[str, Any], parts: Sequence[str]) -> None:
    """Refuse to resume with another version, other settings or other components than a run began with.

    :param parts: the components whose names are compared.
    :raises ReplayError: if one differs; it names it.
    """
    if recorded["version"] != resumed["version"]:
        message = (
            f"Expected ce-nas {recorded['version']}, with which the run began, got {resumed['version']}: resume with "
            "that version, or start a new run."
        )
        raise ReplayError(message)
    before, after = (dict(_flatten(complete_recorded(one["settings"]))) for one in (recorded, resumed))
    before |= {f"the {part}": recorded[part] for part in parts}
    after |= {f"the {part}": resumed[part] for part in parts}
    for name in [*before, *(name for name in after if name not in before)]:
        if before.get(name) != after.get(name):
            message = (
                f"Expected {name} = {before.get(name)!r}, with which the run began, got {after.get(name)!r}: resume "
                "with the same, or start a new run."
            )
            raise ReplayError(message)


def _name_benchmark(inputs: RunInputs) -> str:
    settings = inputs.settings
    if inputs.user_benchmark:
        return SEARCH_SPACE
    if settings.live.enabled:
        return f"the code {settings.live.evaluate.name}" if settings.live.evaluate else "the networks"
    table = settings.problem.table
    return f"the table {table.name}" if table else f"the benchmark {settings.problem.name}"


def _grid_digests(inputs: RunInputs, where: str) -> dict[str, str]:
    """The digests of a site's trace, weather and prices."""
    grid, prices = inputs.settings.grid, inputs.settings.prices
    name = f"the trace {grid.trace.name}" if grid.trace else f"the carbon intensity of zone {inputs.trace.zone}"
    digests = {f"{name}{where}": inputs.trace.fingerprint}
    if grid.weather:
        digests[f"the weather {grid.weather.name}{where}"] = _digest_path(grid.weather)
    if not isinstance(prices.electricity_price, float):
        digests[f"the prices {prices.electricity_price.name}{where}"] = _digest_path(prices.electricity_price)
    return digests


def _power_digests(power: PowerSettings) -> dict[str, str]:
    """The digests of the files of a power profile and of a power cap, where there are such."""
    digests = {}
    if power.is_used and Path(power.profile).suffix:
        digests[f"the power profile {Path(power.profile).name}"] = _digest_path(Path(power.profile))
    if power.cap:
        digests[f"the power cap {power.cap.name}"] = _digest_path(power.cap)
    return digests


def _digest_path(path: Path) -> str:
    """SHA-256 of a file's bytes, or of the names and sizes of a folder's files."""
    if path.is_file():
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    if not path.is_dir():
        return ABSENT
    listed = sorted((str(one.relative_to(path)), one.stat().st_size) for one in path.rglob("*") if one.is_file())
    return hashlib.sha256(repr(listed).encode()).hexdigest()


def _flatten(settings: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    flat = []
    for name, value in settings.items():
        flat += _flatten(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return flat
