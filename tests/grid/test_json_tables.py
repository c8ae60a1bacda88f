import json

import pytest

from ce_nas.core.errors import TraceError
from ce_nas.grid.json_tables import read_json_table

ROW = {"time": "2024-01-01", "value": 3}


@pytest.fixture
def written(tmp_path):
    def write(content):
        path = tmp_path / "made.json"
        path.write_text(json.dumps(content))
        return path

    return write


@pytest.mark.parametrize("content", [[ROW], {"data": [ROW]}, {"response": {"data": [ROW], "warnings": []}}])
def test_rows_wherever_they_are(written, content):
    frame, _, _ = read_json_table(written(content))
    assert frame.to_dict("records") == [{"time": "2024-01-01", "value": "3"}]


def test_the_list_nearest_to_the_top_counts(written):
    frame, above, notes = read_json_table(written({"data": [ROW], "meta": {"units": "g/kWh", "warnings": [{"a": 1}]}}))
    assert frame.columns.tolist() == ["time", "value"]
    assert above == ("meta.units: g/kWh",)
    assert notes == ("rows of 'data' in the file",)


def test_columns_take_their_units(written):
    content = {
        "utc_offset_seconds": 3600,
        "hourly_units": {"time": "iso8601", "temperature_2m": "°C"},
        "hourly": {"time": ["2024-01-01T00:00", "2024-01-01T01:00"], "temperature_2m": [5, None]},
    }
    frame, above, _ = read_json_table(written(content))
    assert frame["temperature_2m (°C)"].tolist() == ["5", ""]
    assert "utc_offset_seconds: 3600" in above


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ({"a": [ROW], "b": [ROW]}, "Expected one list of objects in .*, found 'a', 'b'; keep one of them"),
        ({"carbonIntensity": 302}, "found neither; keep one table, or save it as CSV"),
        ({"hourly": {"a": [1], "b": [2]}, "daily": {"a": [1], "b": [2]}}, "several tables: hourly, daily"),
        ([1, 2], "found neither"),
    ],
)
def test_what_is_no_table_is_refused(written, content, said):
    with pytest.raises(TraceError, match=said):
        read_json_table(written(content))


def test_what_is_no_json_is_refused(tmp_path):
    (tmp_path / "made.json").write_text("<html>")
    with pytest.raises(TraceError, match="Expected JSON"):
        read_json_table(tmp_path / "made.json")
    with pytest.raises(TraceError, match="There is no file"):
        read_json_table(tmp_path / "other.json")
