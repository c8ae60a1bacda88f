"""Fit the noise models of supernets: ``python scripts/supernet_noise.py SUPERNETS.npz [--out FILE]``.

``SUPERNETS.npz`` holds ``names`` and ``accuracy`` of shape (supernets, 15625) by NAS-Bench-201 index, on CIFAR-10. Each
is compared with the validation accuracy after 200 epochs of the embedded table. The file starts with the mean model of
the one-shot supernets (``baseline`` in the name), called one-shot, followed by the model of each supernet.
``--problem nasbench301`` simulates proxy scores with it; the package ships the file of the published supernets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ce_nas.benchmarks.nasbench201 import load_embedded_table
from ce_nas.benchmarks.proxy_scores import read_supernet_scores, supernet_epochs
from ce_nas.benchmarks.supernet_noise import (
    DEFAULT_NOISE_MODEL,
    fit_noise_model,
    noise_models_to_json,
    pool_noise_models,
)

OUTPUT = Path(__file__).parents[1] / "src" / "ce_nas" / "data" / "supernet_noise.json"


def main() -> None:
    """Fit the models, print their statistics, and write the file."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("supernets", type=Path)
    parser.add_argument("--out", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    table = load_embedded_table()
    true, features = table.metric("accuracy").values, table.space.encode(table.space.members)
    with np.load(arguments.supernets) as content:
        names = list(map(str, content["names"]))
    models = []
    for name in names:
        scores = read_supernet_scores(f"{arguments.supernets}:{name}", table).values[:, 0]
        models.append(fit_noise_model(name, true, scores, features, epochs=supernet_epochs(name)))
        print(f"{name:60} tau {models[-1].tau:6.3f}, best tenth {models[-1].tau_best:6.3f}", flush=True)
    one_shot = [model for model in models if "baseline" in model.name] or models
    arguments.out.write_text(noise_models_to_json([pool_noise_models(DEFAULT_NOISE_MODEL, one_shot), *models]))


if __name__ == "__main__":
    main()
