"""Carbon intensity of electricity grids: series, files, synthetic years and live providers.

- trace: `Series`, values over time, and `GridTrace`, the carbon intensity of a zone
- readers, price_files, series_table, layouts: traces, prices and covariates from CSV, JSON and Parquet files
- time_steps: the step of a series of times
- trace_units, json_tables: the unit that a trace states; tables out of JSON
- find_columns: the columns of times and zones, long tables made wide
- generation: intensity from a generation mix
- weather_issues: weather forecasts, each with its time of issue
- synthetic: typical years of built-in zones, from the statistics in ``zones.json``
- emission_factors: from a generation mix to an intensity
- providers: live carbon intensity from APIs and files, with fallbacks
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.grid.emission_factors import EMISSION_FACTORS, Fuel, FuelGeneration, compute_intensities
    from ce_nas.grid.price_files import read_prices
    from ce_nas.grid.readers import read_future_covariates, read_trace
    from ce_nas.grid.synthetic import builtin_zones, synthetic_trace
    from ce_nas.grid.trace import EmissionFactorType, Gap, GridTrace, Series, Signal

__all__ = [
    "EMISSION_FACTORS",
    "EmissionFactorType",
    "Fuel",
    "FuelGeneration",
    "Gap",
    "GridTrace",
    "Series",
    "Signal",
    "builtin_zones",
    "compute_intensities",
    "read_future_covariates",
    "read_prices",
    "read_trace",
    "synthetic_trace",
]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__,
    submod_attrs={
        "emission_factors": ["EMISSION_FACTORS", "Fuel", "FuelGeneration", "compute_intensities"],
        "price_files": ["read_prices"],
        "readers": ["read_future_covariates", "read_trace"],
        "synthetic": ["builtin_zones", "synthetic_trace"],
        "trace": ["EmissionFactorType", "Gap", "GridTrace", "Series", "Signal"],
    },
)
