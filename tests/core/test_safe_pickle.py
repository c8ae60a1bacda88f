"""Plain content and arrays load equal; everything else is refused before it runs."""

import collections
import os
import pickle
import pickletools
import random
import struct
import subprocess
from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from ce_nas.core.errors import DataError
from ce_nas.core.safe_pickle import load_pickle

PROTOCOLS = range(pickle.HIGHEST_PROTOCOL + 1)
ARRAYS = arrays.arrays(
    st.sampled_from([np.dtype(code) for code in ("<f8", ">f4", "i8", "u1", "?", "U3", "S2")]),
    arrays.array_shapes(max_dims=3, max_side=3, min_side=0),
)
SCALARS = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5)
PLAIN = st.recursive(
    SCALARS | st.binary(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    | st.tuples(inner, inner) | st.sets(st.integers(), max_size=3),
    max_leaves=8,
)  # fmt: skip
PLAIN_WITHOUT_CALLS = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    | st.tuples(inner, inner),
    max_leaves=8,
)  # fmt: skip


class Call:
    """Pickles as a call of a function, with a state where one is given."""

    def __init__(self, function, *arguments, state=None):
        self.call = (function, arguments) if state is None else (function, arguments, state)

    def __reduce__(self):
        return self.call


class ArraySubclass(np.ndarray):
    """A class of arrays outside numpy."""


def pickles(content):
    """The pickle of ``content`` in each protocol that can write it."""
    for protocol in PROTOCOLS:
        try:
            yield protocol, pickle.dumps(content, protocol)
        except (pickle.PicklingError, TypeError, AttributeError):
            continue


@given(content=PLAIN, protocol=st.sampled_from(PROTOCOLS))
@settings(max_examples=60, deadline=None)
def test_plain_content_loads_equal(content, protocol):
    assert load_pickle(pickle.dumps(content, protocol), "x") == content


@given(content=PLAIN_WITHOUT_CALLS, protocol=st.sampled_from(PROTOCOLS))
@settings(max_examples=60, deadline=None)
def test_plain_content_loads_equal_without_arrays(tmp_path_factory, content, protocol):
    path = tmp_path_factory.getbasetemp() / "content.pkl"
    path.write_bytes(pickle.dumps(content, protocol))
    assert load_pickle(path, arrays=False) == content


@given(content=ARRAYS, protocol=st.sampled_from(PROTOCOLS), fortran=st.booleans())
@settings(max_examples=60, deadline=None)
def test_arrays_load_equal(content, protocol, fortran):
    content = np.asfortranarray(content) if fortran else content
    loaded = load_pickle(pickle.dumps(content, protocol), "x")
    assert loaded.dtype.newbyteorder("=") == content.dtype.newbyteorder("=")
    assert np.asarray(loaded).shape == content.shape
    np.testing.assert_array_equal(np.asarray(loaded), content)


def test_numpy_scalars_and_ordered_dicts_load_as_plain_ones():
    content = collections.OrderedDict(a=[np.float64(1.5), np.int32(3), np.bool_(True)], b=np.str_("x"))
    for _, written in pickles(content):
        assert load_pickle(written, "x") == {"a": [1.5, 3, True], "b": "x"}


def test_every_opcode_of_plain_pickles_is_scanned():
    content = [{"a" * n: [n * 1000, -n, n / 3, "x" * 300 * n, b"y" * 300 * n, 1 << (9 * n), (n,)]} for n in range(40)]
    for _, written in pickles(content):
        assert load_pickle(written, "x") == content
        assert load_pickle(pickletools.optimize(written), "x") == content


CODE = [
    lambda mark: Call(os.system, f"touch {mark}"),
    lambda mark: Call(eval, f"open({str(mark)!r}, 'w')"),
    lambda mark: Call(exec, f"open({str(mark)!r}, 'w')"),
    lambda mark: Call(open, str(mark), "w"),
]


