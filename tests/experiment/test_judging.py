import pytest

from ce_nas.engine.materials import Materials
from ce_nas.engine.settings import settings_from_flags
from ce_nas.engine.study import Study
from ce_nas.experiment.judging import judged
from ce_nas.report.track import track


@pytest.fixture(scope="module")
def run():
    settings = settings_from_flags(hours=4, gpus=2, searcher="uniform", policy="all-evaluation", zone="gas")
    materials = Materials(settings)
    return materials, Study(settings, materials=materials).run()


def test_judged_by_its_own_objectives_an_answer_is_what_the_run_found(run):
    materials, result = run
    verdict = judged(("accuracy", "latency"), materials, result.entries)
    assert verdict.hypervolume == pytest.approx(track(result.entries).hypervolume)
    assert verdict.hypervolume_max == pytest.approx(materials.hypervolume_max)


def test_judged_by_others_it_counts_the_same_answer(run):
    materials, result = run
    verdict = judged(("accuracy", "params"), materials, result.entries)
    assert len(verdict.hypervolume) == len(track(result.entries).hypervolume)
    assert 0 < verdict.hypervolume[-1] < verdict.hypervolume_max
