"""Plain content comes through; whatever asks for code is refused before it runs."""

import collections
import os
import pickle
import random
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.errors import DataError
from ce_nas.core.safe_pickle import load_plain

PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    | st.tuples(inner, inner),
    max_leaves=8,
)  # fmt: skip


class Calls:
    """Pickles as a call of a function."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def write(folder, content):
    path = folder / "content.pkl"
    path.write_bytes(content)
    return path


@given(content=PLAIN, protocol=st.integers(0, pickle.HIGHEST_PROTOCOL))
def test_plain_content_comes_through(tmp_path_factory, content, protocol):
    path = write(tmp_path_factory.getbasetemp(), pickle.dumps(content, protocol))
    assert load_plain(path) == content


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@pytest.mark.parametrize(
    ("make", "asks_for"),
    [
        (lambda mark: Calls(os.system, f"touch {mark}"), r"(posix|nt)\.system"),
        (lambda mark: Calls(eval, f"open({str(mark)!r}, 'w')"), r"(builtins|__builtin__)\.eval"),
        (lambda mark: Calls(exec, f"open({str(mark)!r}, 'w')"), r"(builtins|__builtin__)\.exec"),
        (lambda mark: Calls(open, str(mark), "w"), r"(io|_io)\.open"),
        (lambda _: np.arange(3), r"numpy.*\._reconstruct|numpy"),
        (lambda _: np.float64(1.0), "numpy"),
        (lambda _: datetime(2021, 1, 1, tzinfo=UTC), r"datetime\.datetime"),
        (lambda _: collections.OrderedDict(a=1), r"collections\.OrderedDict"),
        (lambda _: {"deep": [1, ({"inside": Calls(len, "x")},)]}, r"(builtins|__builtin__)\.len"),
    ],
)
def test_what_asks_for_code_is_refused_and_nothing_runs(tmp_path, capsys, protocol, make, asks_for):
    mark = tmp_path / "ran"
    path = write(tmp_path, pickle.dumps(make(mark), protocol))
    with pytest.raises(DataError, match=rf"it asks for ({asks_for})"):
        load_plain(path)
    assert not mark.exists()
    assert capsys.readouterr().out == ""


def test_a_hand_written_opcode_that_names_a_global_is_refused(tmp_path):
    for content in (
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    ):
        with pytest.raises(DataError, match=r"it asks for os\.system"):
            load_plain(write(tmp_path, content))


def test_a_file_that_is_cut_off_anywhere_is_refused(tmp_path):
    whole = pickle.dumps({"421211": {"val_acc": [90.5, 91.0], "train_time": 1530.25}, "b": ("x", None)})
    for length in range(len(whole)):
        with pytest.raises(DataError, match="get the file anew from its source"):
            load_plain(write(tmp_path, whole[:length]))


def test_broken_bytes_end_in_content_or_in_one_kind_of_error(tmp_path):
    # Small numbers only, so that a broken length asks for no gigabytes.
    rng = random.Random(0)
    plain = {"412": {"a": [1.5, 2, 3], "b": ("x", None)}, (1, 2): [{}, [], True]}
    whole = [pickle.dumps(plain, protocol) for protocol in (0, 2)]
    refused = 0
    for _ in range(1000):
        content = bytearray(rng.choice(whole))
        content[rng.randrange(len(content))] = rng.choice(b"(.012IKLNRbeu}])]t\x81\x85\x90")
        try:
            load_plain(write(tmp_path, bytes(content)))
        except DataError:
            refused += 1
    assert refused > 150


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        b"\x80\x04\x8e" + b"\xff" * 8 + b".",
        b"](]K\x01d.",
        b"S'call me'\n)R.",
        b"]}b.",
        b"\x80\xff.",
        b"\x82\x01.",
    ],
)
def test_what_is_no_plain_pickle_is_refused(tmp_path, content):
    with pytest.raises(DataError, match="Expected a pickle of plain containers"):
        load_plain(write(tmp_path, content))


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.pkl", tmp_path):
        with pytest.raises(DataError, match="Expected a pickle of plain containers in"):
            load_plain(path)