@pytest.mark.parametrize(
    "make",
    [
        *CODE,
        lambda mark: Call(subprocess.check_output, ["touch", str(mark)]),
        lambda _: Call(getattr, "x", "upper"),
        lambda mark: {"deep": [1, ({"inside": Call(Call, Call(os.system, f"touch {mark}"))},)]},
        lambda mark: np.array([Call(os.system, f"touch {mark}")], dtype=object),
        lambda mark: np.array([(1, Call(os.system, f"touch {mark}"))], dtype=[("a", "i4"), ("b", object)]),
        lambda _: np.zeros(2, dtype=[("a", "f8")]),
        lambda _: np.array(["2020-01-01"], dtype="datetime64[D]"),
        lambda _: np.zeros(2).view(ArraySubclass),
        lambda _: np.array([1 + 2j]),
        lambda _: Call(np.load, "x.npy"),
        lambda _: Call(np.ndarray, (1 << 40,)),
        lambda _: Call(collections.OrderedDict, {"a": 1}),
        lambda _: collections.defaultdict(list),
        lambda _: collections.Counter("ab"),
        lambda _: frozenset({1}),
        lambda _: Call(bytes, 1 << 40),
        lambda _: Call(bytearray, 1 << 40),
    ],
)
def test_objects_are_refused_in_every_protocol_and_nothing_runs(tmp_path, make):
    mark = tmp_path / "ran"
    written = list(pickles(make(mark)))
    assert written
    for _, content in written:
        with pytest.raises(DataError, match="Expected a pickle of plain containers and numpy arrays in evil"):
            load_pickle(content, "evil")
    assert not mark.exists()


@pytest.mark.parametrize(
    ("make", "name"),
    [
        *zip(CODE, ("(posix|nt)\\.system", "\\w+\\.eval", "\\w+\\.exec", "(io|_io)\\.open"), strict=True),
        (lambda _: np.arange(3), r"numpy.*\._reconstruct|numpy"),
        (lambda _: np.float64(1.0), "numpy"),
        (lambda _: datetime(2021, 1, 1, tzinfo=UTC), r"datetime\.datetime"),
        (lambda _: collections.OrderedDict(a=1), r"collections\.OrderedDict"),
        (lambda _: {"deep": [1, ({"inside": Call(len, "x")},)]}, r"(builtins|__builtin__)\.len"),
    ],
)
def test_every_name_is_refused_without_arrays(tmp_path, capsys, make, name):
    mark = tmp_path / "ran"
    for _, content in pickles(make(mark)):
        with pytest.raises(DataError, match=rf"it asks for ({name})"):
            load_pickle(content, arrays=False)
    assert not mark.exists()
    assert capsys.readouterr().out == ""


def test_a_name_alone_loads_as_an_inert_callable():
    assert not isinstance(load_pickle(pickle.dumps(collections.OrderedDict), "x"), type)


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
    ("content", "reason"),
    [
        (opcodes(b"B" + struct.pack("<I", 0xFFFFFFF0)), "only 1 remain"),
        (opcodes(b"\x8e" + struct.pack("<Q", 1 << 62)), "only 1 remain"),
        (opcodes(b"\x96" + struct.pack("<Q", 1 << 40)), "only 1 remain"),
        (opcodes(b"\x8d" + struct.pack("<Q", 1 << 63)), "byte count > sys.maxsize"),
        (opcodes(b"N" + b"r" + struct.pack("<I", 0xFFFFFFFF)), "its LONG_BINPUT of 4,294,967,295 exceeds the file's"),
        (opcodes(b"Np4000000000\n"), "its PUT of 4,000,000,000 exceeds the file's"),
        (opcodes(b"Np-1\n"), "its PUT of -1 exceeds the file's"),
        (opcodes(b"\x95" + struct.pack("<Q", 1 << 50)), "its FRAME of .* exceeds the file's"),
        (b"\x80\x04}" + b")" + b"\x85" * 200_000 + b"Ns.", "holds 200,00. tuples"),
        (opcodes(b"\x82\x01"), "opcode EXT1"),
        (opcodes(b"cos\nsystem\n(S'true'\ntR"), r"asks for os\.system"),
        (b"(S'true'\nios\nsystem\n.", "opcode INST"),
        (opcodes(text(b"os"), text(b"system"), b"\x93"), r"asks for os\.system"),
        (opcodes(NDARRAY, b")\x81"), "opcode NEWOBJ"),
        (opcodes(NDARRAY, b"K\x05\x85R"), "without content"),
        (opcodes(RECONSTRUCT, b"N)C\x01b\x87R"), "another class"),
        (opcodes(RECONSTRUCT, b"}" + text(b"__code__") + b"Nsb"), "change a function"),
        (opcodes(EMPTY, b"(", ENDLESS, b"tb"), "shape"),
        (opcodes(EMPTY, b"(K\x01J\xff\xff\xff\xff\x85", DTYPE, b"\x89C\x08" + b"\0" * 8, b"tb"), "shape"),
        (opcodes(EMPTY, b"(K\x01K\x01\x85NC\x08", b"\0" * 8, b"C\x00tb"), "array of objects"),
        (opcodes(EMPTY, b"(K\x01K\x00\x85", EMPTY, b"\x89C\x00tb"), "array of objects"),
        (opcodes(EMPTY, b"Nb"), "unknown form"),
        (opcodes(text(b"numpy") + text(b"dtype") + b"\x93", text(b"O8"), b"\x85R"), "'O8'"),
        (opcodes(DTYPE, b"(K\x03", text(b"<"), b"](K\x01eNNtb"), "records or of objects"),
        (opcodes(text(b"_codecs") + text(b"encode") + b"\x93", text(b"x"), text(b"rot13"), b"\x86R"), "rot13"),
        (b"", "exhausted before seeing STOP"),
        (b"\x80\x04]", "exhausted before seeing STOP"),
        (b"\x80\xff.", "protocol"),
    ],
)
def test_hand_written_opcodes_are_refused(content, reason):
    with pytest.raises(DataError, match=reason):
        load_pickle(content, "x")


