"""One tree of errors, each with a way out."""

import inspect

import pytest

from ce_nas.core import errors
from ce_nas.core.errors import CeNasError, MissingExtraError, one_of


def test_whatever_is_raised_on_purpose_has_one_root():
    classes = [one for _, one in inspect.getmembers(errors, inspect.isclass) if issubclass(one, Exception)]
    assert len(classes) > 5
    assert all(issubclass(one, CeNasError) for one in classes)
    assert all(one.__name__ in errors.__doc__ for one in classes)


@pytest.mark.parametrize("got", ["acuracy", "acc", "Accuracy"])
def test_the_nearest_name_is_suggested(got):
    sentence = one_of("objective", got, ["latency", "accuracy", "params"])
    assert sentence.startswith(f"Unknown objective {got!r}; expected one of: accuracy, latency, params.")
    assert ("Did you mean 'accuracy'?" in sentence) == (got != "acc")


def test_nothing_is_suggested_where_nothing_is_near():
    assert "mean" not in one_of("objective", "zzz", ["latency", "accuracy"])


def test_a_missing_extra_says_how_to_install_it():
    message = str(MissingExtraError("torch", "torch", "Scoring a network"))
    assert "'torch'" in message
    assert message.endswith("pip install 'ce-nas[torch]'")
