import json

import pytest

from ce_nas.core.errors import TraceError
from ce_nas.grid.price_files import read_prices


@pytest.fixture
def written(tmp_path):
    def write(text, name="made.csv"):
        path = tmp_path / name
        path.write_text(text)
        return path

    return write


def hours(header, cell):
    return "\n".join([header, *(cell(f"2024-01-01 {hour:02d}:00") for hour in range(24))]) + "\n"


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (hours("time,price,unit", lambda time: f"{time},85.5,EUR/MWh"), "made.csv"),
        (hours("# unit: EUR/MWh\ntime,price", lambda time: f"{time},85.5"), "made.csv"),
        (hours("time,price\n,EUR/MWh", lambda time: f"{time},85.5"), "made.csv"),
        (hours("time;price (EUR/MWh)", lambda time: f"{time};85,500"), "made.csv"),
        (hours("MTU (UTC),Area,Sequence,Day-ahead Price (EUR/MWh),Intraday Period (UTC),Intraday Price (EUR/MWh)",
               lambda time: f"{time} - {time},BZN|DE-LU,1,85.5,,"), "made.csv"),
        (json.dumps({"unix_seconds": [1704067200 + 3600 * hour for hour in range(24)], "price": [85.5] * 24,
                     "unit": "EUR / MWh"}), "made.json"),
        (json.dumps({"data": [{"start_timestamp": 1704067200000 + 3600000 * hour, "marketprice": 85.5,
                               "unit": "Eur/MWh"} for hour in range(24)]}), "made.json"),
    ],
)  # fmt: skip
def test_a_unit_beside_the_header_counts(written, text, name):
    prices = read_prices(written(text, name))
    assert prices.values == pytest.approx([0.0855] * 24)
    assert (prices.start.hour, prices.step_s) == (0, 3600.0)


def test_prices_of_several_zones_are_refused(written):
    text = "Country,Date,Price (EUR/MWhe)\nGermany,2024-01-01,80\nFrance,2024-01-01,60\n"
    with pytest.raises(TraceError, match=r"Expected prices of one zone .* found France, Germany; keep the rows of one"):
        read_prices(written(text))


def test_prices_that_no_market_has_are_refused(written):
    with pytest.raises(TraceError, match=r"in EUR/kWh is typically 85 a kWh; correct the unit"):
        read_prices(written(hours("time,price (EUR/kWh)", lambda time: f"{time},85")))
    yen = read_prices(written(hours("time,price (JPY/kWh)", lambda time: f"{time},30")))
    assert yen.values[0] == 30.0
