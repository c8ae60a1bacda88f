import math

from ce_nas.analysis.statistics import Interval
from ce_nas.core.formatting import figure_text, interval_text, probability_text


def test_figures_as_people_read_them():
    assert [figure_text(value) for value in (7.2249, 0.0, 12345.6, math.inf)] == ["7.22", "0", "12,346", "-"]
    assert interval_text(Interval(2.0, 1.0, math.inf)) == "2 [1, -]"
    assert interval_text(None) == ""
    assert (probability_text(0.00001), probability_text(0.0195)) == ("p < 0.001", "p = 0.019")


def test_a_comparison_of_pairs_names_how_many_were_better():
    from ce_nas.analysis.statistics import Paired
    from ce_nas.core.formatting import better_text
    from ce_nas.report.i18n.words import Words

    assert better_text(Paired(10, 9, 0.002), Words("en")) == "9 of 10, p = 0.002"
    assert better_text(Paired(10, 9, 0.002), Words("ja")) == "10 組中 9、p = 0.002"
    assert better_text(None, Words("en")) == ""
