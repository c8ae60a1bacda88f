"""Import NAS-Bench-301's surrogate as YAHPO Gym ships it: an ONNX model, and the category codes of its inputs."""

from __future__ import annotations

import importlib.util
import json
from typing import TYPE_CHECKING, Any

from ce_nas.core.errors import DataError
from ce_nas.datasets.importers.base import ConvertedFile
from ce_nas.datasets.store import sha256_digest

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

__all__ = ["ENCODING_FILE", "SURROGATE_FILE", "convert_files"]

SURROGATE_FILE = "surrogate.onnx"
ENCODING_FILE = "encoding.json"
#: categorical inputs of the surrogate [yahpo_data, nb301]
INPUT_COLUMN_COUNT = 34
#: SHA-256 of the files that this package is tested with
TESTED_SHA256 = {
    "3c6a6fb3a70998bf6c55883bdc5cc71cff190e1859468d72cc6960b88f06d280",
    "b16bb8db9aa5a9b688cd97e782643abe96bd166baa445675f57cbcf5e6128a98",
}


def convert_files(files: Sequence[Path]) -> list[ConvertedFile]:
    """The surrogate and its encoding, unchanged.

    :raises DataError: if one of the two is missing or invalid.
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
    return [
        _convert_file(SURROGATE_FILE, models[0], _check_model(models[0])),
        _convert_file(ENCODING_FILE, encodings[0], ()),
    ]


def _convert_file(name: str, file: Path, notes: tuple[str, ...]) -> ConvertedFile:
    tested = sha256_digest(file) in TESTED_SHA256
    warning = () if tested else (f"{file.name} differs from the file that this package was tested with.",)
    return ConvertedFile(name, file, 1, (file,), (*notes, *warning))


def _check_encoding(file: Path) -> None:
    try:
        content: Any = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        message = f"Expected the encoding as JSON in {file.name}, but {error}; download the file again."
        raise DataError(message) from error
    columns = [codes for codes in content.values() if isinstance(codes, dict)] if isinstance(content, dict) else []
    if len(columns) < INPUT_COLUMN_COUNT or not all(
        isinstance(code, int) for codes in columns for code in codes.values()
    ):
        message = (
            f"Expected codes for {INPUT_COLUMN_COUNT} names such as edge_normal_0 in {file.name}, got {len(columns)}."
        )
        raise DataError(message)


def _check_model(file: Path) -> tuple[str, ...]:
    """Open the model if the runtime is installed; a note if it is not.

    :raises DataError: if it is not a model of this surrogate.
    """
    if importlib.util.find_spec("onnxruntime") is None:
        return ("The surrogate was not checked, since onnxruntime is not installed.",)
    import onnxruntime

    try:
        session = onnxruntime.InferenceSession(file.read_bytes(), providers=["CPUExecutionProvider"])
    except Exception as error:  # the runtime does not export all of its exceptions
        message = f"Expected an ONNX model in {file.name}, but {str(error).splitlines()[0]}; download the file again."
        raise DataError(message) from error
    inputs = {each.name: list(each.shape) for each in session.get_inputs()}
    if inputs.get("x_cat", [None])[-1] != INPUT_COLUMN_COUNT or "x_cont" not in inputs:
        message = (
            f"Expected a model with the inputs x_cat [1, {INPUT_COLUMN_COUNT}] and x_cont [1, 1] in {file.name}, "
            f"got {inputs}."
        )
        raise DataError(message)
    return ()
