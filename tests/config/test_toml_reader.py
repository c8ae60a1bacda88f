import pytest

from ce_nas.config.toml_reader import read_toml
from ce_nas.core.errors import SettingsError


def test_a_file_is_read(tmp_path):
    (tmp_path / "a.toml").write_text('name = "x"\n[part]\nshare = 0.5\n')
    assert read_toml(tmp_path / "a.toml", "a file") == {"name": "x", "part": {"share": 0.5}}


def test_a_byte_order_mark_is_skipped(tmp_path):
    (tmp_path / "a.toml").write_bytes(b'\xef\xbb\xbfname = "x"\r\nshare = 1\r\n')
    assert read_toml(tmp_path / "a.toml", "a file") == {"name": "x", "share": 1}


@pytest.mark.parametrize("content", [b"name = ", b"\xff\xfe", b"a = 1\na = 2\n"])
def test_what_is_no_toml_is_said(tmp_path, content):
    (tmp_path / "a.toml").write_bytes(content)
    with pytest.raises(SettingsError, match=r"Expected TOML in .*a\.toml"):
        read_toml(tmp_path / "a.toml", "a file")


@pytest.mark.parametrize("name", ["absent.toml", "."])
def test_what_cannot_be_read_is_said(tmp_path, name):
    with pytest.raises(SettingsError, match="Expected a file of figures at"):
        read_toml(tmp_path / name, "a file of figures")
