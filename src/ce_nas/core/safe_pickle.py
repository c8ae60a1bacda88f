"""Restricted unpickling: data sets that come as pickles are read without running or importing anything in them.

:func:`load_pickle` is the entry. It defends twice. :func:`_scan_opcodes` walks the opcodes before anything is
unpickled: lengths and memo indices must fit the file, opcodes that no data needs are refused, and tuples are few, since
hashing deeply nested ones overflows the stack. Then :class:`_Unpickler` resolves the few names with which numpy and the
containers are written to functions of this module that check every argument, and refuses every other name.
"""

from __future__ import annotations

import io
import math
import pickle
import pickletools
import re
from typing import TYPE_CHECKING, Any

import numpy as np

from ce_nas.core.errors import DataError

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from typing import NoReturn

__all__ = ["load_pickle"]

#: larger than every official file
MAX_FILE_BYTES = 1 << 30
#: tuples that a file may keep as values; those that hold the arguments of a call do not count
MAX_TUPLES = 10_000
#: depth and number of elements of all containers, each counted wherever it is referred to
MAX_DEPTH = 50
MAX_ELEMENTS = 50_000_000
#: array types that are accepted: booleans, integers, floats, bytes and text
DTYPE_CODE_PATTERN = re.compile(r"b1|[iu][1248]|f[248]|[SU]\d{1,4}")

_REFUSED_OPCODES = {"INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "FROZENSET",
            "NEXT_BUFFER", "READONLY_BUFFER"}  # fmt: skip
#: opcodes whose argument is a size or a memo index that pickletools does not check
_SIZE_OPCODES = {"FRAME", "PUT", "LONG_BINPUT"}
_TUPLE_OPCODES = {"TUPLE", "TUPLE1", "TUPLE2", "TUPLE3"}
_MEMO_OPCODES = {"PUT", "BINPUT", "LONG_BINPUT", "MEMOIZE"}
_CALL_OPCODES = {"REDUCE", "BUILD"}


def load_pickle(source: bytes | Path, name: str = "", *, arrays: bool = True) -> Any:  # noqa: ANN401 - plain content of any type
    """The content of a pickle of dicts, lists, tuples, sets, text, numbers and numpy arrays of these.

    :param source: the pickle, or the path of its file.
    :param name: name of the source in an error; by default its path.
    :param arrays: whether numpy arrays and numbers are accepted. Without them every name is refused.
    :raises DataError: if it cannot be read, holds anything else, or is damaged.

    Example:
        >>> import pickle
        >>> load_pickle(pickle.dumps({"accuracy": [91.5, 88.0]}), "scores.pkl")
        {'accuracy': [91.5, 88.0]}
    """
    try:
        content = source if isinstance(source, bytes) else _read_bytes(source)
        _scan_opcodes(content)
        loaded = _Unpickler(content, _ALLOWED_GLOBALS if arrays else {}).load()
        if arrays:
            _require_bounded(loaded)
    except Exception as error:  # a damaged opcode can raise anything
        kind = "plain containers and numpy arrays" if arrays else "plain containers"
        message = f"Expected a pickle of {kind} in {name or source!s}, but {error}; download the file again."
        raise DataError(message) from error
    return loaded


def _read_bytes(path: Path) -> bytes:
    if path.stat().st_size > MAX_FILE_BYTES:
        _refuse(f"it is longer than {MAX_FILE_BYTES:,} bytes")
    return path.read_bytes()


def _require_bounded(loaded: object) -> None:
    """Refuse content whose containers are nested too deeply, or that refers to the same ones again and again."""
    level, seen = [loaded], 0
    for _ in range(MAX_DEPTH):
        inner: list[object] = []
        for item in level:
            if isinstance(item, dict):
                inner += item.values()
            elif isinstance(item, list | tuple | set):
                inner += item
            seen_now = seen + len(inner)
            if seen_now > MAX_ELEMENTS:
                _refuse(f"its containers have more than {MAX_ELEMENTS:,} elements")
        seen += len(inner)
        level = [item for item in inner if isinstance(item, dict | list | tuple | set)]
        if not level:
            return
    _refuse(f"its containers are nested more than {MAX_DEPTH} deep")


def _scan_opcodes(content: bytes) -> None:
    """Check opcodes, sizes and the number of tuples without unpickling anything."""
    if len(content) > MAX_FILE_BYTES:
        _refuse(f"it is longer than {MAX_FILE_BYTES:,} bytes")
    tuples, after_tuple = 0, False
    for opcode, argument, _ in pickletools.genops(content):
        name = opcode.name
        if name in _REFUSED_OPCODES:
            _refuse(f"it has the opcode {name}, which no plain content needs")
        if name in _SIZE_OPCODES and not 0 <= argument <= len(content):  # type: ignore[operator]
            _refuse(f"its {name} of {argument:,} exceeds the file's {len(content):,} bytes")
        if after_tuple and name not in _MEMO_OPCODES:
            tuples += name not in _CALL_OPCODES
            after_tuple = False
        after_tuple = after_tuple or name in _TUPLE_OPCODES
    if tuples > MAX_TUPLES:
        _refuse(f"it holds {tuples:,} tuples, more than {MAX_TUPLES:,}")


