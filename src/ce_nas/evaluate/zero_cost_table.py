"""The zero-cost proxies of NAS-Bench-201 that come with the package: read without torch.

``scripts/zero_cost_nb201.py`` computed them; ``docs/zero-cost.md`` says how well they order the cells.
"""

from __future__ import annotations

import json
from importlib import resources
from typing import Any

import numpy as np

from ce_nas.core.errors import TableError

__all__ = ["load_builtin"]

_FILE = "nb201_zero_cost.npz"


def load_builtin() -> tuple[tuple[str, ...], np.ndarray, dict[str, Any]]:
    """Names, scores and settings of the shipped table.

    :returns: the proxies' names, shape ``(k,)``; their scores, shape ``(15625, k)``, float32, finite, larger is
        better, in the order of ``NasBench201Space().members``; and how they were measured: the fields of
        :class:`~ce_nas.evaluate.zero_cost.ZeroCostSettings`, and script, torch, hardware and seconds.
    :raises TableError: if the installation lacks the file.
    """
    try:
        with resources.files("ce_nas.data").joinpath(_FILE).open("rb") as file, np.load(file) as table:
            names = tuple(table["names"].tolist())
            return names, table["scores"], json.loads(str(table["settings"]))
    except (FileNotFoundError, ModuleNotFoundError) as error:
        message = f"Expected {_FILE} in the package's data, but it is not installed; reinstall ce-nas."
        raise TableError(message) from error
