"""The choice of a forecaster, and its reason: by name, by a fitted model's file, or the best one for the zone.

A model that was fitted to data after a run's start has seen what the run must not know: by name it is refused, and
:data:`AUTO_FORECASTER` leaves it out.

A model's files are ``NAME.json``, with its weights in ``NAME.npz``, and ``NAME.calibration.json`` where its quantiles
were calibrated. A forecaster that needs no training has such files too once it is calibrated. Members of an ensemble
that were fitted are in ``NAME.member0.json``, ``NAME.member1.json`` and so on.
"""

from __future__ import annotations

import hashlib
import json
import re
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ce_nas.components.registry import FORECASTERS
from ce_nas.core.errors import ModelError, SettingsError, unknown_choice_message
from ce_nas.core.formatting import format_time
from ce_nas.core.units import parse_time
from ce_nas.forecast.hourly import HourlyForecaster
from ce_nas.forecast.model_file import load_model, save_model

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime
    from hashlib import _Hash as Hash

    from ce_nas.components.base import ComponentSettings
    from ce_nas.forecast.base import Forecaster
    from ce_nas.forecast.conformal import Calibration

__all__ = [
    "AUTO_FORECASTER",
    "DEFAULT_FORECASTER",
    "SelectedForecaster",
    "create_forecaster",
    "history_needed_s",
    "load_forecaster",
    "model_path",
    "save_forecaster",
    "select_forecaster",
]

#: the name of the forecaster that judges its members online, with the model fitted for the zone where there is one
AUTO_FORECASTER = FORECASTERS.AUTO
#: the forecaster that acts
DEFAULT_FORECASTER = "online-ensemble"
#: the kind of a model that has members
ENSEMBLE_KIND = "ensemble"
MODEL_SUFFIX, WEIGHTS_SUFFIX, CALIBRATION_SUFFIX = FORECASTERS.MODEL_SUFFIX, ".npz", ".calibration.json"


@dataclass(frozen=True, slots=True)
class SelectedForecaster:
    """A forecaster, and why it was selected."""

    forecaster: Forecaster
    #: as the end of a sentence; without paths, so that it is the same on every machine
    reason: str
    #: SHA-256 of the model's files, in hexadecimal; None for a forecaster without files
    sha256: str | None = None


def select_forecaster(
    name: str | ComponentSettings, zone: str, model_dir: Path, start: datetime | None = None
) -> SelectedForecaster:
    """Return the forecaster of a name.

    :param name: a name, a model's file that ends in ``.json``, :data:`AUTO_FORECASTER`, or settings with such a name.
    :param model_dir: folder of the models fitted for zones.
    :param start: the first moment at which it will forecast, UTC; None if no fit can have seen a later one.
    :raises SettingsError: if there is no such name.
    :raises ModelError: if the file cannot be used, or was fitted to the zone's data after ``start``.
    :raises MissingExtraError: if it needs a package that is not installed.
    """
    settings = FORECASTERS.validate(name)
    if settings.name.endswith(MODEL_SUFFIX):
        path = Path(settings.name)
        selected = _select_fitted(path, "the model's file was named")
        if seen := _seen_after(path, zone, start):
            message = (
                f"Expected a model that was fitted before the run's start, got {str(path)!r}, which has "
                f"seen zone {zone!r} until {format_time(seen)}. Fit it with --until, start later, or take "
                f"{AUTO_FORECASTER!r}."
            )
            raise ModelError(message)
        return selected
    if settings.name != AUTO_FORECASTER:
        return SelectedForecaster(create_forecaster(settings), "chosen by name")
    from ce_nas.forecast.online_ensemble import OnlineEnsemble

    path, default = model_path(model_dir, zone), "the default: its members are weighed by their latest errors"
    if not path.is_file():
        return SelectedForecaster(OnlineEnsemble(), default)
    if seen := _seen_after(path, zone, start):
        left_out = f"the model fitted for zone {zone!r} is left out: it has seen data until {format_time(seen)}"
        return SelectedForecaster(OnlineEnsemble(), f"{default}; {left_out}")
    fitted = _select_fitted(path, "")
    forecaster = OnlineEnsemble(fitted.forecaster, fitted.sha256 or "")
    return SelectedForecaster(forecaster, f"{default}, with the model fitted for zone {zone!r}", fitted.sha256)


