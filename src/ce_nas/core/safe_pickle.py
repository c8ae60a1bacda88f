"""Pickles of plain containers and numpy arrays, read without running, importing or trusting anything in them.

Two walls. Before a byte is unpickled, its opcodes are walked: lengths must lie within the file, places of the memo
within what the file could fill, and tuples may be few, since hashing deeply nested ones overruns the stack. Then an
unpickler that finds no class and no function: the few names with which numpy writes arrays and numbers stand for
functions of this module, which check every argument; whatever else a file names is refused.

Pickles of plain containers and numbers, opened without running anything that they bring along.
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

__all__ = ["load_arrays", "load_plain"]

#: a file that is larger than this is none of the official ones
LARGEST_BYTES = 1 << 30
#: tuples that a file may keep as values; those that hand arguments to a call do not count
MOST_TUPLES = 10_000
#: booleans, whole and real numbers, bytes and text: no objects, no records
DTYPE_CODE = re.compile(r"b1|[iu][1248]|f[248]|[SU]\d{1,4}")

_REFUSED = {"INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "EXT1", "EXT2", "EXT4", "PERSID", "BINPERSID", "FROZENSET",
            "NEXT_BUFFER", "READONLY_BUFFER"}  # fmt: skip
_OPCODES = {ord(opcode.code): opcode for opcode in pickletools.opcodes if opcode.name not in _REFUSED}
#: bytes of the argument of each opcode; -1 where it has to be looked at
_FIXED = [_OPCODES[code].arg.n if code in _OPCODES and _OPCODES[code].arg else 0 for code in range(256)]  # type: ignore[union-attr]
_TO_LOOK_AT = -1
_STEPS = [
    _TO_LOOK_AT if code not in _OPCODES or _FIXED[code] < 0 or _OPCODES[code].name in {"LONG_BINPUT", "FRAME"}
    else _FIXED[code] for code in range(256)
]  # fmt: skip
#: bytes of the length that stands before an argument, by how pickletools names its kind
_LENGTHS = {pickletools.TAKEN_FROM_ARGUMENT1: 1, pickletools.TAKEN_FROM_ARGUMENT4: 4,
            pickletools.TAKEN_FROM_ARGUMENT4U: 4, pickletools.TAKEN_FROM_ARGUMENT8U: 8}  # fmt: skip
_TUPLES, _MEMOS, _USES = b"t\x85\x86\x87", b"qrp\x94", b"Rb"
_STOP = ord(".")


def load_arrays(content: bytes, name: str) -> Any:  # noqa: ANN401 - whatever plain content the file holds
    """The content of a pickle of dicts, lists, tuples, sets, text, numbers and numpy arrays of these.

    :param name: what the file is called in an error.
    :raises DataError: if it asks for anything else, or is broken.
    """
    try:
        _walk(content)
        return _ArrayUnpickler(io.BytesIO(content), encoding="latin1").load()  # Python 2 wrote bytes as text
    except Exception as error:  # whatever the opcode that the broken bytes happen to be raises
        message = (
            f"Expected a pickle of plain containers and numpy arrays in {name}, but {error}; get the file anew from "
            "its source."
        )
        raise DataError(message) from error


def _walk(content: bytes) -> None:
    """Check sizes and places without unpickling anything."""
    if len(content) > LARGEST_BYTES:
        _refuse(f"it is longer than {LARGEST_BYTES:,} bytes")
    at, end, tuples, open_tuple = 0, len(content), 0, False
    while at < end:
        code = content[at]
        if open_tuple and code not in _MEMOS:
            tuples += code not in _USES
            open_tuple = False
        open_tuple = open_tuple or code in _TUPLES
        step = _STEPS[code]
        at += 1 + (step if step >= 0 else _argument_bytes(content, at))
        if code == _STOP:
            break
    if at > end:
        _refuse("it is cut off")
    if tuples > MOST_TUPLES:
        _refuse(f"it holds {tuples:,} tuples, more than {MOST_TUPLES:,}")


def _argument_bytes(content: bytes, at: int) -> int:
    """Bytes of the argument of the opcode at ``at``, which are counted, end a line, or have to be in bounds."""
    opcode = _OPCODES.get(content[at])
    if opcode is None or opcode.arg is None:
        _refuse(f"it has the opcode {content[at]:#04x}, which no plain content needs")
    kind, first = opcode.arg.n, at + 1
    if kind in _LENGTHS:
        width = _LENGTHS[kind]
        counted = int.from_bytes(content[first : first + width], "little")
        return width + _within(counted, len(content) - first - width)
    if opcode.name == "FRAME":
        _within(int.from_bytes(content[first : first + 8], "little"), len(content) - first - 8)
        return 8
    if opcode.name == "LONG_BINPUT":
        _within(int.from_bytes(content[first : first + 4], "little"), len(content))
        return 4
    end = content.find(b"\n", first)
    if opcode.name == "GLOBAL":
        end = content.find(b"\n", end + 1)
    if end < 0:
        _refuse("it is cut off")
    if opcode.name == "PUT":
        _within(int(content[first:end]), len(content))
    return end + 1 - first


def _within(number: int, bound: int) -> int:
    """The number, if the file is large enough for it."""
    if not 0 <= number <= bound:
        _refuse(f"it claims a size or a place of {number:,} in a file that has no room for it")
    return number


class _ArrayUnpickler(pickle.Unpickler):
    """Hands out nothing but this module's own functions."""

    def find_class(self, module: str, name: str) -> _Stand:
        """The stand-in for what numpy and the containers of the standard library are written with."""
        home = module.replace("numpy._core", "numpy.core")
        make = _MAKERS.get((home, name))
        if make is None:
            _refuse(f"it asks for {module}.{name}")
        return _Stand(make)


