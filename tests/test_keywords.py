"""The signature that the settings give to a search."""

import inspect

import ce_nas
from ce_nas.api import Search
from ce_nas.config.schema import Settings, setting_flags
from ce_nas.keywords import with_setting_keywords


def test_the_signature_shows_every_flag_with_type_and_default():
    parameters = inspect.signature(Search).parameters
    assert set(setting_flags()) | set(Settings.model_fields) == set(parameters)
    assert (parameters["gpus"].default, parameters["gpus"].annotation) == (8, int)
    assert (parameters["hours"].default, parameters["policy"].default) == (80.0, "look-ahead")
    assert ce_nas.Policy in parameters["policy"].annotation.__args__
    assert next(iter(inspect.signature(ce_nas.run).parameters)) == "out"
    assert "carbon_budget: Carbon budget: 5kg" in Search.__doc__


def test_defaults_of_the_signature_are_those_of_the_settings():
    stated = {
        name: parameter.default
        for name, parameter in inspect.signature(Search).parameters.items()
        if parameter.default is not None
    }
    assert Search(**stated).settings == Settings()


def test_a_function_keeps_its_own_parameters_and_what_it_returns():
    @with_setting_keywords
    def plan(weeks: int, **keywords: object) -> str:
        return f"{weeks} {sorted(keywords)}"

    signature = inspect.signature(plan)
    assert next(iter(signature.parameters)) == "weeks"
    assert "keywords" not in signature.parameters
    assert signature.return_annotation is str
    assert plan(2, gpus=3) == "2 ['gpus']"
