"""What the paper's two open-domain runs would take, from counted work and an assumed rate of the GPU.

    python benchmarks/paper_plan.py [--tflops N] [--json FILE]

No GPU was measured. A training is the mean multiply-accumulates of 100 random networks of the recipe's space, times two
operations, three passes, its images and epochs, over ``--tflops`` sustained; its energy is that time at the settings'
power of a GPU in training. The search is `ce-nas estimate`'s for such a training (``estimate_from_calibration``); the
final training is that of the recipe for the mean network, counted at its size. Grams are those of the recipe's zone, at
its mean intensity for the final training, and by the forecast for the search.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import numpy as np

from ce_nas.analysis.estimate import DeviceCalibration, estimate_from_calibration
from ce_nas.config.recipe_files import read_recipe_file
from ce_nas.config.schema import settings_from_flags
from ce_nas.core.rng import random_stream
from ce_nas.core.units import HOUR_S, J_PER_KWH
from ce_nas.engine.inputs import RunInputs
from ce_nas.training.networks.factory import build_space
from ce_nas.training.networks.network_counts import NetworkCounter

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ce_nas.config.schema import Settings
    from ce_nas.core.records import Architecture

#: training images, classes and side of the images
SETS = {"cifar10": (50_000, 10, 32), "cifar10-fast": (50_000, 10, 32), "imagenet": (1_281_167, 1000, 224)}
#: multiply-accumulates of forward and backward pass over those of the forward pass, and operations of each
PASSES, OPERATIONS = 3.0, 2.0
NETWORKS = 100


def main() -> None:
    """Print a row per recipe."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tflops", type=float, default=20.0, help="sustained by one GPU, 1e12 operations/s")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--seed", type=int, default=0, help="of the random networks")
    parser.add_argument("--quick", action="store_true", help=f"5 random networks, not {NETWORKS}")
    stated = parser.parse_args()
    rows = [plan(name, stated.tflops, stated.seed, 5 if stated.quick else NETWORKS) for name in SETS]
    print(json.dumps(rows, indent=2))
    if stated.json:
        stated.json.write_text(json.dumps(rows, indent=2) + "\n")


def plan(name: str, tflops: float, seed: int, networks: int) -> dict[str, object]:
    """GPU-hours, kWh and kg of the search and the final training of one recipe."""
    images, classes, side = SETS[name]
    with TemporaryDirectory() as folder:
        data = _write_stand_in(Path(folder), classes, side)
        tree = dict(read_recipe_file(name))
        settings = settings_from_flags({**tree, "live": {**tree["live"], "data": str(data)}})
        random = build_space(settings.live.space).sample(random_stream(seed, "plan"), networks)
        return _plan(name, images, classes, side, tflops, settings, random)


def _plan(  # noqa: PLR0913, PLR0917 - what is known of the images
    name: str, images: int, classes: int, side: int, tflops: float, settings: Settings, networks: Sequence[Architecture]
) -> dict[str, object]:
    live, final, cluster = settings.live, settings.final, settings.cluster
    space = build_space(live.space)

    def training_s(channels: int, cells: int, crop: int, epochs: int, count: float) -> tuple[float, np.ndarray]:
        shape = (3, crop or side, crop or side)
        counts = NetworkCounter(space, channels, cells, shape, classes).counts(networks).mean(axis=0)
        return OPERATIONS * PASSES * counts[1] * count * epochs / (1e12 * tflops), counts

    recipe = live.recipe
    assert recipe is not None  # noqa: S101 - the shipped recipes have both
    assert final.recipe is not None  # noqa: S101
    kept = (1.0 - live.validation_share) * images
    one_s, small = training_s(live.channels, live.cells, recipe.crop, recipe.epochs, kept)
    last_s, large = training_s(
        final.channels or live.channels, final.cells or live.cells, final.recipe.crop, final.recipe.epochs, images
    )
    calibration = DeviceCalibration(one_s, one_s * cluster.training_w)
    found = estimate_from_calibration(settings, calibration).now
    last_kwh = last_s * cluster.training_w * cluster.pue / J_PER_KWH
    intensity = float(np.nanmean(RunInputs(settings).trace.g_per_kwh))
    return {
        "recipe": name,
        "tflops": tflops,
        "candidate": {"parameters_m": small[0] / 1e6, "macs_m": small[1] / 1e6, "gpu_hours": one_s / HOUR_S},
        "search": {
            "trainings": [found.trainings.median, found.trainings.low, found.trainings.high],
            "gpu_hours": [value * cluster.gpus for value in (found.hours.median, found.hours.low, found.hours.high)],
            "kwh": found.energy_j.median / J_PER_KWH,
            "kg": [value / 1e3 for value in (found.carbon_g.median, found.carbon_g.low, found.carbon_g.high)],
        },
        "final": {
            "parameters_m": large[0] / 1e6,
            "macs_m": large[1] / 1e6,
            "gpu_hours": last_s / HOUR_S,
            "kwh": last_kwh,
            "kg": last_kwh * intensity / 1e3,
        },
        "zone": settings.grid.zone,
        "g_per_kwh": intensity,
        "w": cluster.training_w,
        "pue": cluster.pue,
    }


def _write_stand_in(folder: Path, classes: int, side: int) -> Path:
    """A file with an image per class, of the size of the real ones, from which only sizes are read."""
    noise = random_stream(0, "images").integers(0, 256, (3, 8, 8), dtype=np.uint8)
    pixels = np.broadcast_to(np.tile(noise, (1, side // 8, side // 8)), (classes, 3, side, side))
    labels, path = np.arange(classes), folder / "stand-in.npz"
    np.savez_compressed(path, train_images=pixels, train_labels=labels, test_images=pixels, test_labels=labels)
    return path


if __name__ == "__main__":
    main()
