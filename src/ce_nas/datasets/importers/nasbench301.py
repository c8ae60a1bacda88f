"""NAS-Bench-301's surrogate as YAHPO Gym ships it: an ONNX model, and the codes of what its inputs may be."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import DataError
from ce_nas.datasets.importers.base import Piece
from ce_nas.datasets.store import digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["ENCODING_FILE", "SURROGATE_FILE", "read"]

SURROGATE_FILE = "surrogate.onnx"
ENCODING_FILE = "encoding.json"
#: names of operations and inputs that the surrogate takes [yahpo_data, nb301]
NAMES = 34
#: SHA-256 of the files that this package is tested with
TESTED = {
    "3c6a6fb3a70998bf6c55883bdc5cc71cff190e1859468d72cc6960b88f06d280",
    "b16bb8db9aa5a9b688cd97e782643abe96bd166baa445675f57cbcf5e6128a98",
}


def read(files: Sequence[Path]) -> list[Piece]:
    """The surrogate and its encoding, as they are.

    :raises DataError: if one of the two is missing, or is none.
    """
    models = [file for file in files if file.suffix == ".onnx"]
    encodings = [file for file in files if file.suffix == ".json"]
    if len(models) != 1 or len(encodings) != 1 or len(files) != 2:
        message = (
            "Expected two files of NAS-Bench-301, the surrogate's .onnx and its encoding's .json, got: "
            f"{', '.join(file.name for file in files)}."
        )
        raise DataError(message)
    _check_encoding(encodings[0])
    return [_piece(SURROGATE_FILE, models[0], _opened(models[0])), _piece(ENCODING_FILE, encodings[0], ())]


def _piece(name: str, file: Path, notes: tuple[str, ...]) -> Piece:
    tested = digest(file) in TESTED
    told = () if tested else (f"{file.name} is another file than the one that this package was tested with.",)
    return Piece(name, file, 1, (file,), (*notes, *told))


def _check_encoding(file: Path) -> None:
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        message = f"Expected the encoding as JSON in {file.name}, but {error}; get the file anew from its source."
        raise DataError(message) from error
    codes = (
        {name: item for name, item in content.items() if isinstance(item, dict)} if isinstance(content, dict) else {}
    )
    if len(codes) < NAMES or not all(isinstance(code, int) for item in codes.values() for code in item.values()):
        message = f"Expected codes for {NAMES} names such as edge_normal_0 in {file.name}, found {len(codes)}."
        raise DataError(message)


def _opened(file: Path) -> tuple[str, ...]:
    """Open the model, where the runtime is installed; a note where it is not.

    :raises DataError: if it is no model of this surrogate.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        return ("The surrogate was not opened, since onnxruntime is not installed here.",)
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime has a tree of its own, not all of it exported
        message = f"Expected an ONNX model in {file.name}, but {str(error).splitlines()[0]}; get the file anew."
        raise DataError(message) from error
    inputs = {item.name: list(item.shape) for item in session.get_inputs()}
    if inputs.get("x_cat", [None])[-1] != NAMES or "x_cont" not in inputs:
        message = f"Expected a model with the inputs x_cat [1, {NAMES}] and x_cont [1, 1] in {file.name}, got {inputs}."
        raise DataError(message)
    return ()
