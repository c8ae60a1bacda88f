import numpy as np
import pandas as pd

from ce_nas.library.piece import Piece


def test_rows_arrays_and_files_are_written_in_plain_formats(tmp_path):
    frame = pd.DataFrame({"a": [1.5, 2.5], "b": ["x", "y"]})
    Piece("a.parquet", frame, 2, ()).write(tmp_path / "a.parquet")
    pd.testing.assert_frame_equal(pd.read_parquet(tmp_path / "a.parquet"), frame)

    Piece("b.npz", {"a": np.arange(3)}, 3, ()).write(tmp_path / "b.npz")
    with np.load(tmp_path / "b.npz", allow_pickle=False) as content:
        assert content["a"].tolist() == [0, 1, 2]

    (tmp_path / "c").write_bytes(b"as it is")
    Piece("c.bin", tmp_path / "c", 1, ()).write(tmp_path / "c.bin")
    assert (tmp_path / "c.bin").read_bytes() == b"as it is"
