import pytest

from ce_nas.analysis.replay_inputs import counterfactual_of, space_of
from ce_nas.core.errors import DataError, TraceError


def test_a_run_is_looked_back_on_with_what_it_was_begun_with(small_study):
    entries = small_study(hours=2, policy="fixed").run().entries
    found = counterfactual_of(entries)
    assert found.forecaster == entries[0].content["forecaster"]
    assert space_of(entries).size == entries[0].content["benchmark"]["architectures"]


def test_a_grid_that_has_changed_or_gone_is_said(small_study, tmp_path):
    trace = tmp_path / "grid.csv"
    hours = [f"2024-01-{1 + at // 24:02d}T{at % 24:02d}:00,{200 + at % 24}" for at in range(24 * 12)]
    trace.write_text("\n".join(["time,intensity", *hours]))
    entries = small_study(trace=trace, zone=None, hours=2, policy="fixed").run().entries
    assert counterfactual_of(entries).starts < 15  # the record is short
    trace.write_text(trace.read_text().replace(",210", ",211"))
    with pytest.raises(TraceError, match="have changed since"):
        counterfactual_of(entries)
    trace.unlink()
    with pytest.raises(DataError):
        counterfactual_of(entries)
