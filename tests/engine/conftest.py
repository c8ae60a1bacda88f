from dataclasses import replace

import pytest

from ce_nas.api import Study
from ce_nas.benchmarks.supernet_noise import as_json, read_noise

SMALL = {"hours": 6, "gpus": 3, "searcher": "uniform", "zone": "solar", "seed": 3}


@pytest.fixture
def small_study():
    """A search that takes a tenth of a second, with settings of one's own over it."""

    def make(base=None, /, **flags):
        from ce_nas.config.schema import settings_from_flags

        return Study(settings_from_flags(base, **{**SMALL, **flags}))

    return make


@pytest.fixture
def nb301_flags(tiny_nb301, tmp_path):
    """Flags of a search in the DARTS space whose supernet is trained in minutes."""
    noise = tmp_path / "noise.json"
    noise.write_text(as_json([replace(read_noise(), epochs=10)]))
    return {
        "benchmark": "nasbench301",
        "table": tiny_nb301,
        "cheap_scores": str(noise),
        "objectives": "accuracy:max:0,flops",
    }
