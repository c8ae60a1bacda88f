"""Train the transformer that ships, on the open zones, and write it into the package.

    python scripts/pretrain_transformer.py --grid FOLDER [--steps N] [--seed N] [--out FILE]

FOLDER holds the public tables carboncast_2020_2021 and electricity_maps_2021_2024 (parquet). Training hours: DE, ERCO,
PJM, NL and FPL until June 2021, CA-ON and SG until December 2022; both kinds of emission factors, and the zones'
generation by source as further series. The zones BPAT, PL, CISO, US-NY-NYIS and AU-NSW are for choices
(docs/forecasting.md); none of their hours is used here. Windows are issued at any hour. Some are mixtures of two series
or mirrored, so that the network learns to read a past rather than to know zones. The weights are a running mean over
the steps. A quarter of an hour of one core; the same seed gives the same weights on the same machine.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import time
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch

import ce_nas.data
from ce_nas.forecast.hourly import QUANTILE_LEVELS
from ce_nas.forecast.pretrained import (
    CONTEXT_H,
    HEADS,
    HORIZON_H,
    LAYERS,
    MAX_VALUE,
    N_COLUMNS,
    PATCH_H,
    WIDTH,
    build_windows,
)
from ce_nas.forecast.transformer_network import QuantileTransformer, TransformerConfig, pinball_loss

CARBONCAST_ZONES, CARBONCAST_END = ("DE", "ERCO", "PJM", "NL", "FPL"), datetime(2021, 7, 1, tzinfo=UTC)
MAPS_ZONES, MAPS_END = ("CA-ON", "SG"), datetime(2023, 1, 1, tzinfo=UTC)
INTENSITIES = ("carbon_intensity_lifecycle", "carbon_intensity_direct")
SOURCES = ("solar", "wind", "nat_gas", "coal", "hydro", "nuclear", "biomass", "other")
#: weight of a series of intensities in the draw, against 1 for a source of electricity
INTENSITY_WEIGHT = 4.0
#: a source that stands still at times gets this share of its mean, which keeps its logarithm bounded
SOURCE_FLOOR = 0.15
BATCH, LEARNING_RATE, WEIGHT_DECAY, WARMUP = 48, 1e-3, 0.05, 200
MIXED_SHARE, MIRRORED_SHARE = 0.3, 0.15


class HourlyLog:
    """A series of hours, as logarithms."""

    def __init__(self, table: pd.DataFrame, column: str, end: datetime, weight: float) -> None:
        values = table.set_index(pd.to_datetime(table["time"], utc=True))[column].astype(float).sort_index()
        values = values[~values.index.duplicated()]
        hours = values.reindex(pd.date_range(values.index[0], min(values.index[-1], pd.Timestamp(end)), freq="h"))
        numbers = hours.interpolate(limit_direction="both").to_numpy()
        if column not in INTENSITIES and numbers.min() < 0.02 * numbers.mean():
            numbers = np.maximum(numbers, 0.0) + SOURCE_FLOOR * numbers.mean()
        self.log = np.log(np.maximum(numbers, 1e-3))
        self.start, self.weight = hours.index[0], weight

    def window(self, end: int) -> tuple[np.ndarray, np.ndarray, tuple[int, int, float]]:
        """The hours before and after an issue, and the hour, weekday and share of the year at the window's start."""
        first = self.start + pd.Timedelta(hours=end - CONTEXT_H)
        calendar = (first.hour, first.dayofweek, (first.dayofyear - 1) / 365.25)
        return self.log[end - CONTEXT_H : end], self.log[end : end + HORIZON_H], calendar


def read_series(folder: Path) -> tuple[list[HourlyLog], dict[str, str]]:
    """The series to train on, and the last moment of each zone."""
    series = []
    carboncast = pd.read_parquet(folder / "carboncast_2020_2021.parquet")
    for zone in CARBONCAST_ZONES:
        rows = carboncast[carboncast["zone"] == zone]
        for column in (*INTENSITIES, *SOURCES):
            if rows[column].notna().mean() > 0.9 and rows[column].max() > 0:
                weight = INTENSITY_WEIGHT if column in INTENSITIES else 1.0
                series.append(HourlyLog(rows, column, CARBONCAST_END, weight))
    maps = pd.read_parquet(folder / "electricity_maps_2021_2024.parquet")
    for zone in MAPS_ZONES:
        rows = maps[maps["zone"] == zone]
        series += [HourlyLog(rows, column, MAPS_END, INTENSITY_WEIGHT) for column in INTENSITIES]
    ends = dict.fromkeys(CARBONCAST_ZONES, CARBONCAST_END) | dict.fromkeys(MAPS_ZONES, MAPS_END)
    return series, {zone: end.isoformat() for zone, end in ends.items()}


