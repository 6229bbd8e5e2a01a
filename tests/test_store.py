"""Where outputs go: a folder, and a real S3 server on this machine."""

import os
import subprocess
import sys
from urllib.request import ProxyHandler, Request, build_opener

import pytest

from kpcomplete.errors import OutputError, SettingError
from kpcomplete.store import Address, Folder, open_store


@pytest.fixture(scope="module")
def s3():
    """A server of S3 with an empty bucket; its address is in the environment."""
    pytest.importorskip("s3fs", reason="s3fs is not installed: pip install kpcomplete[s3]")
    server = pytest.importorskip("moto.server", reason="moto is not installed")
    running = server.ThreadedMotoServer(port=0, verbose=False)
    running.start()
    _, port = running.get_host_and_port()
    # servers of one process hold the same buckets, also those of earlier modules
    forget = Request(f"http://127.0.0.1:{port}/moto-api/reset", method="POST")
    build_opener(ProxyHandler({})).open(forget).close()
    settings = {
        "FSSPEC_S3_ENDPOINT_URL": f"http://127.0.0.1:{port}", "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test", "AWS_DEFAULT_REGION": "us-east-1", "NO_PROXY": "127.0.0.1",
        "no_proxy": "127.0.0.1",
    }  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        for name, value in settings.items():
            patch.setenv(name, value)
        import fsspec

        fsspec.config.set_conf_env(fsspec.config.conf)
        fsspec.filesystem("s3").clear_instance_cache()
        fsspec.filesystem("s3").mkdir("results")
        yield "s3://results"
        fsspec.config.conf.clear()
        fsspec.filesystem("s3").clear_instance_cache()
    running.stop()


@pytest.fixture(params=["folder", "memory", "local", "s3"])
def store(request, tmp_path):
    if request.param == "s3":
        return open_store(request.getfixturevalue("s3") + "/batch")
    return open_store(
        {"folder": str(tmp_path / "out"), "memory": f"memory://{tmp_path}",
         "local": f"file://{tmp_path}/out"}[request.param]
    )  # fmt: skip


def test_what_is_written_is_read(store):
    assert store.read("manifest.csv") is None
    assert store.changed("manifest.csv") is None
    store.write("manifest.csv", b"one")
    store.write("manifest.csv", b"two")
    assert store.read("manifest.csv") == b"two"
    assert store.changed("manifest.csv") > 1e9
    with store.fetched("manifest.csv") as path:
        assert path.read_bytes() == b"two"
    store.remove("manifest.csv")
    store.remove("manifest.csv")
    assert store.read("manifest.csv") is None


def test_files_in_folders_are_listed(store):
    assert store.names(".pieces") == []
    for name in (".pieces/b", ".pieces/a", "c"):
        store.write(name, b"x")
    assert store.names(".pieces") == [".pieces/a", ".pieces/b"]


def test_drafts_arrive_when_they_are_whole(store):
    with store.drafting() as folder:
        (folder / "sub").mkdir()
        (folder / "a.parquet").write_bytes(b"a")
        (folder / "sub" / "b").write_bytes(b"b")
    assert (store.read("a.parquet"), store.read("sub/b")) == (b"a", b"b")


@pytest.mark.parametrize("kind", ["memory", "s3"])
def test_nothing_of_what_failed_arrives_and_nothing_is_left_here(
    kind, request, tmp_path, monkeypatch
):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    url = request.getfixturevalue("s3") if kind == "s3" else "memory://results"
    store = open_store(f"{url}/failed")
    with pytest.raises(RuntimeError, match="half"), store.drafting() as folder:  # noqa: PT012
        (folder / "a.parquet").write_bytes(b"a")
        raise RuntimeError("half")
    assert store.read("a.parquet") is None
    assert not list(tmp_path.glob("kpcomplete-*"))


def test_classes_of_an_earlier_run_go(store):
    if not store.is_far:
        pytest.skip("the archive sink does it where it writes")
    store.write("a.classes.parquet", b"old")
    with store.drafting() as folder:
        (folder / "a.parquet").write_bytes(b"a")
    assert store.read("a.classes.parquet") is None


def test_leftovers_of_a_process_that_is_gone_are_swept(tmp_path, monkeypatch):
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    folder, far = Folder(tmp_path / "out"), Address("memory://swept")
    left = [tmp_path / "out" / f".a.parquet.part-0-{pid}" for pid in (gone.pid, os.getpid())]
    other = tmp_path / "out" / f".ab.parquet.part-0-{gone.pid}"
    scratch = tmp_path / f"kpcomplete-{gone.pid}-x"
    for path in (*left, other):
        path.touch()
    scratch.mkdir()
    for pid in (gone.pid, os.getpid()):
        folder.sweep("a", pid)
        far.sweep("a", pid)
    assert [path.exists() for path in (*left, other, scratch)] == [False, True, True, False]


def test_an_address_that_nobody_knows():
    with pytest.raises(SettingError, match="output_dir must be a folder or an address"):
        open_store("nothing://there")


def test_a_server_that_does_not_answer(s3, monkeypatch):
    import fsspec

    monkeypatch.setitem(fsspec.config.conf["s3"], "endpoint_url", "http://127.0.0.1:9")
    monkeypatch.setitem(fsspec.config.conf["s3"], "config_kwargs", {"retries": {"max_attempts": 1}})
    fsspec.filesystem("s3").clear_instance_cache()
    with pytest.raises(OutputError, match="cannot write s3://results"):
        open_store("s3://results/x").write("a", b"x")