def history_needed_s(name: str | ComponentSettings) -> float:
    """Return the shortest past with which a forecaster acts itself, s.

    :raises SettingsError: if there is no such name.
    :raises MissingExtraError: if it needs a package that is not installed.
    """
    settings = FORECASTERS.validate(name)
    if settings.name == AUTO_FORECASTER or settings.name.endswith(MODEL_SUFFIX):
        return HourlyForecaster.min_history_s
    return create_forecaster(settings).min_history_s


def model_path(model_dir: Path, zone: str) -> Path:
    """Return the path of a zone's model, whether it exists or not."""
    return model_dir / (re.sub(r"[^\w.-]", "_", zone) + MODEL_SUFFIX)


def create_forecaster(name: str | ComponentSettings) -> Forecaster:
    """Create a forecaster that needs no training.

    Example:
        >>> create_forecaster("damped-profile").name
        'damped-profile'

    :raises SettingsError: if there is no such name.
    :raises MissingExtraError: if it needs a package that is not installed.
    """
    settings = FORECASTERS.validate(name)
    forecaster: Forecaster | None = FORECASTERS.build(settings)
    if forecaster is None:
        raise SettingsError(unknown_choice_message("forecaster", settings.name, FORECASTERS.names()))
    return forecaster


def save_forecaster(
    path: Path, forecaster: Forecaster, calibration: Calibration, training_info: Mapping[str, Any] | None = None
) -> Path:
    """Write the files of a forecaster and its members, and return the path of its settings.

    :param training_info: provenance of the calibration, for those who read the file.
    :raises ModelError: if they cannot be written.
    """
    save = getattr(forecaster, "save", None)
    training = dict(training_info or {})
    settings = {"kind": forecaster.name, "training": training}
    settings_path = Path(save(path) if save else save_model(path, settings, {}))
    for index, member in enumerate(getattr(forecaster, "members", ())):
        if save_member := getattr(member, "save", None):
            save_member(_member_path(settings_path, index))
    calibration_path = settings_path.with_suffix(CALIBRATION_SUFFIX)
    try:
        content = {**calibration.to_json(), "training": training}
        calibration_path.write_text(json.dumps(content, indent=1, sort_keys=True) + "\n")
    except OSError as error:
        message = f"Expected to write {str(calibration_path)!r}, but {error.strerror}. Choose another path."
        raise ModelError(message) from error
    return settings_path


def load_forecaster(path: Path) -> Forecaster:
    """Read the forecaster of a model's file, calibrated if its calibration exists.

    :raises ModelError: if its files are missing, damaged, or of another kind.
    """
    kind = str(load_model(path)[0].get("kind"))
    loaders = _model_loaders()
    if kind in loaders:
        forecaster = loaders[kind](path)
    elif kind in _untrained_forecasters():
        forecaster = create_forecaster(kind)
    else:
        known = ", ".join([*loaders, *_untrained_forecasters()])
        message = f"Expected a model of {known} in {str(path)!r}, got {kind!r}. Fit it again."
        raise ModelError(message)
    calibration_path = path.with_suffix(CALIBRATION_SUFFIX)
    return _calibrate(forecaster, calibration_path) if calibration_path.is_file() else forecaster


def _calibrate(forecaster: Forecaster, path: Path) -> Forecaster:
    from ce_nas.forecast.conformal import CalibratedForecaster, Calibration

    try:
        calibration = Calibration.from_json(json.loads(path.read_text()))
    except (OSError, ValueError, SettingsError) as error:
        message = f"Expected a calibration in {str(path)!r}, but {error} Fit it again, or remove the file."
        raise ModelError(message) from error
    if calibration.forecaster != forecaster.name:
        message = (
            f"Expected a calibration of {forecaster.name!r} in {str(path)!r}, got one of {calibration.forecaster!r}. "
            f"Fit it again, or remove the file."
        )
        raise ModelError(message)
    return CalibratedForecaster(forecaster, calibration)