def draw_batch(series: list[HourlyLog], rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
    """Features, and the deviations of the truth from the baseline, in spreads."""
    weights = np.array([one.weight for one in series])
    pasts, futures, calendars = [], [], []
    for number in rng.choice(len(series), BATCH, p=weights / weights.sum()):
        end = int(rng.integers(CONTEXT_H, len(series[number].log) - HORIZON_H))
        past, future, calendar = series[number].window(end)
        if rng.random() < MIXED_SHARE:
            other = series[int(rng.choice(len(series), p=weights / weights.sum()))]
            at = int(rng.integers(CONTEXT_H, len(other.log) - HORIZON_H - 168))
            at += int((calendar[0] + 24 * calendar[1] - _hour_of_week(other, at)) % 168)
            past_2, future_2, _ = other.window(at)
            share = rng.beta(0.4, 0.4)
            scales = past.std() + 1e-3, past_2.std() + 1e-3
            past = share * past / scales[0] + (1 - share) * past_2 / scales[1]
            future = share * future / scales[0] + (1 - share) * future_2 / scales[1]
        if rng.random() < MIRRORED_SHARE:
            past, future = -past, -future
        pasts.append(past)
        futures.append(future)
        calendars.append(calendar)
    hour, weekday, year_share = np.array(calendars).T
    features, baseline, level, spread = build_windows(np.array(pasts), hour, weekday, year_share)
    truth = np.clip((np.array(futures) - level[:, None]) / spread[:, None], -MAX_VALUE, MAX_VALUE)
    return torch.from_numpy(features), torch.from_numpy((truth - baseline).astype(np.float32))


def _hour_of_week(series: HourlyLog, end: int) -> int:
    _, _, (hour, weekday, _) = series.window(end)
    return hour + 24 * weekday


def train(series: list[HourlyLog], steps: int, seed: int, on_step: object = None) -> dict[str, np.ndarray]:
    """The weights after ``steps`` batches, a running mean."""
    rng = np.random.default_rng(seed)
    torch.manual_seed(seed)
    config = TransformerConfig(N_COLUMNS, CONTEXT_H, HORIZON_H, 0, len(QUANTILE_LEVELS), PATCH_H, WIDTH, HEADS, LAYERS)
    net = QuantileTransformer(config)
    mean = {name: values.clone() for name, values in net.state_dict().items()}
    optimiser = torch.optim.AdamW(net.parameters(), LEARNING_RATE, weight_decay=WEIGHT_DECAY)
    levels, began, total = torch.tensor(QUANTILE_LEVELS), time.monotonic(), 0.0
    for step in range(1, steps + 1):
        for group in optimiser.param_groups:
            group["lr"] = LEARNING_RATE * min(step / WARMUP, 1.0) * 0.5 * (1 + math.cos(math.pi * step / steps)) + 1e-6
        features, deviations = draw_batch(series, rng)
        loss = pinball_loss(net(features, torch.zeros(len(features), dtype=torch.long)), deviations, levels)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        total += float(loss.detach())
        keep = min(0.99, 1 - 1 / (step + 1))
        for name, values in net.state_dict().items():
            mean[name].mul_(keep).add_(values, alpha=1 - keep)
        if step % 250 == 0:
            print(f"{step} steps, {time.monotonic() - began:.0f} s, pinball loss {total / 250:.4f} spreads", flush=True)
            total = 0.0
            if callable(on_step):
                on_step(step, mean)
    return {name: values.numpy().copy() for name, values in mean.items()}


def write_weights(path: Path, weights: dict[str, np.ndarray], training: dict[str, object]) -> None:
    """Write the weights, half precision, and their provenance."""
    content = io.BytesIO()
    arrays = {name: values.astype(np.float16) for name, values in sorted(weights.items())}
    np.savez_compressed(content, training=json.dumps(training, sort_keys=True), **arrays)
    path.write_bytes(content.getvalue())


def main() -> None:
    """Read the tables, train, and write the weights; every 250 steps what there is."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--grid", type=Path, required=True, help="folder of the public tables")
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=0)
    default = Path(next(iter(ce_nas.data.__path__))) / "pretrained_transformer.npz"
    parser.add_argument("--out", type=Path, default=default)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    series, ends = read_series(arguments.grid)
    training = {"zones": ends, "steps": arguments.steps, "seed": arguments.seed}
    weights = train(
        series,
        arguments.steps,
        arguments.seed,
        lambda step, mean: write_weights(
            arguments.out, {name: values.numpy() for name, values in mean.items()}, training | {"steps": step}
        ),
    )
    write_weights(arguments.out, weights, training)


if __name__ == "__main__":
    main()
