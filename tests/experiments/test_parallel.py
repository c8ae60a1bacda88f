import operator

import pytest

from ce_nas.experiments.parallel import in_parallel


def test_every_job_is_done_once_whatever_the_processes():
    assert list(in_parallel(abs, [-1, -2, 3], 1)) == [1, 2, 3]
    assert sorted(in_parallel(abs, [-1, -2, 3], 2)) == [1, 2, 3]
    assert list(in_parallel(abs, [], 2)) == []


def test_what_fails_is_told():
    with pytest.raises(TypeError):
        list(in_parallel(operator.neg, [1, "one"], 2))
