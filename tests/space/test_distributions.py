import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import SettingsError
from ce_nas.space.distributions import Categorical, Float, Integer

FLOATS = st.builds(
    lambda low, width, log: Float(low, low + width, log), st.floats(1e-3, 1e3), st.floats(1e-3, 1e3), st.booleans()
)
INTEGERS = st.builds(
    lambda low, count, log: Integer(low, low + count, log), st.integers(1, 50), st.integers(0, 200), st.booleans()
)
CATEGORICALS = st.integers(1, 6).map(lambda count: Categorical(tuple("abcdef"[:count])))
DOMAINS = st.one_of(FLOATS, INTEGERS, CATEGORICALS)


def drawn(domain, seed, n=20):
    return domain.decode(np.random.default_rng(seed).random((n, domain.width)))


@given(DOMAINS, st.integers(0, 99))
def test_decode_mutate_and_neighbours_give_valid_values(domain, seed):
    values = drawn(domain, seed)
    changed = domain.mutate(values, np.random.default_rng(seed))
    near = [neighbour for value in values.tolist() for neighbour in domain.neighbours(value)]
    assert all(domain.contains(value) for value in [*values.tolist(), *changed.tolist(), *near])


@given(DOMAINS, st.integers(0, 99))
def test_encoding_round_trip_in_unit_interval(domain, seed):
    values = drawn(domain, seed)
    units = domain.encode(values)
    assert units.shape == (len(values), domain.width)
    assert ((units >= -1e-9) & (units <= 1 + 1e-9)).all()
    assert np.allclose(domain.decode(units), values, rtol=1e-9)


@given(DOMAINS, st.integers(0, 99))
def test_text_round_trip(domain, seed):
    for value in drawn(domain, seed).tolist():
        assert domain.parse(domain.text(value)) == value


@given(st.one_of(INTEGERS, CATEGORICALS), st.integers(0, 99))
def test_mutation_changes_discrete_values(domain, seed):
    values = drawn(domain, seed)
    changed = domain.mutate(values, np.random.default_rng(seed))
    assert (changed != values).all() == (domain.size > 1)


@pytest.mark.parametrize("log", [False, True])
def test_integer_sampling_is_uniform_or_log_uniform(log):
    counts = np.bincount(drawn(Integer(1, 4, log), 0, 40_000), minlength=5)[1:] / 40_000
    expected = np.diff(np.log([0.5, 1.5, 2.5, 3.5, 4.5])) / np.log(9) if log else [0.25] * 4
    assert counts == pytest.approx(expected, abs=0.01)


def test_log_float_sampling_is_log_uniform():
    values = drawn(Float(1e-4, 1.0, log=True), 0, 40_000)
    assert np.histogram(np.log10(values), bins=[-4, -3, -2, -1, 0])[0] / 40_000 == pytest.approx([0.25] * 4, abs=0.01)


def test_float_mutation_stays_near():
    values = np.full(2_000, 5.0)
    moved = np.abs(Float(0.0, 10.0).mutate(values, np.random.default_rng(0)) - values)
    assert 0.1 < np.median(moved) < 1.0


@pytest.mark.parametrize(
    ("domain", "wrong"),
    [
        (Float(0.6, 3.0), 0.5),
        (Float(0.6, 3.0), float("nan")),
        (Float(0.6, 3.0), float("inf")),
        (Integer(0, 3), 0.5),
        (Integer(0, 3), -1),
        (Integer(0, 3), float("nan")),
        (Integer(0, 3), float("inf")),
        (Categorical(("a", "b")), 2),
        (Categorical(("a", "b")), 0.5),
        (Categorical(("a", "b")), float("nan")),
    ],
)
def test_invalid_values_are_not_contained(domain, wrong):
    assert not domain.contains(wrong)


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: Float(1.0, 1.0), "the lower first"),
        (lambda: Float(0.0, float("inf")), "finite bounds"),
        (lambda: Float(0.0, 1.0, log=True), "above zero"),
        (lambda: Integer(3, 2), "the lower first"),
        (lambda: Integer(0, 2, log=True), "from 1 up"),
        (lambda: Categorical(()), "at least one"),
        (lambda: Categorical(("a", "a")), "different names"),
    ],
)
def test_invalid_domains_are_rejected(make, match):
    with pytest.raises(SettingsError, match=match):
        make()
