import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="real trainings need the extra torch")


@pytest.fixture(scope="session")
def digits():
    from ce_nas.training.data.sources import load_images

    return load_images("digits").split(0.25, seed=0)


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, size=(20, 3, 32, 32), dtype=np.uint8)
