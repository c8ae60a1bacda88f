import pytest

from ce_nas.engine.study import Study

SMALL = {"hours": 6, "gpus": 3, "searcher": "uniform", "zone": "solar", "seed": 3}


@pytest.fixture
def small_study():
    """A search that takes a tenth of a second, with settings of one's own over it."""

    def make(base=None, /, **flags):
        from ce_nas.engine.settings import settings_from_flags

        return Study(settings_from_flags(base, **{**SMALL, **flags}))

    return make