@pytest.mark.parametrize("arrays", [True, False])
def test_content_that_is_no_pickle_is_refused(arrays):
    for content in (
        b"",
        b"not a pickle",
        b"\x80\x04\x8e" + b"\xff" * 8 + b".",
        b"](]K\x01d.",
        b"S'call me'\n)R.",
        b"]}b.",
        b"\x80\xff.",
        b"\x82\x01.",
    ):
        with pytest.raises(DataError, match="Expected a pickle of plain containers"):
            load_pickle(content, "x", arrays=arrays)


def test_hand_written_names_are_refused_without_arrays():
    for content in (
        b"cos\nsystem\n(S'true'\ntR.",
        b"(S'true'\nios\nsystem\n.",
        b"\x80\x04\x8c\x02os\x8c\x06system\x93.",
    ):
        with pytest.raises(DataError, match=r"it asks for os\.system|opcode INST"):
            load_pickle(content, arrays=False)


@pytest.mark.parametrize("arrays", [True, False])
def test_a_truncated_pickle_is_refused(arrays):
    content = {"421211": {"val_acc": [90.5, 91.0], "train_time": 1530.25}, "b": ("x", None)}
    content |= {"a": np.arange(3.0), "c": np.float64(2.0)} if arrays else {}
    whole = pickle.dumps(content, 4)
    for length in range(len(whole)):
        with pytest.raises(DataError, match="download the file again"):
            load_pickle(whole[:length], "x", arrays=arrays)


@given(st.data())
@settings(max_examples=300, deadline=None)
def test_damaged_bytes_load_or_raise_a_data_error(data):
    protocol = data.draw(st.sampled_from((0, 2, 4, 5)))
    content = bytearray(pickle.dumps({"a": np.arange(3.0), "b": [(1, "x"), None], "c": np.int64(2)}, protocol))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        load_pickle(bytes(content), "x")
    except DataError as error:
        assert str(error).startswith("Expected a pickle of plain containers and numpy arrays in x, but ")  # noqa: PT017 - loading may succeed


def test_damaged_opcodes_load_or_raise_a_data_error_without_arrays():
    # Small numbers only, so that a damaged length cannot ask for gigabytes.
    rng = random.Random(0)
    plain = {"412": {"a": [1.5, 2, 3], "b": ("x", None)}, (1, 2): [{}, [], True]}
    whole = [pickle.dumps(plain, protocol) for protocol in (0, 2)]
    refused = 0
    for _ in range(1000):
        content = bytearray(rng.choice(whole))
        content[rng.randrange(len(content))] = rng.choice(b"(.012IKLNRbeu}])]t\x81\x85\x90")
        try:
            load_pickle(bytes(content), arrays=False)
        except DataError:
            refused += 1
    assert refused > 150


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.pkl", tmp_path):
        with pytest.raises(DataError, match="Expected a pickle of plain containers in"):
            load_pickle(path, arrays=False)


def test_deep_tuples_are_refused_without_arrays():
    with pytest.raises(DataError, match="tuples"):
        load_pickle(b"\x80\x04)" + b"\x85" * 200_000 + b".", arrays=False)


@pytest.mark.long
def test_nested_and_repeated_containers_are_refused():
    with pytest.raises(DataError, match="deep"):
        load_pickle(b"\x80\x04" + b"]" * 10_000 + b"a" * 9_999 + b".")
    repeated = [0] * 10
    for _ in range(9):
        repeated = [repeated] * 10
    with pytest.raises(DataError, match="elements"):
        load_pickle(pickle.dumps(repeated))