class _Stand:
    """Something that can be called, and that a file can change nothing about."""

    __slots__ = ("_make",)

    def __init__(self, make: Callable[..., Any]) -> None:
        self._make = make

    def __call__(self, *arguments: Any) -> Any:  # noqa: ANN401 - whatever the file hands over; the maker checks it
        return self._make(*arguments)

    def __setstate__(self, state: object) -> None:
        _refuse("it tries to change a function")


class _Dtype:
    """The type of an array's numbers: its code, and then its order of bytes."""

    def __init__(self, code: object) -> None:
        if not (isinstance(code, str) and DTYPE_CODE.fullmatch(code)):
            _refuse(f"it holds an array of {code!r}, and only numbers and text are accepted")
        self.dtype = np.dtype(code)

    def __setstate__(self, state: object) -> None:
        _, order, *parts = state if isinstance(state, tuple) and len(state) >= 5 else (0, "")
        if parts[:3] != [None] * 3 or not all(type(item) is int for item in parts[3:]):
            _refuse("it holds an array of records or of objects")
        if order in {"<", ">"}:
            self.dtype = self.dtype.newbyteorder(order)


class _Array(np.ndarray):
    """An array whose content comes later; subclassed so that it can be checked then."""

    def __setstate__(self, state: Any) -> None:  # noqa: ANN401 - whatever the file holds
        if not (isinstance(state, tuple) and len(state) == 5):
            _refuse("it holds an array in a form unknown")
        _, shape, dtype, fortran, data = state
        data = data.encode("latin1") if isinstance(data, str) else data
        checked = _checked(shape, dtype, data)
        super().__setstate__((1, shape, checked, bool(fortran), bytes(data)))  # type: ignore[arg-type]


def _checked(shape: object, dtype: object, data: object) -> np.dtype[Any]:
    """The array's type, if its shape and its bytes agree."""
    if not isinstance(dtype, _Dtype) or not isinstance(data, (bytes, bytearray)):
        _refuse("it holds an array of objects")
    if not (isinstance(shape, tuple) and all(type(length) is int and length >= 0 for length in shape)):
        _refuse(f"it holds an array of the shape {shape!r}")
    if math.prod(shape) * dtype.dtype.itemsize != len(data):
        _refuse(f"it holds an array of the shape {shape!r} with {len(data):,} bytes")
    return dtype.dtype


def _dtype(code: object, *_: object) -> _Dtype:
    return _Dtype(code)


def _ndarray(*_: object) -> None:
    _refuse("it makes an array of no stated content")


def _reconstruct(kind: object, *_: object) -> _Array:
    """The empty array that numpy writes first."""
    if not (isinstance(kind, _Stand) and kind._make is _ndarray):
        _refuse("it makes an array of a class of its own")
    return np.zeros(0).view(_Array)


def _frombuffer(data: object, dtype: object, shape: object, order: object) -> np.ndarray:
    """An array whose bytes stand in the pickle, as protocol 5 writes it."""
    if order not in {"C", "F"}:
        _refuse(f"it holds an array in the order {order!r}")
    checked = _checked(shape, dtype, data)
    return np.frombuffer(bytes(data), checked).reshape(shape, order=order)  # type: ignore[call-overload, no-any-return]


def _scalar(dtype: object, data: object) -> Any:  # noqa: ANN401 - a number or a text
    return np.frombuffer(bytes(data), _checked((), dtype, data))[0].item()  # type: ignore[call-overload]


def _encoded(text: object, encoding: object) -> bytes:
    """Bytes, as protocols before 3 write them."""
    if not isinstance(text, str) or encoding != "latin1":
        _refuse(f"it encodes as {encoding!r}")
    return text.encode("latin1")


def _empty(*arguments: object) -> dict[Any, Any]:
    """The dict that an ordered one begins as."""
    if arguments:
        _refuse("it makes an ordered dict of something")
    return {}


def _no_bytes(*arguments: object) -> bytes:
    if arguments:
        _refuse("it makes bytes of something")
    return b""


def _set(items: object = ()) -> set[Any]:
    if not isinstance(items, list):
        _refuse("it makes a set of something else than a list")
    return set(items)


def _refuse(reason: str) -> NoReturn:
    raise pickle.UnpicklingError(reason)


_MAKERS: dict[tuple[str, str], Callable[..., Any]] = {
    ("numpy", "dtype"): _dtype,
    ("numpy", "ndarray"): _ndarray,
    ("numpy.core.multiarray", "_reconstruct"): _reconstruct,
    ("numpy.core.multiarray", "scalar"): _scalar,
    ("numpy.core.numeric", "_frombuffer"): _frombuffer,
    ("_codecs", "encode"): _encoded,
    ("collections", "OrderedDict"): _empty,
    ("builtins", "bytes"): _no_bytes,
    ("__builtin__", "bytes"): _no_bytes,
    ("builtins", "set"): _set,
    ("__builtin__", "set"): _set,
}


class _PlainUnpickler(pickle.Unpickler):
    """Knows no class and no function, so that a hostile file can name none."""

    def find_class(self, module: str, name: str) -> NoReturn:
        message = f"it asks for {module}.{name}, and only plain containers, text and numbers are accepted"
        raise pickle.UnpicklingError(message)


def load_plain(path: Path) -> Any:  # noqa: ANN401 - whatever plain content the file holds
    """The content of a pickle that holds dicts, lists, tuples, text and numbers only.

    :raises DataError: if the file cannot be read or asks for anything else.
    """
    try:
        with path.open("rb") as file:
            return _PlainUnpickler(file).load()
    except Exception as error:  # whatever the opcode that the broken bytes happen to be raises
        message = f"Expected a pickle of plain containers in {path}, but {error}; get the file anew from its source."
        raise DataError(message) from error
