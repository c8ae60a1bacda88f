"""Foundations without domain logic: records, units, clocks, random streams, errors, and readers of text and files.

- records: the records passed between the components of a run
- units: conversion factors, and parsers of quantities and times
- formatting: numbers and quantities as text for people
- clock: virtual and wall clock, with a queue of signals
- rng: named random streams of one seed; rank_correlation: Kendall's tau
- errors: the exceptions of the package
- retry: retries of requests with exponential backoff
- http: HTTP requests with time-outs, retries and size limits
- table_file, table_cells: reader of CSV and Parquet tables; their cells as numbers
- time_text, unit_text: parsers of times and units in tables
- safe_pickle: restricted unpickling of data sets
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.core.clock import Clock, VirtualClock, WallClock
    from ce_nas.core.errors import (
        CeNasError,
        ClusterError,
        DataError,
        EnergyError,
        MissingExtraError,
        ModelError,
        ReplayError,
        SettingsError,
        StoreError,
        TableError,
        TraceError,
    )
    from ce_nas.core.records import (
        Activity,
        Allocation,
        Architecture,
        BudgetState,
        ClusterState,
        EnergyReading,
        Forecast,
        GridState,
        Objective,
        Observation,
        Outcome,
        Rates,
        ReadingSource,
        SearchState,
        SiteState,
        State,
        StopReason,
        Task,
        TaskEvent,
        TaskEventKind,
        TaskKind,
    )
    from ce_nas.core.rng import random_stream

__all__ = [
    "Activity",
    "Allocation",
    "Architecture",
    "BudgetState",
    "CeNasError",
    "Clock",
    "ClusterError",
    "ClusterState",
    "DataError",
    "EnergyError",
    "EnergyReading",
    "Forecast",
    "GridState",
    "MissingExtraError",
    "ModelError",
    "Objective",
    "Observation",
    "Outcome",
    "Rates",
    "ReadingSource",
    "ReplayError",
    "SearchState",
    "SettingsError",
    "SiteState",
    "State",
    "StopReason",
    "StoreError",
    "TableError",
    "Task",
    "TaskEvent",
    "TaskEventKind",
    "TaskKind",
    "TraceError",
    "VirtualClock",
    "WallClock",
    "random_stream",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "clock": ["Clock", "VirtualClock", "WallClock"],
        "errors": [
            "CeNasError",
            "ClusterError",
            "DataError",
            "EnergyError",
            "MissingExtraError",
            "ModelError",
            "ReplayError",
            "SettingsError",
            "StoreError",
            "TableError",
            "TraceError",
        ],
        "records": [
            "Activity",
            "Allocation",
            "Architecture",
            "BudgetState",
            "ClusterState",
            "EnergyReading",
            "Forecast",
            "GridState",
            "Objective",
            "Observation",
            "Outcome",
            "Rates",
            "ReadingSource",
            "SearchState",
            "SiteState",
            "State",
            "StopReason",
            "Task",
            "TaskEvent",
            "TaskEventKind",
            "TaskKind",
        ],
        "rng": ["random_stream"],
    },
)
