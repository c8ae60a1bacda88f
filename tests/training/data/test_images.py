import numpy as np
import pytest

from ce_nas.core.errors import DataError, SettingsError
from ce_nas.training.data.images import Images, build_image_dataset, concatenate_images


def images(n=40, classes=4, side=5):
    rng = np.random.default_rng(n)
    return Images(rng.integers(0, 256, size=(n, 3, side, side), dtype=np.uint8), np.arange(n) % classes)


def test_statistics_are_of_the_training_images():
    train = images()
    data = build_image_dataset("x", "synthetic", train, images(8))
    scaled = train.pixels / 255.0
    np.testing.assert_allclose(data.mean, scaled.mean(axis=(0, 2, 3)))
    np.testing.assert_allclose(data.std, scaled.std(axis=(0, 2, 3)))
    assert data.image_shape == (3, 5, 5)
    assert data.classes == 4


def test_a_constant_channel_has_a_std_of_one():
    flat = Images(np.full((4, 1, 2, 2), 7, dtype=np.uint8), np.array([0, 1, 0, 1]))
    assert build_image_dataset("x", "synthetic", flat, flat).std == [1.0]


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_a_split_is_stratified_and_complete(share):
    whole = build_image_dataset("x", "synthetic", images(), images(8))
    parts = whole.split(share, seed=3)
    assert len(parts.validation) == share * 40
    assert np.bincount(parts.validation.labels).tolist() == [int(share * 10)] * 4
    together = np.concatenate([parts.train.pixels, parts.validation.pixels]).reshape(40, -1)
    assert sorted(map(tuple, together)) == sorted(map(tuple, whole.train.pixels.reshape(40, -1)))


def test_the_same_seed_gives_the_same_split():
    whole = build_image_dataset("x", "synthetic", images(), images(8))
    first, again, other = (whole.split(0.5, seed).validation.pixels for seed in (1, 1, 2))
    assert (first == again).all()
    assert (first != other).any()


@pytest.mark.parametrize("share", [0, 1, 0.01, 0.99])
def test_a_share_that_empties_a_class_is_refused(share):
    with pytest.raises(SettingsError, match="share for validation"):
        build_image_dataset("x", "synthetic", images(), images(8)).split(share, 0)


def test_invalid_images_are_refused():
    with pytest.raises(DataError, match="bytes of shape"):
        Images(np.zeros((2, 3, 4, 4)), np.zeros(2))
    with pytest.raises(DataError, match="label each"):
        Images(np.zeros((2, 3, 4, 4), dtype=np.uint8), np.zeros(3))


def test_labels_and_sizes_must_match():
    with pytest.raises(DataError, match="labels from 0 to 1"):
        build_image_dataset("x", "synthetic", images(), images(8), classes=2)
    with pytest.raises(DataError, match="test images of the training images' size"):
        build_image_dataset("x", "synthetic", images(), images(8, side=6))


def test_truncate_and_concatenate():
    whole = build_image_dataset("x", "synthetic", images(), images(8))
    short = whole.truncate(10, 4)
    assert (len(short.train), len(short.test)) == (10, 4)
    assert len(concatenate_images([short.train, short.test])) == 14
