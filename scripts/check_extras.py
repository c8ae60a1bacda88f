"""Install each extra alone in an environment of its own, and use it: ``python scripts/check_extras.py --folder DIR``.

Prints a row for each extra when it is done: the size of its environment, the seconds of its installation, and what its
use printed or failed with. Finished extras are kept in ``DIR/extras.json``; the same command does the others.
``--uv`` installs with uv, which is several times faster.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import time
import tomllib
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).parents[1]
#: extra -> a program that does with the package what the extra is for
USES = {
    "": "import ce_nas; print(ce_nas.run(grid='solar', gpus=2, hours=3, seed=0).summary.evaluations, 'trainings')",
    "torch": (
        "import torch, ce_nas.torch; from torch import nn; networks = ce_nas.torch.Networks(lambda a: nn.Sequential("
        "nn.Flatten(), nn.Linear(64, a['width'])), input_shape=(1, 8, 8)); print(networks.costs({'width': 4}))"
    ),
    "baselines": "import ce_nas; print(ce_nas.run(grid='solar', gpus=2, hours=3, forecaster='mstl').summary.stop)",
    "bo": (
        "import ce_nas; s = ce_nas.run(grid='solar', gpus=2, hours=9, seed=0, searcher='qlognehvi', policy='vanilla', "
        "evaluations=12).summary; print(s.searcher, s.evaluations, 'trainings')"
    ),
    "dashboard": "import uvicorn; from ce_nas.apps.dashboard.app import Dashboard; print(Dashboard.__name__)",
    "forecast": (
        "from ce_nas.forecast import boosting; model = boosting._import_lightgbm().LGBMRegressor(n_estimators=2, "
        "min_child_samples=1, verbose=-1); print(model.fit([[0.0], [1.0]], [0, 1]).n_features_in_, 'feature')"
    ),
    "lightning": "from ce_nas.integrations.lightning_callback import LightningCarbonCallback as C; print(C.__name__)",
    "mlflow": (
        "import ce_nas; from ce_nas.integrations.trackers import MlflowTracker; from pathlib import Path; "
        "print(MlflowTracker(f'sqlite:///{Path().absolute()}/mlflow.db').__class__.__name__)"
    ),
    "tensorboard": (
        "from ce_nas.integrations.trackers import TensorBoardTracker as T; print(T('events').__class__.__name__)"
    ),
    "transformers": (
        "from ce_nas.integrations.transformers_callback import TransformersCarbonCallback as C; print(C.__name__); "
        "from transformers import Trainer"
    ),
    "wandb": "import wandb; from ce_nas.integrations.trackers import WandbTracker; print(WandbTracker.__name__)",
    "gpu": "from ce_nas.energy import nvml; import pynvml; print(pynvml.nvmlInit.__name__)",
    "images": (
        "import io, PIL.Image; from ce_nas.training.data.image_cache import decode_image; file = io.BytesIO(); "
        "PIL.Image.new('RGB', (9, 9)).save(file, 'PNG'); file.seek(0); print(decode_image(file, 8).shape)"
    ),
    "live": "import ce_nas.datasets.download, ce_nas.grid.providers.credentials; print('providers')",
    "configspace": (
        "from ce_nas import Integer; from ce_nas.space.conversion import to_configspace; "
        "print(len(to_configspace({'width': Integer(1, 9)})), 'parameter')"
    ),
    "nasbench301": "import onnxruntime; from ce_nas.benchmarks.nasbench301 import NasBench301 as P; print(P.name)",
    "onnx": "import onnx, onnxruntime; print('onnx')",
    "optuna": (
        "import optuna; from ce_nas.integrations import SurrogateSampler; "
        "study = optuna.create_study(sampler=SurrogateSampler(seed=0)); "
        "study.optimize(lambda t: t.suggest_int('x', 0, 9), n_trials=14); print(len(study.trials), 'trials')"
    ),
    "parquet": (
        "import ce_nas; from ce_nas.integrations.exports import export; "
        "print(len(export(ce_nas.run(grid='solar', gpus=2, hours=3, seed=0), 'parquet')) > 999)"
    ),
    "plots": (
        "import ce_nas; result = ce_nas.run(grid='solar', gpus=2, hours=3, seed=0); "
        "print(result.report('overview.png').read_bytes()[1:4].decode())"
    ),
    "rl": "from ce_nas.rl import env, ppo; import sb3_contrib; print(env.SearchEnv.__name__)",
    "ray": (
        "from ce_nas.components.registry import WORKERS; WORKERS.require_extra('ray'); import ray; "
        "from ce_nas.cluster.workers.ray import RayWorkerPool as P; print(P.__name__)"
    ),
    "tune": "from ce_nas.integrations.ray_tune import TuneCarbonCallback as C; print(C.__name__)",
    "slurm": (
        "from ce_nas.components.registry import WORKERS; WORKERS.require_extra('slurm'); "
        "import submitit; print('submitit')"
    ),
}


@dataclass(frozen=True, slots=True)
class Checked:
    """One extra, installed alone and used."""

    extra: str
    ok: bool
    megabytes: int
    install_s: float
    #: the last line of its use, or of what failed
    said: str

    def __str__(self) -> str:
        verdict = "ok  " if self.ok else "FAIL"
        return f"{verdict} {self.extra or '(core)':13} {self.megabytes:6} MB {self.install_s:6.0f} s  {self.said}"


def list_extras() -> list[str]:
    """The core, as the empty name, and every extra that is not for development."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    return ["", *(name for name in extras if name not in {"benchmarks", "docs", "test"})]


