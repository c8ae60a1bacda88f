"""JSON Schemas of what the package writes: the settings, the summary of a run, and the entries of its journal.

The journal is an SQLite file with the table ``entries (seq, kind, at_s, body)``; the schema describes the body of each
kind, an object of JSON. Further keys may be added in a version of the same format, none is removed.
"""

from __future__ import annotations

from typing import Any, Literal, get_type_hints

from pydantic import TypeAdapter

from ce_nas.store.journal import FORMAT_VERSION

__all__ = ["JOURNAL_KINDS", "SchemaName", "published_schema"]

SchemaName = Literal["settings", "summary", "journal"]

_NUMBER, _TEXT, _COUNT, _FLAG = {"type": "number"}, {"type": "string"}, {"type": "integer"}, {"type": "boolean"}
_OBJECT, _LIST = {"type": "object"}, {"type": "array"}
_AMOUNTS = {"type": "object", "additionalProperties": _NUMBER}
_COUNTS = {"type": "object", "additionalProperties": _COUNT}
_MAYBE_NUMBER = {"type": ["number", "null"]}

#: kind of entry to its keys; all are required. Energy in J, carbon in g, times in s since the run's start
JOURNAL_KINDS: dict[str, dict[str, Any]] = {
    "run_started": {
        "format": {"const": FORMAT_VERSION}, "version": _TEXT, "settings": _OBJECT, "policy": _TEXT,
        "searcher": _TEXT, "forecaster": _TEXT, "start": {"type": "string", "format": "date-time"},
        "objectives": _LIST, "power_origin": _TEXT, "benchmark": _OBJECT, "grid": _OBJECT,
    },
    "decided": {"allocation": _COUNTS, "reason": _TEXT, "forecast_g_per_kwh": _MAYBE_NUMBER,
                "quantiles_g_per_kwh": _AMOUNTS, "ahead_g_per_kwh": _LIST},
    "allocated": {"allocation": _COUNTS},
    "note": {"text": _TEXT},
    "task_started": {"task": _COUNT, "kind": _TEXT, "device": _COUNT, "architectures": _LIST, "fidelity": _NUMBER},
    "task_placed": {"task": _COUNT, "device": _COUNT, "places": _LIST},
    "device_taken_back": {"device": _COUNT, "task": _COUNT, "took_s": _NUMBER},
    "task_suspended": {"task": _COUNT, "device": _COUNT},
    "task_failed": {"task": _COUNT, "device": _COUNT, "failure": {"type": ["string", "null"]}, "detail": _TEXT,
                    "will_retry": _FLAG},
    "supernet_trained": {"task": _COUNT, "device": _COUNT},
    "sampled": {"task": _COUNT, "device": _COUNT, "values": _LIST, "dropped": _LIST},
    "evaluated": {
        "task": _COUNT, "device": _COUNT, "architecture": _LIST, "architecture_text": _TEXT, "values": _LIST,
        "fidelity": _NUMBER, "feasible": _FLAG, "hypervolume": _NUMBER, "improved": _FLAG, "carbon_g": _NUMBER,
        "paper_carbon_g": _NUMBER, "energy_j": _NUMBER, "cost": _NUMBER,
    },
    "moved": {"from_site": _TEXT, "to_site": _TEXT, "move_s": _NUMBER, "energy_j": _NUMBER, "carbon_g": _NUMBER},
    "power_limited": {"limit_w": _MAYBE_NUMBER, "time_factor": _NUMBER, "power_factor": _NUMBER,
                      "cap_w": _MAYBE_NUMBER},
    "stopping": {"reason": _TEXT},
    "period": {
        "period": _COUNT, "start_s": _NUMBER, "allocation": _COUNTS, "intensity_g_per_kwh": _MAYBE_NUMBER,
        "energy_j": _AMOUNTS, "carbon_g": _AMOUNTS, "device_s": _AMOUNTS, "energy_by_source_j": _AMOUNTS,
        "observed_s": _NUMBER, "paper_carbon_g": _NUMBER, "cost": _NUMBER, "hypervolume": _NUMBER,
        "front_size": _COUNT, "evaluations": _COUNT, "samples": _COUNT, "queue_length": _COUNT,
        "searcher_notes": _LIST,
    },
    "intensity_read": {"now": _TEXT, "values": _LIST, "ahead": {"type": ["array", "null"]},
                       "error": {"type": ["string", "null"]}},
    "fallback_used": {"level": _TEXT, "start": _TEXT, "end": _TEXT},
    "carbon_revised": {"steps": _LIST, "carbon_g": _AMOUNTS, "paper_carbon_g": _NUMBER, "provisional_g": _NUMBER},
    "carbon_settled": {"steps": _LIST, "carbon_g": _AMOUNTS, "paper_carbon_g": _NUMBER, "provisional_g": _NUMBER},
    "input_changed": {"changes": _LIST},
    "result": {"complete": _FLAG},
    "run_ended": {"stop_reason": _TEXT, "unfinished_tasks": _LIST, "queued": _LIST},
}  # fmt: skip


def published_schema(name: SchemaName) -> dict[str, Any]:
    """The JSON Schema of the settings of a configuration file, of ``summary.json``, or of an entry of the journal.

    Example:
        >>> sorted(published_schema("journal"))
        ['$schema', 'oneOf', 'title']
    """
    if name == "settings":
        from ce_nas.config.schema import Settings

        return Settings.model_json_schema()
    return _summary_schema() if name == "summary" else _journal_schema()


def _summary_schema() -> dict[str, Any]:
    from ce_nas.analysis.live_grid import LiveGridSummary
    from ce_nas.analysis.proxy_correlation import ProxyRanking
    from ce_nas.analysis.summary import FrontMember, RunSummary

    names = {"LiveGridSummary": LiveGridSummary, "ProxyRanking": ProxyRanking, "FrontMember": FrontMember, "Any": Any}
    types = get_type_hints(RunSummary, localns=names)
    inputs: list[Any] = [(name, "serialization", TypeAdapter(kind)) for name, kind in types.items()]
    fields, definitions = TypeAdapter.json_schemas(inputs)
    properties: dict[str, Any] = {name: fields[name, "serialization"] for name in types}
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Summary of a run (summary.json)",
        "type": "object",
        "properties": {"headline": _TEXT, "savings": _OBJECT, **properties},
        "required": ["headline", "savings", *types],
        **definitions,
    }


def _journal_schema() -> dict[str, Any]:
    """An entry as an object of ``kind``, ``at_s`` and ``body``, the body parsed."""
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": f"An entry of a run's journal, format {FORMAT_VERSION}",
        "oneOf": [
            {
                "type": "object",
                "required": ["kind", "at_s", "body"],
                "properties": {
                    "kind": {"const": kind},
                    "at_s": {"type": "number", "minimum": 0},
                    "body": {"type": "object", "required": list(keys), "properties": keys},
                },
            }
            for kind, keys in JOURNAL_KINDS.items()
        ],
    }
