import json

from ce_nas.learn.curves import draw_curves


def test_a_curve_a_seed_is_drawn_beside_its_report(tmp_path):
    curves = [{"seed": seed, "steps": [0, 64, 128], "costs": [0.3, 0.2, 0.1 * (1 + seed)]} for seed in (0, 1)]
    shown, nothing = {"demonstrations": 100}, {"demonstrations": 0}
    (tmp_path / "training.json").write_text(json.dumps({"curves": curves[:1], "settings": shown}))
    one = draw_curves(tmp_path).read_bytes()
    (tmp_path / "training.json").write_text(json.dumps({"curves": curves, "settings": shown}))
    path = draw_curves(tmp_path)
    assert path == tmp_path / "training.png"
    assert path.read_bytes().startswith(b"\x89PNG")
    both = path.read_bytes()
    assert both != one
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "training.json").write_text(json.dumps({"curves": curves, "settings": nothing}))
    assert draw_curves(tmp_path, [tmp_path / "other"]).read_bytes() != both
