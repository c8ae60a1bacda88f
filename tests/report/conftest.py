import pytest

from ce_nas.api import Study


@pytest.fixture(scope="session")
def result():
    """A finished run with every activity in it."""
    return Study.of(hours=9, gpus=3, searcher="uniform", policy="heuristic", zone="wind", seed=2).run()


@pytest.fixture(scope="session")
def lamoo():
    """A finished run whose searcher divides the space."""
    return Study.of(hours=8, gpus=6, searcher="lamoo", policy="heuristic", zone="wind", seed=1).run()
