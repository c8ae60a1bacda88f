import io
import json

import pandas as pd
import pytest
from typer.testing import CliRunner

import ce_nas
from ce_nas.apps.cli.main import app
from ce_nas.core.errors import MissingExtraError, SettingsError, StoreError
from ce_nas.integrations.exports import FORMS, export
from ce_nas.integrations.exports.tool_formats import CODECARBON_COLUMNS

TEXT = {"type": "string"}
NUMBER = {"type": "number"}
#: the published structure of a BoAmps report, in our words: what is required, and of which type
BOAMPS = {
    "type": "object",
    "required": ["task", "measures", "infrastructure"],
    "properties": {
        "header": {
            "required": ["reportDatetime"],
            "properties": {
                "reportDatetime": {"type": "string", "pattern": r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d$"},
                "reportStatus": {"enum": ["draft", "final", "corrective", "other"]},
                "publisher": {
                    "required": ["confidentialityLevel"],
                    "properties": {"confidentialityLevel": {"enum": ["public", "internal", "confidential", "secret"]}},
                },
            },
        },
        "task": {
            "required": ["taskStage", "taskFamily", "algorithms", "dataset"],
            "properties": {
                "taskStage": TEXT,
                "taskFamily": TEXT,
                "algorithms": {"type": "array", "minItems": 1, "items": {"type": "object"}},
                "dataset": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "required": ["dataUsage", "dataType"],
                        "properties": {
                            "dataUsage": {"enum": ["input", "output"]},
                            "dataType": {"enum": ["tabular", "audio", "image", "video", "text", "token", "other"]},
                        },
                    },
                },
            },
        },
        "measures": {
            "type": "array",
            "minItems": 1,
            "items": {
                "required": ["measurementMethod", "powerConsumption"],
                "properties": {
                    "measurementMethod": TEXT,
                    "powerConsumption": NUMBER,
                    "measurementDuration": NUMBER,
                    "measurementDateTime": TEXT,
                },
            },
        },
        "infrastructure": {
            "required": ["infraType", "components"],
            "properties": {
                "infraType": {"enum": ["publicCloud", "privateCloud", "onPremise", "other"]},
                "components": {
                    "type": "array",
                    "minItems": 1,
                    "items": {
                        "required": ["componentType", "nbComponent"],
                        "properties": {"componentType": TEXT, "nbComponent": {"type": "integer"}},
                    },
                },
            },
        },
        "environment": {
            "required": ["country"],
            "properties": {"country": TEXT, "powerSourceCarbonIntensity": NUMBER},
        },
        "quality": {"enum": ["high", "medium", "low"]},
    },
}


@pytest.fixture(scope="module")
def run_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("export") / "run"
    ce_nas.run(out=path, hours=4, gpus=2, grid="solar", policy="vanilla", searcher="random")
    return path


@pytest.fixture(scope="module")
def result(run_path):
    return ce_nas.Result.read(run_path)


@pytest.fixture
def books(make_budget, fake_time):
    """The result of a loop of the caller's."""
    with make_budget("50kg") as budget:
        for number in range(4):
            fake_time.advance(1800)
            budget.check()
            budget.record("result", {"number": number, "complete": True, "values": [0.5], "params": {"x": number}})
    return budget.result


def test_tables_hold_every_result(result, books):
    expected = result.to_frame()
    pd.testing.assert_frame_equal(pd.read_csv(io.BytesIO(export(result, "csv"))), expected)
    pd.testing.assert_frame_equal(pd.read_parquet(io.BytesIO(export(result, "parquet"))), expected)
    table = pd.read_csv(io.BytesIO(export(books, "csv")))
    assert list(table.columns) == ["number", "complete", "params.x", "values.0"]
    assert list(table["params.x"]) == [0, 1, 2, 3]


def test_parquet_without_its_extra_is_refused_in_words(result, monkeypatch):
    monkeypatch.setattr("ce_nas.core.errors.find_spec", lambda name: None)
    with pytest.raises(MissingExtraError, match=r"form parquet needs .*'ce-nas\[parquet\]'$"):
        export(result, "parquet")
    assert len(export(result, "csv")) > 0


def test_a_boamps_report_has_its_published_structure(result, books):
    jsonschema = pytest.importorskip("jsonschema", reason="needs jsonschema")
    for one in (result, books):
        report = json.loads(export(one, "boamps"))
        jsonschema.validate(report, BOAMPS)
        assert report["measures"][0]["powerConsumption"] == pytest.approx(one.summary.energy_j / 3.6e6)
        assert "environment" not in report  # a synthetic grid is in no country
    assert json.loads(export(books, "boamps"))["quality"] == "high"
    assert json.loads(export(result, "boamps"))["quality"] == "medium"


def test_a_codecarbon_row_is_read_as_its_own(result):
    table = pd.read_csv(io.BytesIO(export(result, "codecarbon")))
    assert tuple(table.columns) == CODECARBON_COLUMNS
    row = table.iloc[0]
    assert row["emissions"] * 1000 == pytest.approx(result.summary.carbon_g["full"])
    assert row["energy_consumed"] * 3.6e6 == pytest.approx(result.summary.energy_j)
    assert row["duration"] == pytest.approx(result.summary.simulated_hours * 3600)
    assert row["emissions_rate"] * row["duration"] == pytest.approx(row["emissions"])
    assert pd.isna(row["cpu_energy"])  # unknown is no zero


