"""Every example in a docstring runs."""

import doctest
import importlib
from pathlib import Path

import pytest

import ce_nas

SOURCE = Path(ce_nas.__file__).parent
MODULES = sorted(
    ".".join(path.relative_to(SOURCE.parent).with_suffix("").parts).removesuffix(".__init__")
    for path in SOURCE.rglob("*.py")
    if ">>> " in path.read_text()
)
#: the packages of extras that the examples of a module need
PACKAGES = {
    "ce_nas.integrations.optuna": ["optuna"],
    "ce_nas.integrations.optuna_budget": ["optuna"],
    "ce_nas.integrations.surrogate_sampler": ["optuna"],
    "ce_nas.space.conversion": ["optuna", "ConfigSpace"],
}


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    try:
        for package in PACKAGES.get(name, ()):
            importlib.import_module(package)
        module = importlib.import_module(name)
    except ImportError as error:
        pytest.skip(f"needs an extra: {error}")
    found = doctest.testmod(module, optionflags=doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE)
    assert found.attempted
    assert not found.failed
