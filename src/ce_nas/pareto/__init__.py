"""Dominance, fronts and hypervolume: pure functions of arrays whose columns are all minimised."""
