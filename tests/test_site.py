"""The documentation site builds without a warning, and every page is reachable from its menu."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
DOCS = ROOT / "docs"


def test_every_page_is_in_the_menu_once():
    trees = re.findall(r"```\{toctree\}\n(.*?)```", (DOCS / "index.md").read_text(), flags=re.DOTALL)
    listed = [line for tree in trees for line in tree.splitlines() if line and not line.startswith(":")]
    pages = {page.stem for page in DOCS.glob("*.md")} - {"index"}
    assert sorted(listed) == sorted(pages)


def test_the_reference_has_every_public_name():
    import ce_nas

    page = (DOCS / "api.md").read_text()
    documented = set(re.findall(r"^\.\. auto(?:class|function|exception):: (\w+)$", page, flags=re.MULTILINE))
    assert documented == set(ce_nas.__all__) - {"__version__"}


@pytest.mark.long
def test_the_site_builds_without_a_warning(tmp_path):
    for package in ("sphinx", "furo", "myst_parser"):
        pytest.importorskip(package, reason="the site needs the extra docs")
    done = subprocess.run(
        [sys.executable, "-m", "sphinx", "--quiet", "--fail-on-warning", "--keep-going", "-d", tmp_path / "doctrees",
         DOCS, tmp_path / "site"],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    quick_start = (tmp_path / "site/quick-start.html").read_text()
    assert "<h1>Quick start" in quick_start
    assert "ce-nas search" in re.sub("<[^>]*>", "", quick_start)  # each word has its colour
    settings = re.sub("<[^>]*>", "", (tmp_path / "site/settings.html").read_text())
    assert "a table of your own: --table FILE" in settings  # an option can be copied from the page
    assert 'id="ce_nas.Search.run"' in (tmp_path / "site/api.html").read_text()


@pytest.mark.slow
def test_the_picture_is_of_the_table_of_the_protocol(monkeypatch):
    """What the picture of the README says of itself is what it would be drawn with today."""
    monkeypatch.syspath_prepend(str(ROOT / "scripts"))
    import docs_figures
    from matplotlib.figure import Figure

    described = docs_figures.draw_grams(Figure())
    assert described == description(DOCS / "figures/grams.svg")
    for mass in re.findall(r"[\d.]+ kg", described):
        assert mass in (ROOT / "README.md").read_text()


@pytest.mark.long
def test_the_figures_are_drawn_again(tmp_path):
    subprocess.run([sys.executable, ROOT / "scripts/docs_figures.py", tmp_path], check=True, timeout=600)
    for drawn in tmp_path.glob("*.svg"):
        assert description(drawn) == description(DOCS / "figures" / drawn.name)


def description(picture):
    return re.search(r"<dc:description>(.*?)</dc:description>", picture.read_text()).group(1)


def test_the_text_states_what_the_figure_of_a_week_shows():
    figures = re.findall(r"[0-9]+ g/kWh", description(DOCS / "figures/week.svg"))
    text = (DOCS / "concepts.md").read_text()
    assert len(figures) == 2
    assert all(figure in text for figure in figures)
