from datetime import timedelta

import numpy as np
import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.forecast.dataset import AHEAD_DAYS, Span, lessons_of


@pytest.fixture
def spans(start):
    return Span(start, start + timedelta(days=60)), Span(start + timedelta(days=60), start + timedelta(days=70))


def test_forecasts_begin_and_end_in_their_span(grid, spans):
    _, (lessons,) = lessons_of([grid.record(known=grid.known)], *spans)
    assert (lessons.train.min(), lessons.train.max()) == (42 * 24, (60 - AHEAD_DAYS) * 24)
    assert lessons.validate.tolist() == [day * 24 for day in range(60, 66)]
    assert lessons.known_ahead == 96


def test_columns_are_scaled_by_the_training_span_alone(grid, spans):
    late = np.arange(len(grid.intensity)) >= 60 * 24
    known = {name: np.where(late, 1e6, values) for name, values in grid.known.items()}
    (first, _), (again, _) = (lessons_of([grid.record(known=one)], *spans) for one in (grid.known, known))
    assert first == again
    assert set(first.known) == set(grid.known)


def test_a_record_without_inputs_has_nothing_known_ahead(grid, spans):
    columns, (lessons,) = lessons_of([grid.record()], *spans)
    assert (columns.sources, dict(columns.known), lessons.known_ahead) == ((), {}, 0)


def test_steps_that_make_up_no_hours_are_refused(windy_grid, spans):
    with pytest.raises(SettingsError, match="got steps of 10800 s"):
        lessons_of([windy_grid(80, 0, 10800.0).record()], *spans)


def test_a_span_is_told_by_its_ends(start):
    assert Span(start, start + timedelta(days=1)).content() == ["2021-03-01 00:00 UTC", "2021-03-02 00:00 UTC"]
