"""What every crew keeps: each task is begun, gone on with and reported once, whatever befalls its worker."""

import collections
import functools
import queue
from dataclasses import replace

import pytest

from ce_nas.benchmarks.base import Failure
from ce_nas.cluster.workers.base import Said
from ce_nas.cluster.workers.local import LocalCrew, Patience
from ce_nas.core.records import Task, TaskKind
from ce_nas.testing.fake_executor import Mishap, Rehearsal, RehearsalExecutor

MISHAPS = {
    2: Mishap.MEMORY, 3: Mishap.NAN, 4: Mishap.RAISE, 5: Mishap.DIE, 6: Mishap.HANG, 7: Mishap.STAY,
}  # fmt: skip
REHEARSAL = Rehearsal(steps=8, step_s=0.05, mishaps=MISHAPS)


MAKE = functools.partial(RehearsalExecutor, REHEARSAL)


def local(folder):
    return LocalCrew(MAKE, ["cpu", "cpu"], folder, Patience(60.0, silence_s=1.6, grace_s=1.6))


def over_ray(folder):
    ray = pytest.importorskip("ray", reason="a crew over Ray needs the extra ray")
    from ce_nas.cluster.workers.ray import RayCrew

    ray.init(num_cpus=2, log_to_driver=False, include_dashboard=False, configure_logging=False)
    return RayCrew(MAKE, ["cpu", "cpu"], folder)


def over_slurm(folder):
    pytest.importorskip("submitit", reason="a crew over Slurm needs the extra slurm")
    from ce_nas.cluster.workers.slurm import SlurmCrew

    make = functools.partial(RehearsalExecutor, replace(REHEARSAL, step_s=0.15))  # an order to leave travels by a file
    return SlurmCrew(make, ["cpu", "cpu"], folder, {"timeout_min": 5}, cluster="local", look_s=0.05)


CREWS = {"local": local, "ray": over_ray, "slurm": over_slurm}
#: mishaps that a crew leaves to whoever keeps its machines
LEFT_ALONE = {"ray": {Mishap.HANG, Mishap.STAY}, "slurm": {Mishap.HANG, Mishap.STAY}}


class Opened:
    """A crew with the reports that came in."""

    def __init__(self, name, crew, folder):
        self.crew, self.folder, self.reports = crew, folder, queue.Queue()
        self.left_alone = LEFT_ALONE.get(name, set())
        self.loses_devices = name == "ray"  # whose machines come and go
        crew.open(self.reports.put)

    def hear(self, *said, timeout_s=150.0):
        """The next report of one of these kinds."""
        while True:
            report = self.reports.get(timeout=timeout_s)
            if report.said in said:
                return report

    def steps(self):
        lines = (self.folder / "steps").read_text().split("\n")[:-1]
        return collections.Counter(tuple(map(int, line.split())) for line in lines)


@pytest.fixture(scope="module", params=CREWS)
def opened(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("crew")
    crew = CREWS[request.param](folder)
    yield Opened(request.param, crew, folder)
    crew.close()
    if request.param == "ray":
        import ray

        ray.shutdown()


def evaluation(number):
    return Task(number, TaskKind.EVALUATION, ((number, 1),))


def test_a_task_is_said_to_be_worked_on_and_then_finished(opened):
    opened.crew.start(0, evaluation(0))
    assert opened.hear(*Said).said is Said.WORKING
    report = opened.hear(*Said)
    assert (report.said, report.device, report.task_id) == (Said.FINISHED, 0, 0)
    assert report.outcome.values == ((1.0, 2.0),)


def test_a_task_that_was_left_goes_on_elsewhere_and_no_step_is_taken_twice(opened):
    opened.crew.start(0, evaluation(1))
    opened.hear(Said.WORKING)
    opened.crew.leave(0)
    assert opened.hear(Said.LEFT, Said.FINISHED).said is Said.LEFT
    opened.crew.start(1, evaluation(1))
    assert opened.hear(Said.FINISHED).device == 1
    assert {opened.steps()[1, step] for step in range(8)} == {1}


@pytest.mark.parametrize(
    ("number", "failure"),
    [(2, Failure.OUT_OF_MEMORY), (3, Failure.DIVERGED), (4, Failure.ERROR), (5, Failure.LOST), (6, Failure.HUNG)],
)
def test_each_failure_has_its_name_and_the_task_goes_on_from_its_checkpoint(opened, number, failure):
    if MISHAPS[number] in opened.left_alone:
        pytest.skip("such a task is ended by Ray's or Slurm's own limits")
    opened.crew.start(1, evaluation(number))
    assert opened.hear(Said.FAILED, Said.FINISHED).failure is failure
    if failure is Failure.LOST and opened.loses_devices:
        opened.hear(Said.BACK)
    opened.crew.start(1, evaluation(number))
    assert opened.hear(Said.FAILED, Said.FINISHED).said is Said.FINISHED
    assert {opened.steps()[number, step] for step in range(8)} == {1}


def test_a_worker_that_does_not_leave_is_ended_after_its_grace(opened):
    if Mishap.STAY in opened.left_alone:
        pytest.skip("such a task is ended by Ray's or Slurm's own limits")
    opened.crew.start(0, evaluation(7))
    opened.hear(Said.WORKING)
    opened.crew.leave(0)
    assert "grace" in opened.hear(Said.LEFT).words
    opened.crew.start(0, evaluation(7))
    assert opened.hear(Said.FINISHED).task_id == 7


def test_an_order_to_leave_that_comes_too_late_does_no_harm(opened):
    opened.crew.start(0, evaluation(8))
    opened.hear(Said.FINISHED)
    opened.crew.leave(0)
    opened.crew.start(0, evaluation(9))
    assert opened.hear(Said.FINISHED, Said.LEFT, Said.FAILED).task_id == 9


@pytest.mark.parametrize("name", CREWS)
def test_a_crew_that_was_never_opened_closes(name, tmp_path, monkeypatch):
    if name == "ray":
        ray = pytest.importorskip("ray", reason="a crew over Ray needs the extra ray")
        monkeypatch.setattr(ray, "init", lambda **_: None)
    CREWS[name](tmp_path).close()
