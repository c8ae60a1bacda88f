import pytest

from ce_nas.core.errors import SettingsError
from ce_nas.datasets.catalog import data_set
from ce_nas.datasets.download import addresses_of, fetch_files, held
from ce_nas.datasets.store import Kept, Manifest, Origin


@pytest.mark.parametrize(
    ("name", "options", "said"),
    [
        ("nasbench201", {}, "stands behind a page of its makers' own: download from"),
        ("carboncast", {}, "Expected a zone of carboncast such as --zone CISO, got ''"),
        ("carboncast", {"zone": "../.."}, "Expected a zone of carboncast"),
        ("hwnasbench", {"zone": "CISO"}, "leave --zone out"),
        ("hwnasbench", {"sha256": "abc"}, "Expected the 64 hexadecimal digits"),
        ("nasbench301", {"sha256": "0" * 64}, "for a data set of one file"),
    ],
)
def test_what_cannot_be_fetched_is_said_before_anything_is(name, options, said):
    with pytest.raises(SettingsError, match=said):
        addresses_of(data_set(name), **options)


def test_a_zone_is_two_files():
    assert list(addresses_of(data_set("carboncast"), zone="CISO", mirror="http://m")) == [
        "CISO_lifecycle_emissions.csv",
        "CISO_direct_emissions.csv",
    ]


def test_files_are_fetched_under_their_names_here(server, tmp_path):
    pytest.importorskip("httpx", reason="needs the extra 'live'")
    addresses = addresses_of(data_set("nasbench301"), mirror=server.url)
    told = []
    files = fetch_files(addresses, tmp_path, progress=lambda name, here, whole: told.append((name, here, whole)))
    assert {path.name: url for path, url in files.items()} == {
        "surrogate.onnx": f"{server.url}/model_v2.onnx",
        "encoding.json": f"{server.url}/encoding_v2.json",
    }
    assert all(path.read_bytes() == server.content for path in files)
    assert {name for name, _, _ in told} == {"surrogate.onnx", "encoding.json"}


def test_what_was_fetched_before_is_known_by_its_addresses():
    def file(name, *urls):
        return Kept(name, "", 0, 0, tuple(Origin(url, "") for url in urls), "")

    manifest = Manifest("x", "", "", (file("a", "u1", "u2"), file("b", "u3")))
    assert [kept.file for kept in held(manifest, ["u1", "u2"])] == ["a"]
    assert [kept.file for kept in held(manifest, ["u1", "u3"])] == ["a", "b"]
    assert held(manifest, ["u1", "u9"]) == []
    assert held(None, ["u1"]) == []
