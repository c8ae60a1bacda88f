"""EfficientNet's macro space: B0, layouts and counts."""

import numpy as np
import pytest

from ce_nas.core.errors import TableError
from ce_nas.space.efficientnet import EfficientNetSpace, efficientnet_layout, layout_counts

SPACE = EfficientNetSpace()


def test_b0_has_the_published_stages_and_counts():
    layout = efficientnet_layout(SPACE.b0, (224, 224), large=True)
    assert [block.channels_out for block in layout.blocks] == (
        [16] + [24] * 2 + [40] * 2 + [80] * 3 + [112] * 3 + [192] * 4 + [320]
    )  # fmt: skip
    assert [block.kernel for block in layout.blocks] == [3] + [3] * 2 + [5] * 2 + [3] * 3 + [5] * 3 + [5] * 4 + [3]
    assert np.prod([layout.stem_stride, *(block.stride for block in layout.blocks)]) == 32
    assert layout.blocks[0].squeeze == 8
    assert layout.resolution == (224, 224)
    assert layout_counts(layout, 3, 1000) == (5_288_548, 385_815_752)


def test_small_images_are_halved_three_times():
    layout = efficientnet_layout(SPACE.b0, (32, 32), large=False)
    assert np.prod([layout.stem_stride, *(block.stride for block in layout.blocks)]) == 8


@pytest.mark.parametrize(("choice", "resolution"), [(0, 160), (1, 192), (2, 224), (3, 256)])
def test_the_resolution_is_a_variable(choice, resolution):
    layout = efficientnet_layout((*SPACE.b0[:-1], choice), (224, 224), large=True)
    assert layout.resolution == (resolution, resolution)


def test_text_round_trip():
    for architecture in SPACE.sample(np.random.default_rng(0), 3):
        assert SPACE.parse(SPACE.text(architecture)) == architecture
    with pytest.raises(TableError, match="a network of efficientnet such as"):
        SPACE.parse("b0")
