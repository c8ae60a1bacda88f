import re

import pytest

testclient = pytest.importorskip("starlette.testclient", reason="needs the extras dashboard and live")

from ce_nas.apps.dashboard.prometheus import render_metrics  # noqa: E402

SAMPLE = re.compile(r'([a-z_]+)\{((?:[a-z_]+="[^"]*",?)+)\} (\S+)')
UNITS = ("grams", "joules", "seconds", "ratio")


@pytest.fixture(scope="module")
def page(dashboard):
    response = testclient.TestClient(dashboard, base_url="http://localhost").get("/metrics")
    assert response.status_code == 200
    assert response.headers["content-type"].startswith("text/plain; version=0.0.4")
    return response.text


def test_every_line_is_one_of_the_format(page):
    for line in page.splitlines():
        assert line.startswith(("# HELP ce_nas_", "# TYPE ce_nas_")) or SAMPLE.fullmatch(line), line


def test_what_only_grows_ends_in_total_and_units_are_base_units(page):
    kinds = dict(re.findall(r"# TYPE (\S+) (\S+)", page))
    assert len(kinds) >= 10
    for name, kind in kinds.items():
        assert name.endswith("_total") == (kind == "counter"), name
        assert not re.search(r"kwh|_kg|hours|percent", name), name
    for unit in UNITS:
        assert any(unit in name for name in kinds), unit


def test_the_values_are_those_of_the_run(page, run_root):
    from ce_nas.api import Result

    summary = Result.read(run_root / "wind").summary
    samples = [match.groups() for match in SAMPLE.finditer(page) if 'run="runs~wind"' in match.group(2)]
    grams = sum(float(value) for name, _, value in samples if name == "ce_nas_carbon_grams_total")
    joules = sum(float(value) for name, _, value in samples if name == "ce_nas_energy_joules_total")
    assert grams == pytest.approx(summary.carbon_g["full"])
    assert joules == pytest.approx(summary.energy_j)
    assert ("ce_nas_trainings_total", 'run="runs~wind"', f"{float(summary.evaluations)!r}") in samples


def test_the_client_of_prometheus_parses_it(page):
    parser = pytest.importorskip("prometheus_client.parser", reason="needs prometheus-client")
    families = {family.name: family for family in parser.text_string_to_metric_families(page)}
    assert families["ce_nas_carbon_grams"].type == "counter"
    assert {sample.labels["run"] for sample in families["ce_nas_run_info"].samples} >= {"runs~wind", "runs~killed"}


def test_without_runs_there_are_no_samples():
    assert not SAMPLE.search(render_metrics([]))
