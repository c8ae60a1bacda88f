"""Fit the noise models of supernets: ``python scripts/supernet_noise.py SUPERNETS.npz [--out FILE]``.

``SUPERNETS.npz`` holds ``names`` and ``accuracy`` of shape (supernets, 15625) by NAS-Bench-201 index, on CIFAR-10. Each
is compared with the validation accuracy after 200 epochs of the embedded table. Beside each supernet's model the file
holds the mean of those that are one-shot (``baseline`` in the name), called one-shot, which comes first. It is what
``--benchmark nasbench301`` draws cheap scores from; the package ships the file of the published supernets.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ce_nas.benchmarks.nasbench201 import embedded_table
from ce_nas.benchmarks.proxy_scores import epochs_of, read_scores
from ce_nas.benchmarks.supernet_noise import ONE_SHOT, as_json, fit_noise, pooled

OUTPUT = Path(__file__).parents[1] / "src" / "ce_nas" / "data" / "supernet_noise.json"


def main() -> None:
    """Fit, print, write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("supernets", type=Path)
    parser.add_argument("--out", type=Path, default=OUTPUT)
    arguments = parser.parse_args()
    table = embedded_table()
    true, features = table.metric("accuracy").values, table.space.encode(table.space.members)
    with np.load(arguments.supernets) as content:
        names = list(map(str, content["names"]))
    models = []
    for name in names:
        found = read_scores(f"{arguments.supernets}:{name}", table).values[:, 0]
        models.append(fit_noise(name, true, found, features, epochs=epochs_of(name)))
        print(f"{name:60} tau {models[-1].tau:6.3f}, best tenth {models[-1].tau_best:6.3f}", flush=True)
    one_shot = [model for model in models if "baseline" in model.name] or models
    arguments.out.write_text(as_json([pooled(ONE_SHOT, one_shot), *models]))


if __name__ == "__main__":
    main()
