"""Plain containers and arrays come through; whatever else a pickle brings along is refused before it does anything."""

import collections
import os
import pickle
import pickletools
import struct
import subprocess

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ce_nas.core.errors import DataError
from ce_nas.core.safe_pickle import load_arrays

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
ARRAYS = arrays.arrays(
    st.sampled_from([np.dtype(code) for code in ("<f8", ">f4", "i8", "u1", "?", "U3", "S2")]),
    arrays.array_shapes(max_dims=3, max_side=3, min_side=0),
)
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5) | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    | st.tuples(inner, inner) | st.sets(st.integers(), max_size=3),
    max_leaves=8,
)  # fmt: skip


class Calls:
    """Pickles as a call of a function, and perhaps with a state."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.call


class Own(np.ndarray):
    """A class of arrays of somebody's own."""


@given(content=PLAIN, protocol=st.sampled_from(PROTOCOLS))
@settings(max_examples=60, deadline=None)
def test_plain_content_comes_through(content, protocol):
    assert load_arrays(pickle.dumps(content, protocol), "x") == content


@given(content=ARRAYS, protocol=st.sampled_from(PROTOCOLS), fortran=st.booleans())
@settings(max_examples=60, deadline=None)
def test_arrays_come_through(content, protocol, fortran):
    content = np.asfortranarray(content) if fortran else content
    found = load_arrays(pickle.dumps(content, protocol), "x")
    assert found.dtype.newbyteorder("=") == content.dtype.newbyteorder("=")
    assert np.asarray(found).shape == content.shape
    np.testing.assert_array_equal(np.asarray(found), content)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_numpys_numbers_and_ordered_dicts_come_as_plain_ones(protocol):
    content = collections.OrderedDict(a=[np.float64(1.5), np.int32(3), np.bool_(True)], b=np.str_("x"))
    assert load_arrays(pickle.dumps(content, protocol), "x") == {"a": [1.5, 3, True], "b": "x"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize(
    "make",
    [
        lambda mark: Calls(os.system, f"touch {mark}"),
        lambda mark: Calls(eval, f"open({str(mark)!r}, 'w')"),
        lambda mark: Calls(exec, f"open({str(mark)!r}, 'w')"),
        lambda mark: Calls(subprocess.check_output, ["touch", str(mark)]),
        lambda mark: Calls(open, str(mark), "w"),
        lambda _: Calls(getattr, "x", "upper"),
        lambda mark: {"deep": [1, ({"inside": Calls(Calls, Calls(os.system, f"touch {mark}"))},)]},
        lambda mark: np.array([Calls(os.system, f"touch {mark}")], dtype=object),
        lambda mark: np.array([(1, Calls(os.system, f"touch {mark}"))], dtype=[("a", "i4"), ("b", object)]),
        lambda _: np.zeros(2, dtype=[("a", "f8")]),
        lambda _: np.array(["2020-01-01"], dtype="datetime64[D]"),
        lambda _: np.zeros(2).view(Own),
        lambda _: np.array([1 + 2j]),
        lambda _: Calls(np.load, "x.npy"),
        lambda _: Calls(np.ndarray, (1 << 40,)),
        lambda _: Calls(collections.OrderedDict, {"a": 1}),
        lambda _: collections.defaultdict(list),
        lambda _: collections.Counter("ab"),
        lambda _: frozenset({1}),
        lambda _: Calls(bytes, 1 << 40),
        lambda _: Calls(bytearray, 1 << 40),
    ],
)
def test_what_is_not_plain_is_refused_and_nothing_runs(tmp_path, protocol, make):
    mark = tmp_path / "ran"
    try:
        content = pickle.dumps(make(mark), protocol)
    except (pickle.PicklingError, TypeError, AttributeError):
        pytest.skip("cannot be written in this protocol")
    with pytest.raises(DataError, match="Expected a pickle of plain containers and numpy arrays in evil"):
        load_arrays(content, "evil")
    assert not mark.exists()


def test_a_name_alone_is_a_stand_in_that_does_nothing():
    assert not isinstance(load_arrays(pickle.dumps(collections.OrderedDict), "x"), type)


def opcodes(*parts):
    return b"\x80\x04" + b"".join(parts) + b"."


def text(content):
    return b"\x8c" + bytes([len(content)]) + content


RECONSTRUCT = text(b"numpy.core.multiarray") + text(b"_reconstruct") + b"\x93"
NDARRAY = text(b"numpy") + text(b"ndarray") + b"\x93"
DTYPE = text(b"numpy") + text(b"dtype") + b"\x93" + text(b"f8") + b"\x89\x88\x87R"
EMPTY = RECONSTRUCT + NDARRAY + b"K\x00\x85C\x01b\x87R"
ENDLESS = b"K\x01\x8a\x06" + (1 << 40).to_bytes(6, "little") + b"\x85" + DTYPE + b"\x89C\x00"


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (opcodes(b"B" + struct.pack("<I", 0xFFFFFFF0)), "no room for it"),
        (opcodes(b"\x8e" + struct.pack("<Q", 1 << 62)), "no room for it"),
        (opcodes(b"\x96" + struct.pack("<Q", 1 << 40)), "no room for it"),
        (opcodes(b"\x8d" + struct.pack("<Q", 1 << 63)), "no room for it"),
        (opcodes(b"N" + b"r" + struct.pack("<I", 0xFFFFFFFF)), "no room for it"),
        (opcodes(b"Np4000000000\n"), "no room for it"),
        (opcodes(b"\x95" + struct.pack("<Q", 1 << 50)), "no room for it"),
        (b"\x80\x04}" + b")" + b"\x85" * 200_000 + b"Ns.", "holds 200,00. tuples"),
        (opcodes(b"\x82\x01"), "opcode 0x82"),
        (opcodes(b"cos\nsystem\n(S'true'\ntR"), r"asks for os\.system"),
        (b"(S'true'\nios\nsystem\n.", "opcode 0x69"),
        (opcodes(text(b"os"), text(b"system"), b"\x93"), r"asks for os\.system"),
        (opcodes(NDARRAY, b")\x81"), "opcode 0x81"),
        (opcodes(NDARRAY, b"K\x05\x85R"), "no stated content"),
        (opcodes(RECONSTRUCT, b"N)C\x01b\x87R"), "class of its own"),
        (opcodes(RECONSTRUCT, b"}" + text(b"__code__") + b"Nsb"), "change a function"),
        (opcodes(EMPTY, b"(", ENDLESS, b"tb"), "shape"),
        (opcodes(EMPTY, b"(K\x01J\xff\xff\xff\xff\x85", DTYPE, b"\x89C\x08" + b"\0" * 8, b"tb"), "shape"),
        (opcodes(EMPTY, b"(K\x01K\x01\x85NC\x08", b"\0" * 8, b"C\x00tb"), "array of objects"),
        (opcodes(EMPTY, b"Nb"), "form unknown"),
        (opcodes(text(b"numpy") + text(b"dtype") + b"\x93", text(b"O8"), b"\x85R"), "'O8'"),
        (opcodes(DTYPE, b"(K\x03", text(b"<"), b"](K\x01eNNtb"), "records or of objects"),
        (opcodes(text(b"_codecs") + text(b"encode") + b"\x93", text(b"x"), text(b"rot13"), b"\x86R"), "rot13"),
        (b"", "Ran out of input"),
        (b"\x80\x04]", "Ran out of input|truncated"),
        (b"\x80\xff.", "protocol"),
    ],
)
def test_hand_written_files_are_refused(content, said):
    with pytest.raises(DataError, match=said):
        load_arrays(content, "x")


def test_a_file_that_is_cut_off_anywhere_is_refused():
    whole = pickle.dumps({"a": np.arange(3.0), "b": ["x", 1.5, None], "c": np.float64(2.0)}, 4)
    for length in range(len(whole)):
        with pytest.raises(DataError, match="get the file anew from its source"):
            load_arrays(whole[:length], "x")


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_broken_bytes_end_in_content_or_in_one_kind_of_error(data):
    protocol = data.draw(st.sampled_from((0, 2, 4, 5)))
    content = bytearray(pickle.dumps({"a": np.arange(3.0), "b": [(1, "x"), None], "c": np.int64(2)}, protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        load_arrays(bytes(content), "x")
    except DataError as error:
        assert str(error).startswith("Expected a pickle of plain containers and numpy arrays in x, but ")  # noqa: PT017


def test_the_walk_knows_every_opcode_that_pickles_are_written_with():
    content = [{"a" * n: [n * 1000, -n, n / 3, "x" * 300 * n, b"y" * 300 * n, 1 << (9 * n), (n,)]} for n in range(40)]
    for protocol in PROTOCOLS:
        written = pickle.dumps(content, protocol)
        assert load_arrays(written, "x") == content
        assert load_arrays(pickletools.optimize(written), "x") == content
