import json

import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.report.plotting.policy_training import plot_learning_curves, read_training_report


def test_learning_curves_of_all_seeds_are_drawn(tmp_path):
    curves = [{"seed": seed, "steps": [0, 64, 128], "costs": [0.3, 0.2, 0.1 * (1 + seed)]} for seed in (0, 1)]
    shown, nothing = {"demonstrations": 100}, {"demonstrations": 0}
    (tmp_path / "training.json").write_text(json.dumps({"curves": curves[:1], "settings": shown}))
    one = plot_learning_curves(tmp_path).read_bytes()
    (tmp_path / "training.json").write_text(json.dumps({"curves": curves, "settings": shown}))
    path = plot_learning_curves(tmp_path)
    assert path == tmp_path / "training.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    both = path.read_bytes()
    assert both != one
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "training.json").write_text(json.dumps({"curves": curves, "settings": nothing}))
    assert plot_learning_curves(tmp_path, [tmp_path / "other"]).read_bytes() != both


@pytest.mark.parametrize("content", [None, "", "[]", "{}", '{"settings": 1, "curves": []}'])
def test_missing_or_damaged_training_report_is_refused(content, tmp_path):
    if content is not None:
        (tmp_path / "training.json").write_text(content)
    with pytest.raises(SettingsError, match=r"Expected the report of a finished training in .*training\.json"):
        read_training_report(tmp_path)
