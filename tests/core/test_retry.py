import pytest

pytest.importorskip("tenacity", reason="needs the extra 'live'")

from ce_nas.core.retry import Patience, Setback


class Lost(Setback):
    def __init__(self, *, passing, retry_after_s=None):
        super().__init__("lost")
        self.passing, self.retry_after_s = passing, retry_after_s


def tried(patience, *errors):
    """What became of an attempt that fails with these errors before it succeeds, and the waits in between."""
    left, waits = list(errors), []

    def attempt():
        if left:
            raise left.pop(0)
        return "found"

    try:
        return patience.persist(attempt, waits.append), waits
    except (Setback, ValueError) as error:
        return error, waits


def test_what_passes_is_tried_again_after_growing_waits():
    assert tried(Patience(), *[Lost(passing=True)] * 3) == ("found", [1.0, 2.0, 4.0])


def test_patience_runs_out():
    errors = [Lost(passing=True) for _ in range(4)]
    assert tried(Patience(), *errors) == (errors[-1], [1.0, 2.0, 4.0])


@pytest.mark.parametrize("error", [Lost(passing=False), ValueError("not ours"), Lost(passing=True, retry_after_s=500)])
def test_what_does_not_pass_is_not(error):
    assert tried(Patience(), error) == (error, [])


def test_a_stated_wait_is_kept():
    assert tried(Patience(), Lost(passing=True, retry_after_s=7)) == ("found", [7])