def check(extra: str, folder: Path, *, uv: bool) -> Checked:
    """Install an extra in ``folder / extra``, use it there, and remove the environment."""
    place = folder / (extra or "core")
    shutil.rmtree(place, ignore_errors=True)
    python = place / "bin" / "python"
    maker = ["uv", "venv", "-q", "--python", sys.executable] if uv else [sys.executable, "-m", "venv"]
    pip = ["uv", "pip", "install", "-q", "--python", str(python)] if uv else [str(python), "-m", "pip", "install", "-q"]
    begun = time.monotonic()
    done = _run([*maker, str(place)])
    if done.returncode == 0:
        wanted = f"{ROOT}[{extra}]" if extra else str(ROOT)
        done = _run([*pip, "--constraint", str(ROOT / "constraints.txt"), wanted])
    install_s = time.monotonic() - begun
    megabytes = sum(path.stat().st_size for path in place.rglob("*") if path.is_file()) // 2**20
    if done.returncode == 0:
        work = place / "work"
        work.mkdir()
        done = _run([str(python), "-c", USES[extra]], work)
    shutil.rmtree(place, ignore_errors=True)
    lines = (done.stdout if done.returncode == 0 else done.stderr).strip().splitlines()
    return Checked(extra, done.returncode == 0, megabytes, install_s, lines[-1][:160] if lines else "")


def _run(command: list[str], folder: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(  # noqa: S603 - commands of this script
        command, cwd=folder, capture_output=True, text=True, check=False
    )


def main() -> None:
    """Check the extras and print the table; status 1 if one fails."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--folder", type=Path, required=True, help="environments and the finished extras are in it")
    parser.add_argument("--only", nargs="*", help="extras; all by default")
    parser.add_argument("--uv", action="store_true", help="install with uv")
    options = parser.parse_args()
    options.folder.mkdir(parents=True, exist_ok=True)
    kept = options.folder / "extras.json"
    found = {row["extra"]: Checked(**row) for row in json.loads(kept.read_text())} if kept.exists() else {}
    for extra in list_extras() if options.only is None else options.only:
        if not (extra in found and found[extra].ok):
            found[extra] = check(extra, options.folder.absolute(), uv=options.uv)
            kept.write_text(json.dumps([asdict(row) for row in found.values()], indent=1) + "\n")
        print(found[extra], flush=True)
    sys.exit(any(not row.ok for row in found.values()))


if __name__ == "__main__":
    main()
