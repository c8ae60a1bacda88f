import zipfile

import pytest

from ce_nas.core.errors import DataError
from ce_nas.library.ensembles import read


def archive(folder, *names):
    path = folder / "nb_models_1.0.zip"
    with zipfile.ZipFile(path, "w") as file:
        for name in names:
            file.writestr(name, b"pickled elsewhere")
    return path


def test_the_archive_is_counted_and_kept_as_it_is(tmp_path):
    path = archive(tmp_path, "nb_models/xgb_v1.0/1/surrogate_model.model", "nb_models/xgb_v1.0/2/surrogate_model.model")
    (piece,) = read([path])
    assert (piece.file, piece.rows) == ("nb_models_1.0.zip", 2)
    piece.write(tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == path.read_bytes()


def test_another_archive_is_refused(tmp_path):
    with pytest.raises(DataError, match="it holds no surrogate_model"):
        read([archive(tmp_path, "readme.txt")])


def test_a_broken_archive_is_refused(tmp_path):
    path = archive(tmp_path, "surrogate_model.model")
    whole = path.read_bytes()
    for content in (b"no archive", whole[:-10], whole.replace(b"elsewhere", b"elsewherf", 1)):
        path.write_bytes(content)
        with pytest.raises(DataError, match="get the file anew"):
            read([path])
