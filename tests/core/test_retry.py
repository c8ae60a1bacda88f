import pytest

pytest.importorskip("tenacity", reason="needs the extra 'live'")

from ce_nas.core.retry import RetryableError, RetryPolicy


class LostError(RetryableError):
    def __init__(self, *, retryable, retry_after_s=None):
        super().__init__("lost")
        self.retryable, self.retry_after_s = retryable, retry_after_s


def call_with_errors(policy, *errors):
    """The result of an operation that raises these errors before it succeeds, and the waits in between."""
    remaining, waits = list(errors), []

    def operation():
        if remaining:
            raise remaining.pop(0)
        return "found"

    try:
        return policy.call(operation, waits.append), waits
    except (RetryableError, ValueError) as error:
        return error, waits


def test_retry_waits_double():
    assert call_with_errors(RetryPolicy(), *[LostError(retryable=True)] * 3) == ("found", [1.0, 2.0, 4.0])


def test_retry_stops_after_max_attempts():
    errors = [LostError(retryable=True) for _ in range(4)]
    assert call_with_errors(RetryPolicy(), *errors) == (errors[-1], [1.0, 2.0, 4.0])


@pytest.mark.parametrize(
    "error",
    [LostError(retryable=False), ValueError("not ours"), LostError(retryable=True, retry_after_s=500)],
)
def test_no_retry_of_other_errors(error):
    assert call_with_errors(RetryPolicy(), error) == (error, [])


def test_retry_after_is_kept():
    assert call_with_errors(RetryPolicy(), LostError(retryable=True, retry_after_s=7)) == ("found", [7])
