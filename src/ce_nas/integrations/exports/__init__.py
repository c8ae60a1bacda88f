"""Exports of a run in the forms that other tools and rules ask for.

- run_facts: `RunFacts`, what the forms have in common: energy with its uncertainty, carbon, embodied carbon and water
- tool_formats: the files of other tools: model card, BoAmps, CodeCarbon
- statements: SCI by ISO/IEC 21031, and the energy item of the AI Act
- export_run: `export`, by the name of a form; tables as CSV and Parquet
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from ce_nas.integrations.exports.export_run import FORMS, export
    from ce_nas.integrations.exports.run_facts import RunFacts

__all__ = ["FORMS", "RunFacts", "export"]

__getattr__, __dir__, _ = lazy_loader.attach(
    __name__, submod_attrs={"export_run": ["FORMS", "export"], "run_facts": ["RunFacts"]}
)
