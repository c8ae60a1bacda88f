"""The command ``ce-nas``: one module per command, which imports what it needs when it runs.

- main: the commands, and the handling of errors
- shared_options: options that several commands share, made from the settings
- search, explain, watch, logs, compare: a search, its report and explanation
- bench: the experiments
- forecast, grid, policy, data, config, doctor: forecasters, providers, learned policies, data sets, settings, checks
- pilot, serve: the decision paper, the dashboard
- display, tables, watch_view: output in a terminal
"""
