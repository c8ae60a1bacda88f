import io

from rich.console import Console

from ce_nas.cli import download


def test_a_terminal_shows_a_bar(monkeypatch):
    shown = io.StringIO()
    monkeypatch.setattr(download, "Console", lambda **_: Console(file=shown, force_terminal=True, width=100))
    with download.show_download(quiet=False) as show:
        show("a.bin", 50, None)
        show("a.bin", 100, 100)
    assert "a.bin" in shown.getvalue()
    assert "100%" in shown.getvalue() or "100/100 bytes" in shown.getvalue()


def test_elsewhere_nothing_is_shown(capsys):
    for quiet in (True, False):
        with download.show_download(quiet=quiet) as show:
            show("a.bin", 1, 2)
    assert capsys.readouterr() == ("", "")
