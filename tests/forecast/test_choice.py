"""Every name stands for the forecaster of that name."""

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.engine.names import FORECASTERS
from ce_nas.forecast.choice import named


@pytest.mark.parametrize("name", FORECASTERS)
def test_a_name_gives_the_forecaster_of_that_name(name):
    if name == "mstl":
        pytest.importorskip("statsforecast", reason="the forecaster mstl needs the extra 'baselines'")
    assert named(name).name == name


def test_another_name_is_refused_with_the_nearest():
    with pytest.raises(SettingsError, match="Did you mean 'adaptive'"):
        named("adaptiv")
