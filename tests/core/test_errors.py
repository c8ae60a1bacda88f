"""All exceptions derive from CeNasError, and messages name the way out."""

import inspect

import pytest

from ce_nas.core import errors
from ce_nas.core.errors import CeNasError, MissingExtraError, unknown_choice_message


def test_all_errors_derive_from_base():
    classes = [error for _, error in inspect.getmembers(errors, inspect.isclass) if issubclass(error, Exception)]
    assert len(classes) > 5
    assert all(issubclass(error, CeNasError) for error in classes)
    assert all(error.__name__ in errors.__doc__ for error in classes)


@pytest.mark.parametrize("name", ["acuracy", "acc", "Accuracy"])
def test_unknown_choice_suggests_closest_name(name):
    message = unknown_choice_message("objective", name, ["latency", "accuracy", "params"])
    assert message.startswith(f"Unknown objective {name!r}; expected one of: accuracy, latency, params.")
    assert ("Did you mean 'accuracy'?" in message) == (name != "acc")


def test_unknown_choice_without_close_name():
    assert "mean" not in unknown_choice_message("objective", "zzz", ["latency", "accuracy"])


def test_missing_extra_names_install_command():
    message = str(MissingExtraError("torch", "torch", "Scoring a network"))
    assert "'torch'" in message
    assert message.endswith("pip install 'ce-nas[torch]'")