def test_the_columns_are_those_of_codecarbon():
    output = pytest.importorskip("codecarbon.output_methods.emissions_data", reason="needs codecarbon")
    assert set(CODECARBON_COLUMNS) <= set(output.EmissionsData.__dataclass_fields__)


def test_hugging_face_reads_the_emissions_of_the_card(result, books, tmp_path):
    hub = pytest.importorskip("huggingface_hub", reason="needs huggingface_hub")
    for one in (result, books):
        card = hub.ModelCard(export(one, "model-card").decode())
        emissions = card.data.to_dict()["co2_eq_emissions"]
        assert emissions["emissions"] == pytest.approx(one.summary.carbon_g["full"])
        assert set(emissions) == {"emissions", "source", "training_type", "geographical_location", "hardware_used"}
    assert "simulated" in hub.ModelCard(export(result, "model-card").decode()).data.co2_eq_emissions["source"]
    card.save(tmp_path / "README.md")
    assert hub.ModelCard.load(tmp_path / "README.md").data.co2_eq_emissions == emissions


def test_the_software_carbon_intensity_is_of_an_architecture_and_of_the_model(result):
    sci = json.loads(export(result, "sci"))
    assert (
        sci["O_g"] == pytest.approx(sci["E_kwh"] * sci["I_g_per_kwh"]) == pytest.approx(result.summary.carbon_g["full"])
    )
    total = sci["O_g"] + sci["M_g"]
    by_unit = {score["functional_unit"]: score for score in sci["scores"]}
    assert by_unit["one evaluated architecture"]["sci_g_per_R"] == pytest.approx(total / result.summary.evaluations)
    assert by_unit["one found model"]["sci_g_per_R"] == pytest.approx(total)
    hours = sum(result.summary.device_hours_by_activity.values())
    assert sci["M_g"] == pytest.approx(hours * 462_500 / 44_676)  # (2500 kg / 8 + 150 kg) over 6 years at 85 %
    stated = json.loads(export(result, "sci", embodied_g_per_device_hour=20, water_l_per_kwh=0))
    assert stated["M_g"] == pytest.approx(20 * hours)
    assert stated["O_g"] == sci["O_g"]
    assert stated["water_l"] == 0
    assert sci["water_l"] == pytest.approx(1.8 * sci["E_kwh"])


def test_unknown_embodied_carbon_is_no_zero(books):
    sci = json.loads(export(books, "sci"))
    assert sci["M_g"] is None
    assert [score["sci_g_per_R"] for score in sci["scores"]] == [None, None]
    assert "unknown" in sci["M_origin"]


def test_the_energy_item_of_the_ai_act_has_its_method_and_uncertainty(result, books):
    simulated, metered = (json.loads(export(one, "ai-act")) for one in (result, books))
    assert (simulated["kind"], metered["kind"]) == ("simulated", "known")
    assert (simulated["relative_uncertainty"], metered["relative_uncertainty"]) == (0.25, 0.05)
    for item in (simulated, metered):
        assert item["energy_kwh_low"] < item["energy_kwh"] < item["energy_kwh_high"]
        assert sum(item["energy_kwh_by_activity"].values()) == pytest.approx(item["energy_kwh"])
        assert item["method"]
        assert item["computational_resources"]["device_hours"] > 0


def test_equal_journals_have_equal_exports(result, run_path):
    again = ce_nas.Result.read(run_path)
    assert all(export(result, form) == export(again, form) for form in FORMS)


def test_what_cannot_be_exported(result, make_budget, fake_time, tmp_path):
    with pytest.raises(SettingsError, match="Did you mean 'sci'"):
        export(result, "scii")
    with pytest.raises(SettingsError, match="leave it out"):
        export(result, "csv", water_l_per_kwh=1)
    with pytest.raises(SettingsError, match="0 or more"):
        export(result, "sci", water_l_per_kwh=-1)
    budget = make_budget("50kg", out=tmp_path / "run").open()
    fake_time.advance(60)
    budget.check()
    unfinished = budget.result
    with pytest.raises(StoreError, match="in progress"):
        export(unfinished, "sci")
    assert export(unfinished, "csv").startswith(b"number")
    budget.close()


def test_the_command_writes_each_form_and_overwrites_nothing(run_path, tmp_path):
    for form in FORMS:
        out = tmp_path / form
        command = ["export", str(run_path), "--to", form, "--out", str(out)]
        assert CliRunner().invoke(app, command, catch_exceptions=False).exit_code == 0
        assert out.stat().st_size > 100
        assert isinstance(CliRunner().invoke(app, command).exception, StoreError)
    printed = CliRunner().invoke(app, ["export", str(run_path), "--to", "sci", "--embodied", "20"])
    assert json.loads(printed.output)["M_origin"].startswith("20 g")
    assert isinstance(CliRunner().invoke(app, ["export", str(run_path), "--to", "parquet"]).exception, SettingsError)