class _Unpickler(pickle.Unpickler):
    """Resolves names to the callables it is given and refuses all others."""

    def __init__(self, content: bytes, allowed: dict[str, _AllowedCallable]) -> None:
        super().__init__(io.BytesIO(content), encoding="latin1")  # Python 2 wrote bytes as text
        self._allowed = allowed

    def find_class(self, module: str, name: str) -> _AllowedCallable:
        """The checked replacement of ``module.name``."""
        known = f"{module.replace('numpy._core', 'numpy.core').replace('__builtin__', 'builtins')}.{name}"
        if known not in self._allowed:
            _refuse(f"it asks for {module}.{name}, and only plain data is accepted")
        return self._allowed[known]


class _AllowedCallable:
    """A function whose attributes a pickle cannot set."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:  # noqa: ANN401 - the function checks its arguments
        return self._function(*arguments)

    def __setstate__(self, state: object) -> None:
        _refuse("it tries to change a function")


_ALLOWED_GLOBALS: dict[str, _AllowedCallable] = {}


def _replaces(name: str) -> Callable[[Callable[..., Any]], _AllowedCallable]:
    """Register the decorated function as the replacement of what a pickle calls ``name``."""

    def register(function: Callable[..., Any]) -> _AllowedCallable:
        _ALLOWED_GLOBALS[name] = _AllowedCallable(function)
        return _ALLOWED_GLOBALS[name]

    return register


class _CheckedDtype:
    """The type of an array's elements: its code, then its byte order."""

    def __init__(self, code: object) -> None:
        if not (isinstance(code, str) and DTYPE_CODE_PATTERN.fullmatch(code)):
            _refuse(f"it holds an array of {code!r}, and only numbers and text are accepted")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: object) -> None:
        _, order, *parts = state if isinstance(state, tuple) and len(state) >= 5 else (0, "")
        if parts[:3] != [None] * 3 or not all(type(part) is int for part in parts[3:]):
            _refuse("it holds an array of records or of objects")
        if order in {"<", ">"}:
            self.dtype = self.dtype.newbyteorder(order)


class _CheckedArray(np.ndarray):
    """An array that checks the content it receives."""

    def __setstate__(self, state: Any) -> None:  # noqa: ANN401 - any content of the file
        if not (isinstance(state, tuple) and len(state) == 5):
            _refuse("it holds an array in an unknown form")
        _, shape, dtype, fortran, data = state
        data = data.encode("latin1") if isinstance(data, str) else data
        checked = _checked_dtype(shape, dtype, data)
        super().__setstate__((1, shape, checked, bool(fortran), bytes(data)))  # type: ignore[arg-type]


def _checked_dtype(shape: object, dtype: object, data: object) -> np.dtype[Any]:
    """The array's type, if its shape and its number of bytes agree."""
    if not isinstance(dtype, _CheckedDtype) or not isinstance(data, (bytes, bytearray)):
        _refuse("it holds an array of objects")
    if not (isinstance(shape, tuple) and all(type(length) is int and length >= 0 for length in shape)):
        _refuse(f"it holds an array of the shape {shape!r}")
    if math.prod(shape) * dtype.dtype.itemsize != len(data):
        _refuse(f"it holds an array of the shape {shape!r} with {len(data):,} bytes")
    return dtype.dtype


@_replaces("numpy.dtype")
def _make_dtype(code: object, *_: object) -> _CheckedDtype:
    return _CheckedDtype(code)


@_replaces("numpy.ndarray")
def _refuse_ndarray(*_: object) -> NoReturn:
    _refuse("it makes an array without content")


@_replaces("numpy.core.multiarray._reconstruct")
def _reconstruct(kind: object, *_: object) -> _CheckedArray:
    """The empty array whose content follows."""
    if kind is not _refuse_ndarray:
        _refuse("it makes an array of another class")
    return np.zeros(0).view(_CheckedArray)


@_replaces("numpy.core.numeric._frombuffer")
def _frombuffer(data: object, dtype: object, shape: object, order: object) -> np.ndarray:
    """An array from its bytes, as protocol 5 writes it."""
    if order not in {"C", "F"}:
        _refuse(f"it holds an array in the order {order!r}")
    checked = _checked_dtype(shape, dtype, data)
    return np.frombuffer(bytes(data), checked).reshape(shape, order=order)  # type: ignore[call-overload, no-any-return]


@_replaces("numpy.core.multiarray.scalar")
def _make_scalar(dtype: object, data: object) -> Any:  # noqa: ANN401 - a number or a text
    return np.frombuffer(bytes(data), _checked_dtype((), dtype, data))[0].item()  # type: ignore[call-overload]


@_replaces("_codecs.encode")
def _encode_latin1(text: object, encoding: object) -> bytes:
    """Bytes, as protocols before 3 write them."""
    if not isinstance(text, str) or encoding != "latin1":
        _refuse(f"it encodes as {encoding!r}")
    return text.encode("latin1")


@_replaces("collections.OrderedDict")
def _make_dict(*arguments: object) -> dict[Any, Any]:
    """The empty dict whose items follow."""
    if arguments:
        _refuse("it makes an ordered dict with arguments")
    return {}


@_replaces("builtins.bytes")
def _make_empty_bytes(*arguments: object) -> bytes:
    if arguments:
        _refuse("it makes bytes with arguments")
    return b""


@_replaces("builtins.set")
def _make_set(elements: object = ()) -> set[Any]:
    if not isinstance(elements, list):
        _refuse("it makes a set of something other than a list")
    return set(elements)


def _refuse(reason: str) -> NoReturn:
    raise pickle.UnpicklingError(reason)
