import operator

import pytest

from ce_nas.experiments.parallel import run_in_parallel


def test_every_job_runs_once_for_any_number_of_processes():
    assert list(run_in_parallel(abs, [-1, -2, 3], 1)) == [1, 2, 3]
    assert sorted(run_in_parallel(abs, [-1, -2, 3], 2)) == [1, 2, 3]
    assert list(run_in_parallel(abs, [], 2)) == []


def test_error_of_a_job_is_raised():
    with pytest.raises(TypeError):
        list(run_in_parallel(operator.neg, [1, "one"], 2))