def _load_ensemble(path: Path) -> Forecaster:
    """Read an ensemble and its members.

    :raises ModelError: if a member's file is missing.
    """
    from ce_nas.forecast.ensemble import EnsembleForecaster

    members = []
    for index, name in enumerate(_member_names(path)):
        member_path = _member_path(path, index)
        if not member_path.is_file() and name not in _untrained_forecasters():
            message = (
                f"Expected member {index} of an ensemble, {name!r}, at {str(member_path)!r}, found none. Save it there."
            )
            raise ModelError(message)
        members.append(load_forecaster(member_path) if member_path.is_file() else create_forecaster(name))
    return EnsembleForecaster.load(path, members)


def _member_names(path: Path) -> list[str]:
    """Return the names of the members of the model at ``path``; none of a model that is no ensemble."""
    names = load_model(path)[0].get("members")
    return names if isinstance(names, list) else []


def _member_path(path: Path, index: int) -> Path:
    return path.with_name(f"{path.stem}.member{index}{MODEL_SUFFIX}")


def _select_fitted(path: Path, reason: str) -> SelectedForecaster:
    forecaster = load_forecaster(path)
    digest = hashlib.sha256()
    _update_digest(digest, path)
    for index in range(len(_member_names(path))):
        _update_digest(digest, _member_path(path, index))
    return SelectedForecaster(forecaster, reason, digest.hexdigest())


def _seen_after(path: Path, zone: str, start: datetime | None) -> datetime | None:
    """Return the end of the data of ``zone`` that a model has seen; None if that is unknown or by ``start``."""
    if start is None:
        return None
    settings = load_model(path)[0]
    training: dict[str, Any] = settings["training"] if isinstance(settings.get("training"), dict) else {}
    zones = settings.get("zones") or [training.get("zone", zone)]
    ends = [_latest_time(training)] if zone in zones else []
    calibration_path = path.with_suffix(CALIBRATION_SUFFIX)
    if calibration_path.is_file():
        calibrated = json.loads(calibration_path.read_text()).get("training") or {}
        if calibrated.get("zone", zone) == zone:
            ends.append(_latest_time(calibrated))
    known = [end for end in ends if end is not None]
    return max(known) if known and max(known) > start else None


def _latest_time(training: Mapping[str, Any]) -> datetime | None:
    """Return the latest moment among the spans of a training, as far as they are recorded."""
    spans = [training.get(name) for name in ("train", "validate", "until")]
    texts = [span[1] if isinstance(span, list) and len(span) == 2 else span for span in spans]
    moments = []
    for text in texts:
        with suppress(SettingsError):  # a file written by hand, or without this span
            moments.append(parse_time(str(text).replace(" UTC", "")))
    return max(moments) if moments else None


def _update_digest(digest: Hash, path: Path) -> None:
    """Add the files of a model to a digest, as far as they exist."""
    for suffix in (MODEL_SUFFIX, WEIGHTS_SUFFIX, CALIBRATION_SUFFIX):
        file = path.with_suffix(suffix)
        digest.update(file.read_bytes() if file.is_file() else b"")


def _untrained_forecasters() -> list[str]:
    """Return the names of the forecasters that need no training."""
    return [component.name for component in FORECASTERS.components()]


def _model_loaders() -> dict[str, Callable[[Path], Forecaster]]:
    """Return the readers of fitted models, by their kind."""
    from ce_nas.forecast.boosting import BoostingForecaster
    from ce_nas.forecast.transformer import TransformerForecaster

    return {
        TransformerForecaster.name: TransformerForecaster.load,
        BoostingForecaster.name: BoostingForecaster.load,
        ENSEMBLE_KIND: _load_ensemble,
    }
