"""The colours of charts: distinct from their background, and from one another."""

import itertools

import pytest

from ce_nas.report.plotting import palette


def luminance(colour):
    """Relative luminance (WCAG 2.2)."""
    channels = [int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5)]
    linear = [value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4 for value in channels]
    return sum(share * value for share, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True))


def contrast(first, second):
    """Contrast ratio (WCAG 2.2), 1 to 21."""
    lighter, darker = sorted((luminance(first), luminance(second)), reverse=True)
    return (lighter + 0.05) / (darker + 0.05)


@pytest.mark.parametrize("colour", palette.RUN_COLOURS)
def test_lines_of_runs_are_seen_on_white(colour):
    assert contrast(colour, "#ffffff") >= 3.0  # graphical objects, WCAG 1.4.11


@pytest.mark.parametrize("colour", [palette.BLUE, palette.ORANGE, palette.BLACK, palette.GREY])
def test_text_is_readable_on_white(colour):
    assert contrast(colour, "#ffffff") >= 4.5


def test_roles_of_gpus_differ_in_grey():
    pairs = itertools.pairwise(sorted(map(luminance, palette.ROLE_COLOURS.values())))
    assert all(lighter - darker > 0.1 for darker, lighter in pairs)


def test_wider_intervals_are_paler():
    assert sorted(palette.BAND_COLOURS, key=luminance, reverse=True) == list(palette.BAND_COLOURS)


def test_each_strategy_has_a_colour_of_its_own():
    named = [palette.strategy_colour(name) for name in palette.STRATEGY_COLOURS]
    others = [palette.strategy_colour("another", index) for index in range(6)]
    assert len({*named, *others}) == len(named) + len(others)
