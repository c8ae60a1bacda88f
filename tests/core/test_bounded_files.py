"""Packed files are bounded before they are unpacked."""

import gzip
import io
import struct
import tarfile
import zipfile

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ce_nas.core.bounded_files import extract_tar, read_gzip, read_npz


def make_header(descr, shape, version=(1, 0)):
    text = f"{{'descr': {descr!r}, 'fortran_order': False, 'shape': {shape!r}, }}".encode()
    text += b" " * (-(len(text) + 11) % 64) + b"\n"
    length = struct.pack("<H", len(text)) if version[0] == 1 else struct.pack("<I", len(text))
    return b"\x93NUMPY" + bytes(version) + length + text


def make_npz(content):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.npy", content)
    packed.seek(0)
    return packed


@pytest.mark.parametrize("order", ["C", "F"])
def test_arrays_are_read_as_numpy_reads_them(order, tmp_path):
    arrays = {
        "x": np.asarray(np.arange(6.0).reshape(2, 3), order=order),
        "names": np.array(["a", "bc"]),
        "flag": np.array(True),
        "none": np.zeros((0, 15625)),
    }
    np.savez_compressed(tmp_path / "a.npz", **arrays)
    read = read_npz(tmp_path / "a.npz")
    assert read.keys() == arrays.keys()
    for name, values in arrays.items():
        assert np.array_equal(read[name], values)
        assert read[name].dtype == values.dtype
    assert list(read_npz(tmp_path / "a.npz", ["x"])) == ["x"]
    with pytest.raises(ValueError, match="no array 'y'"):
        read_npz(tmp_path / "a.npz", ["y"])
    with pytest.raises(ValueError, match="more than 0 MiB"):
        read_npz(tmp_path / "a.npz", max_bytes=10)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (make_header("<f8", (10**9,)) + bytes(24), "claims 1,000,000,000 values"),
        (make_header("<f8", (-1,)) + bytes(24), "claims -1"),
        (make_header("<f8", (3,), (9, 0)) + bytes(24), "version 9.0"),
        (make_header("<c16", (1,)) + bytes(16), "complex128"),
        (make_header("|O", (1,)) + bytes(8), "object"),
        (make_header("<f8", (3,))[:20], "header of its array 'a' cannot be read"),
        (make_header("<f8", (3,)).replace(b"(3,)", b"\0\0,)") + bytes(24), "header of its array 'a' cannot be read"),
        (make_header("<f8", (3,)).replace(b"(3,)", b"((((") + bytes(24), "header of its array 'a' cannot be read"),
        (b"", "EOF"),
    ],
)
def test_a_damaged_array_is_refused(content, message):
    with pytest.raises(ValueError, match=message):
        read_npz(make_npz(content))


def test_a_file_that_unpacks_to_more_than_it_may_is_refused_early(tmp_path):
    with pytest.raises(ValueError, match="more than 1 MiB"):
        read_npz(make_npz(make_header("<f8", (1 << 18,)) + bytes(8 << 18)), max_bytes=1 << 20)
    (tmp_path / "a.gz").write_bytes(gzip.compress(bytes(3 << 20)))
    assert len(read_gzip(tmp_path / "a.gz", 3 << 20)) == 3 << 20
    with pytest.raises(ValueError, match="more than 2 MiB"):
        read_gzip(tmp_path / "a.gz", 2 << 20)
    (tmp_path / "b.gz").write_bytes(b"no gzip")
    with pytest.raises(ValueError, match="gzip"):
        read_gzip(tmp_path / "b.gz")


def add(archive, name, content=b"", kind=tarfile.REGTYPE, link=""):
    member = tarfile.TarInfo(name)
    member.size, member.type, member.linkname = len(content), kind, link
    archive.addfile(member, io.BytesIO(content))


def test_an_archive_unpacks_its_files_within_the_bound(tmp_path):
    with tarfile.open(tmp_path / "a.tar.gz", "w:gz") as archive:
        add(archive, "in/a", b"1" * 1000)
        add(archive, "in/link", kind=tarfile.SYMTYPE, link="/etc/passwd")
        add(archive, "in/b", b"2" * 1000)
    extract_tar(tmp_path / "a.tar.gz", tmp_path / "out", 2000)
    assert sorted(path.name for path in (tmp_path / "out/in").iterdir()) == ["a", "b"]
    with pytest.raises(ValueError, match="more than"):
        extract_tar(tmp_path / "a.tar.gz", tmp_path / "less", 1999)
    assert not (tmp_path / "less/in/b").exists()
    with tarfile.open(tmp_path / "b.tar", "w") as archive:
        add(archive, "../outside", b"x")
    with pytest.raises(ValueError, match="outside"):
        extract_tar(tmp_path / "b.tar", tmp_path / "out")
    assert not (tmp_path / "outside").exists()
    (tmp_path / "c.tar").write_bytes(b"damaged")
    with pytest.raises(ValueError):  # noqa: PT011 - the words are tarfile's
        extract_tar(tmp_path / "c.tar", tmp_path / "out")


@given(st.data())
def test_any_damage_of_an_npz_is_refused_or_harmless(data):
    packed = io.BytesIO()
    np.savez(packed, a=np.arange(12.0), b=np.array(["x"]))
    content = bytearray(packed.getvalue())
    for _ in range(data.draw(st.integers(1, 5))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    try:
        arrays = read_npz(io.BytesIO(bytes(content)))
    except ValueError:
        return
    assert all(values.nbytes <= len(content) for values in arrays.values())
