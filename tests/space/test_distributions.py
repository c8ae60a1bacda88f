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
def test_whatever_is_decoded_mutated_or_near_by_is_a_value(domain, seed):
    values = drawn(domain, seed)
    changed = domain.mutated(values, np.random.default_rng(seed))
    near = [one for value in values.tolist() for one in domain.nearby(value)]
    assert all(domain.contains(value) for value in [*values.tolist(), *changed.tolist(), *near])


@given(DOMAINS, st.integers(0, 99))
def test_encoding_lies_in_the_unit_interval_and_decoding_undoes_it(domain, seed):
    values = drawn(domain, seed)
    units = domain.encode(values)
    assert units.shape == (len(values), domain.width)
    assert ((units >= -1e-9) & (units <= 1 + 1e-9)).all()
    assert np.allclose(domain.decode(units), values, rtol=1e-9)


@given(DOMAINS, st.integers(0, 99))
def test_text_is_read_as_the_same_value(domain, seed):
    for value in drawn(domain, seed).tolist():
        assert domain.parse(domain.text(value)) == value


@given(st.one_of(INTEGERS, CATEGORICALS), st.integers(0, 99))
def test_a_mutation_changes_what_can_be_changed(domain, seed):
    values = drawn(domain, seed)
    changed = domain.mutated(values, np.random.default_rng(seed))
    assert (changed != values).all() == (domain.size > 1)


@pytest.mark.parametrize("log", [False, True])
def test_whole_numbers_are_equally_likely_or_by_ratio(log):
    counts = np.bincount(drawn(Integer(1, 4, log), 0, 40_000), minlength=5)[1:] / 40_000
    expected = np.diff(np.log([0.5, 1.5, 2.5, 3.5, 4.5])) / np.log(9) if log else [0.25] * 4
    assert counts == pytest.approx(expected, abs=0.01)


def test_a_logarithmic_number_spends_as_much_on_each_factor_of_ten():
    values = drawn(Float(1e-4, 1.0, log=True), 0, 40_000)
    assert np.histogram(np.log10(values), bins=[-4, -3, -2, -1, 0])[0] / 40_000 == pytest.approx([0.25] * 4, abs=0.01)


def test_a_mutation_of_a_number_stays_near_by():
    values = np.full(2_000, 5.0)
    moved = np.abs(Float(0.0, 10.0).mutated(values, np.random.default_rng(0)) - values)
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
def test_what_is_no_value_is_not_contained(domain, wrong):
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
def test_domains_that_make_no_sense_are_refused(make, match):
    with pytest.raises(SettingsError, match=match):
        make()
