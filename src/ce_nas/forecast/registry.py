"""Which forecaster is taken, and why: one of a name, a fitted model's file, or whichever there is for the zone.

A model's files are ``NAME.json``, with ``NAME.npz`` for its weights, and ``NAME.calibration.json`` where its quantiles
were calibrated. A forecaster that needs no training has such files too once it is calibrated. The parts of a blend
stand beside it as ``NAME.part0.json``, ``NAME.part1.json`` and so on, but for those that need no training.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import ModelError, SettingsError, one_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from hashlib import _Hash as Hash

    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.conformal import Calibration

__all__ = ["AUTO", "DEFAULT", "Choice", "choose", "load", "model_path", "named", "save"]

#: the name that stands for: a model fitted for the zone where there is one, else :data:`DEFAULT`
AUTO = "auto"
#: what is taken where nothing was fitted
DEFAULT = "damped-profile"
#: the kind of a model that is made of others
BLEND = "blend"
#: how the name of a model's file ends
SUFFIX = ".json"


@dataclass(frozen=True, slots=True)
class Choice:
    """A forecaster, and why it was taken."""

    forecaster: Forecaster
    #: as the end of a sentence; of no file's place, so that the same run says the same everywhere
    reason: str
    #: SHA-256 of the model's files, in hexadecimal; None for a forecaster without any
    sha256: str | None = None


def choose(wanted: str, zone: str, folder: Path) -> Choice:
    """The forecaster that ``wanted`` stands for.

    :param wanted: a name, a model's file that ends in ``.json``, or :data:`AUTO`.
    :param folder: where the models are that were fitted for a zone.
    :raises SettingsError: if there is no such name.
    :raises ModelError: if the file is of no use.
    :raises MissingExtraError: if it is built on a package that is not installed.
    """
    if wanted.endswith(SUFFIX):
        return _fitted(Path(wanted), "the model's file was named")
    if wanted != AUTO:
        return Choice(named(wanted), "chosen by name")
    path = model_path(folder, zone)
    if path.is_file():
        return _fitted(path, f"a model fitted for zone {zone!r} is in the user's data folder")
    reason = f"no model fitted for zone {zone!r} is in the user's data folder, and this one needs no training"
    return Choice(named(DEFAULT), reason)


def model_path(folder: Path, zone: str) -> Path:
    """Where the model of a zone is, or would be."""
    return folder / (re.sub(r"[^\w.-]", "_", zone) + SUFFIX)


def named(name: str) -> Forecaster:
    """The forecaster of a name, which needs no training.

    :raises SettingsError: if there is none.
    :raises MissingExtraError: if it is built on a package that is not installed.
    """
    makers = _makers()
    if name not in makers:
        raise SettingsError(one_of("forecaster", name, [*makers, AUTO, f"FILE{SUFFIX}"]))
    return makers[name]()


def save(path: Path, forecaster: Forecaster, calibration: Calibration, fitted: Mapping[str, Any] | None = None) -> Path:
    """Write a forecaster's files, those of its parts among them, and return where its settings are.

    :param fitted: what it was calibrated on, for those who read the file.
    :raises ModelError: if they cannot be written.
    """
    from ce_nas.forecast.model_file import save_model

    write = getattr(forecaster, "save", None)
    where = write(path) if write else save_model(path, {"kind": forecaster.name, "training": dict(fitted or {})}, {})
    for place, part in enumerate(getattr(forecaster, "parts", ())):
        if write_part := getattr(part, "save", None):
            write_part(_part_path(Path(where), place))
    beside = where.with_suffix(".calibration.json")
    try:
        beside.write_text(json.dumps(calibration.content(), indent=1, sort_keys=True) + "\n")
    except OSError as error:
        message = f"Expected to write a calibration to {str(beside)!r}, but {error.strerror}. Choose another place."
        raise ModelError(message) from error
    return Path(where)


def load(path: Path) -> Forecaster:
    """The forecaster of a model's file, calibrated if it was.

    :raises ModelError: if its files are missing, damaged, or of something else.
    """
    from ce_nas.forecast.conformal import Calibrated, Calibration
    from ce_nas.forecast.model_file import load_model

    kind = str(load_model(path)[0].get("kind"))
    loaders = _loaders()
    if kind in loaders:
        forecaster = loaders[kind](path)
    elif kind == BLEND:
        forecaster = _blend(path)
    elif kind in _makers():
        forecaster = named(kind)
    else:
        known = ", ".join([*loaders, BLEND, *_makers()])
        message = f"Expected a model of {known} in {str(path)!r}, got {kind!r}. Fit it again."
        raise ModelError(message)
    beside = path.with_suffix(".calibration.json")
    if not beside.is_file():
        return forecaster
    try:
        calibration = Calibration.of(json.loads(beside.read_text()))
    except (OSError, ValueError, SettingsError) as error:
        message = f"Expected a calibration in {str(beside)!r}, but {error} Fit it again, or remove the file."
        raise ModelError(message) from error
    if calibration.forecaster != forecaster.name:
        message = (
            f"Expected a calibration of {forecaster.name!r} in {str(beside)!r}, got one of {calibration.forecaster!r}. "
            f"Fit it again, or remove the file."
        )
        raise ModelError(message)
    return Calibrated(forecaster, calibration)


def _blend(path: Path) -> Forecaster:
    """A blend with its parts, which stand beside it, or need no training.

    :raises ModelError: if one of them is missing.
    """
    from ce_nas.forecast.ensemble import BlendForecaster

    parts = []
    for place, name in enumerate(_parts(path)):
        beside = _part_path(path, place)
        if not beside.is_file() and name not in _makers():
            message = f"Expected part {place} of a blend, {name!r}, at {str(beside)!r}, found none. Save it there."
            raise ModelError(message)
        parts.append(load(beside) if beside.is_file() else named(name))
    return BlendForecaster.load(path, parts)


def _parts(path: Path) -> list[str]:
    """The names of the parts of the model at ``path``; none of one that is no blend."""
    from ce_nas.forecast.model_file import load_model

    names = load_model(path)[0].get("parts")
    return names if isinstance(names, list) else []


def _part_path(path: Path, place: int) -> Path:
    """Where a part of the blend at ``path`` is."""
    return path.with_name(f"{path.stem}.part{place}{SUFFIX}")


def _fitted(path: Path, reason: str) -> Choice:
    forecaster = load(path)
    digest = hashlib.sha256()
    _take(digest, path)
    for place in range(len(_parts(path))):
        _take(digest, _part_path(path, place))
    return Choice(forecaster, reason, digest.hexdigest())


def _take(digest: Hash, path: Path) -> None:
    """Take a model's files into a digest, as far as they are there."""
    for suffix in (SUFFIX, ".npz", ".calibration.json"):
        beside = path.with_suffix(suffix)
        digest.update(beside.read_bytes() if beside.is_file() else b"")


def _makers() -> dict[str, Callable[[], Forecaster]]:
    from ce_nas.forecast import baselines as naive
    from ce_nas.forecast.adaptive import AdaptiveRidge
    from ce_nas.forecast.baselines import Mstl

    made = (AdaptiveRidge, naive.DampedProfile, Mstl, naive.Persistence, naive.SeasonalNaive)
    return {one.name: one for one in made}


def _loaders() -> dict[str, Callable[[Path], Forecaster]]:
    from ce_nas.forecast.boosting import BoostingForecaster
    from ce_nas.forecast.transformer import TransformerForecaster

    return {TransformerForecaster.name: TransformerForecaster.load, BoostingForecaster.name: BoostingForecaster.load}
