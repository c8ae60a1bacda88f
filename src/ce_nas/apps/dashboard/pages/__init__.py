"""The pages of the dashboard: each module renders one page from data that it is given.

- overview: the list of runs
- run: one run, kept up to date
- explain: why a run did what it did
- compare: runs side by side
- zones: forecasts and best start times
- pilot: a form, and the decision paper
"""
