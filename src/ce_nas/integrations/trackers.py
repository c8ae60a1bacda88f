"""Progress of a search, or of a carbon budget, in experiment trackers: MLflow, Weights & Biases, TensorBoard.

A tracker is an observer: what `Search.run`, `resume` and `carbon_budget` call with each period that has ended. It logs
sums since the start, by the number of the period, so that a resumed run logs the same values again.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any, Self

from ce_nas.core.errors import MissingExtraError
from ce_nas.core.units import HOUR_S, J_PER_KWH

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType

__all__ = ["MlflowTracker", "TensorBoardTracker", "Tracker", "WandbTracker"]


class Tracker(ABC):
    """The base of trackers: from the periods of a run to metrics; used as a context manager.

    Example:
        >>> class Lines(Tracker):
        ...     def log(self, metrics, step):
        ...         print(step, round(metrics["carbon_g"]))
        >>> import ce_nas
        >>> with Lines() as tracker:
        ...     result = ce_nas.Search(searcher="random", policy="vanilla", gpus=2, hours=2).run(observer=tracker)
        0 ...
        1 ...
    """

    def __init__(self) -> None:
        self._carbon_g = self._energy_j = self._cost = 0.0

    def __call__(self, period: Mapping[str, Any]) -> None:
        """Take a period that has ended, as the journal's entry ``period`` has it, with its end as ``now_s``."""
        if period["period"] == 0:
            self._carbon_g = self._energy_j = self._cost = 0.0
        self._carbon_g += sum(period["carbon_g"].values())
        self._energy_j += sum(period["energy_j"].values())
        self._cost += period["cost"]
        metrics = {
            "carbon_g": self._carbon_g,
            "energy_kwh": self._energy_j / J_PER_KWH,
            "cost": self._cost,
            "hours": period["now_s"] / HOUR_S,
            "hypervolume": period["hypervolume"],
            "trainings": float(period["evaluations"]),
            "samples": float(period["samples"]),
        }
        if period["intensity_g_per_kwh"] is not None:
            metrics["intensity_g_per_kwh"] = period["intensity_g_per_kwh"]
        self.log(metrics, int(period["period"]))

    @abstractmethod
    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """Log metrics of a period; sums are since the start of the run."""

    def close(self) -> None:  # noqa: B027 - some have nothing to close
        """Write what is left."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


class MlflowTracker(Tracker):
    """Logs to a run of MLflow (extra ``mlflow``), on a server or in a local store.

    :param uri: of the tracking server or store; None: as MLflow is configured.
    :param experiment: its name, created where there is none.
    :param run_name: of the run.
    """

    def __init__(self, uri: str | None = None, experiment: str = "ce-nas", run_name: str | None = None) -> None:
        super().__init__()
        try:
            from mlflow.tracking import MlflowClient
        except ImportError as error:
            package, purpose = "mlflow-skinny", "MlflowTracker"
            raise MissingExtraError(package, "mlflow", purpose) from error
        self._client = MlflowClient(tracking_uri=uri)
        found = self._client.get_experiment_by_name(experiment)
        experiment_id = found.experiment_id if found else self._client.create_experiment(experiment)
        #: MLflow's name of the run
        self.run_id: str = self._client.create_run(experiment_id, run_name=run_name).info.run_id

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """See :meth:`Tracker.log`."""
        for name, value in metrics.items():
            self._client.log_metric(self.run_id, name, value, step=step)

    def close(self) -> None:
        """See :meth:`Tracker.close`."""
        self._client.set_terminated(self.run_id)


class WandbTracker(Tracker):
    """Logs to a run of Weights & Biases (extra ``wandb``).

    :param project: the project.
    :param mode: ``online``, or ``offline`` to write files that ``wandb sync`` uploads.
    :param folder: where the files are; None: as W&B is configured.
    """

    def __init__(self, project: str = "ce-nas", mode: str = "offline", folder: str | Path | None = None) -> None:
        super().__init__()
        try:
            import wandb
        except ImportError as error:
            package, purpose = "wandb", "WandbTracker"
            raise MissingExtraError(package, "wandb", purpose) from error
        place = None if folder is None else str(folder)
        start: Any = wandb.init
        self._run = start(project=project, mode=mode, dir=place)

    @property
    def folder(self) -> str:
        """The folder of the run's files."""
        return str(self._run.dir)

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """See :meth:`Tracker.log`."""
        self._run.log(dict(metrics), step=step)

    def close(self) -> None:
        """See :meth:`Tracker.close`."""
        self._run.finish()


class TensorBoardTracker(Tracker):
    """Writes event files that TensorBoard shows (extra ``tensorboard``).

    :param folder: of the event files.
    """

    def __init__(self, folder: str | Path) -> None:
        super().__init__()
        try:
            from tensorboard.summary import Writer
        except ImportError as error:
            package, purpose = "tensorboard", "TensorBoardTracker"
            raise MissingExtraError(package, "tensorboard", purpose) from error
        self._writer = Writer(str(folder))

    def log(self, metrics: Mapping[str, float], step: int) -> None:
        """See :meth:`Tracker.log`."""
        for name, value in metrics.items():
            self._writer.add_scalar(name, value, step)
        self._writer.flush()

    def close(self) -> None:
        """See :meth:`Tracker.close`."""
        self._writer.close()
