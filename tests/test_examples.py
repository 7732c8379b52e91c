"""The examples: small, reproducible, and true to the published data sets; the download goes on where it stopped."""

import importlib.util
import io
import json
import sys
import tarfile
import threading
import zipfile
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from superdsm.config import Config
from superdsm.io import read_image
from superdsm.plugins import default_pipeline

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"


def load(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"examples_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def shipped(folder: Path) -> list[Path]:
    """Files that ship with the project: no results of a run."""
    made = {"seg", "adj", "overlays", "cfg", "log", ".superdsm"}
    return [
        path
        for path in folder.rglob("*")
        if path.is_file()
        and not made & set(path.relative_to(folder).parts)
        and path.suffix in (".png", ".json", ".py")
        and not path.is_relative_to(folder / "real" / "images")
    ]


def test_the_examples_are_small() -> None:
    files = shipped(EXAMPLES)
    assert sum(path.stat().st_size for path in files) < 1_000_000
    assert len([path for path in files if path.parent.name == "images"]) == 6


def test_the_images_can_be_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    script = load(EXAMPLES / "make_images.py")
    monkeypatch.setattr(script, "FOLDER", tmp_path)
    script.main()
    for folder in ("images", "true_labels"):
        for path in (EXAMPLES / folder).glob("*.png"):
            shipped_image, image = read_image(path).astype(float), read_image(tmp_path / folder / path.name)
            assert image.shape == shipped_image.shape
            # Another version of NumPy or another processor may round a pixel differently.
            assert np.mean(image != shipped_image) < 0.01, path.name


def test_each_image_has_true_labels_and_is_listed_in_the_task() -> None:
    names = {path.name for path in (EXAMPLES / "images").glob("*.png")}
    assert names == {path.name for path in (EXAMPLES / "true_labels").glob("*.png")}
    task = json.loads((EXAMPLES / "task.json").read_text())
    assert names == {f"{file_id}.png" for file_id in task["file_ids"]}
    for name in names:
        assert read_image(EXAMPLES / "true_labels" / name).max() == 0 or "empty" not in name


def test_every_hyperparameter_of_the_tasks_is_known() -> None:
    for path in EXAMPLES.rglob("task.json"):
        config = json.loads(path.read_text()).get("config", {})
        default_pipeline().validate(Config(config))


def test_the_real_data_sets_are_those_of_the_publication(shared_data: Path) -> None:
    sets = json.loads((shared_data / "real_data_sets.json").read_text())
    download = load(EXAMPLES / "real" / "download.py")
    assert list(download.ARCHIVES) == list(sets)
    for name, expected in sets.items():
        task = json.loads((EXAMPLES / "real" / name / "task.json").read_text())
        assert task["file_ids"] == expected["file_ids"]
        assert Path(task["img_pathpattern"]).name == expected["file_name"]
        assert download.ARCHIVES[name] == (expected["archive"], expected["folder"])
        for variant in ("default", "adapted"):
            path = EXAMPLES / "real" / name / variant / "task.json"
            if f"{variant}_config" not in expected:
                assert not path.exists()
                continue
            derived = json.loads(path.read_text())
            assert derived["runnable"] is True
            assert derived.get("config", {}) == expected[f"{variant}_config"]


# --- the download ----------------------------------------------------------------------------------------------------


class Server(ThreadingHTTPServer):
    """Serves one file, in parts where asked, and ends connections early where told."""

    daemon_threads = True
    content = b""
    tag: str | None = '"v1"'
    ranges = True
    cut_after: int | None = None
    requests: list[str | None]


class Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        server = self.server
        wanted = self.headers.get("Range")
        server.requests.append(wanted)
        if self.path == "/none.zip":
            self.send_error(404)
            return
        start = 0
        if wanted and server.ranges and self.headers.get("If-Range") == server.tag:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(server.content):
                self.send_response(416)
                self.send_header("Content-Range", f"bytes */{len(server.content)}")
                self.end_headers()
                return
        self.send_response(206 if start else 200)
        body = server.content[start:]
        self.send_header("Content-Length", str(len(body)))
        if server.tag is not None:
            self.send_header("ETag", server.tag)
        self.end_headers()
        if server.cut_after is not None:
            self.wfile.write(body[: server.cut_after])
            self.close_connection = True
            return
        self.wfile.write(body)

    def log_message(self, *args: Any) -> None:
        """Be silent."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server(("127.0.0.1", 0), Handler) as server:
        server.requests = []
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def download(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    module = load(EXAMPLES / "real" / "download.py")
    monkeypatch.setattr(module.time, "sleep", lambda seconds: None)
    return module


def zipped(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


def tarred(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as archive:
        for name, data in files.items():
            info = tarfile.TarInfo(f"./{name}")
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))
    return buffer.getvalue()


def url(server: Server, name: str = "a.zip") -> str:
    return f"http://127.0.0.1:{server.server_address[1]}/{name}"


def test_an_interrupted_download_goes_on_where_it_stopped(server: Server, download: ModuleType, tmp_path: Path) -> None:
    server.content, server.cut_after = bytes(range(256)) * 40, 2000
    with pytest.raises(download.DownloadError, match=r"cannot be downloaded .* it goes on where it stopped"):
        download.fetch(url(server), tmp_path / "a.zip")
    assert not (tmp_path / "a.zip").exists()
    assert server.requests == [None, "bytes=2000-", "bytes=4000-", "bytes=6000-"]
    server.cut_after = None
    download.fetch(url(server), tmp_path / "a.zip")
    assert server.requests[-1] == "bytes=8000-"
    assert (tmp_path / "a.zip").read_bytes() == server.content
    assert [path.name for path in tmp_path.iterdir()] == ["a.zip"]
    count = len(server.requests)
    download.fetch(url(server), tmp_path / "a.zip")
    assert len(server.requests) == count, "what is complete is not asked for again"


@pytest.mark.parametrize("change", ["content", "ranges", "tag"])
def test_a_part_of_another_file_is_not_continued(
    server: Server, download: ModuleType, tmp_path: Path, change: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "ATTEMPTS", 1)
    server.content, server.cut_after = b"old" * 1000, 1500
    if change == "tag":
        server.tag = None
    with pytest.raises(download.DownloadError):
        download.fetch(url(server), tmp_path / "a.zip")
    server.cut_after = None
    server.content = b"new" * 1000
    if change == "content":
        server.tag = '"v2"'
    server.ranges = change != "ranges"
    download.fetch(url(server), tmp_path / "a.zip")
    assert (tmp_path / "a.zip").read_bytes() == b"new" * 1000


def test_a_download_that_was_complete_but_not_renamed(server: Server, download: ModuleType, tmp_path: Path) -> None:
    server.content = b"x" * 100
    (tmp_path / "a.zip.part").write_bytes(server.content)
    (tmp_path / "a.zip.part.tag").write_text('"v1"')
    download.fetch(url(server), tmp_path / "a.zip")
    assert server.requests == ["bytes=100-"]
    assert (tmp_path / "a.zip").read_bytes() == server.content


def test_an_absent_file_and_an_absent_network_are_one_line(
    server: Server,
    download: ModuleType,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(download.DownloadError, match="Not Found"):
        download.fetch(url(server, "none.zip"), tmp_path / "none.zip")
    assert len(server.requests) == 1
    monkeypatch.setattr(download, "ARCHIVES", {"BBBC039": ("http://127.0.0.1:9/a.zip", "images")})
    assert download.main(["BBBC039", "--images", str(tmp_path / "images")]) == 1
    error = capsys.readouterr().err
    assert error.startswith("download.py: error: http://127.0.0.1:9/a.zip: cannot be downloaded")
    assert error.count("\n") == 1


@pytest.mark.parametrize(("name", "pack"), [("a.zip", zipped), ("a.tgz", tarred)])
def test_members_are_checked_and_unpacked_once(download: ModuleType, tmp_path: Path, name: str, pack: Any) -> None:
    archive, folder = tmp_path / name, tmp_path / "images"
    files = {"data/1.png": b"one", "data/2.png": b"two" * 100, "data/other.txt": b"no", "../evil.png": b"no"}
    archive.write_bytes(pack(files))
    data_set = download.DataSet("X", "http://x/", {"1.png": "data/1.png", "2.png": "data/2.png"})
    assert not data_set.is_complete(folder)
    assert download.unpack(archive, data_set, folder) == 2
    assert data_set.is_complete(folder)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == {"1.png": b"one", "2.png": b"two" * 100}
    (folder / "2.png").write_bytes(b"half")
    assert download.unpack(archive, data_set, folder) == 1
    assert (folder / "2.png").read_bytes() == b"two" * 100
    more = download.DataSet("X", "http://x/", {"3.png": "data/3.png", "1.png": "data/1.png"})
    with pytest.raises(download.DownloadError, match=r"has no data/3\.png \(1 of 2 files are missing\)"):
        download.unpack(archive, more, folder)
    archive.write_bytes(pack(files)[:100])
    with pytest.raises(download.DownloadError, match=r"cannot be unpacked .* delete it"):
        download.unpack(archive, data_set, tmp_path / "fresh")
    archive.write_bytes(pack({"data/1.png": b"", "data/2.png": b""}))
    with pytest.raises(download.DownloadError, match=r"has 0 bytes"):
        download.unpack(archive, data_set, tmp_path / "fresh")


def test_a_complete_data_set_needs_no_network(
    download: ModuleType, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data_set = download.DataSet.named("GOWT1-2")
    assert "t001.tif" in data_set.members and data_set.members["t091.tif"] == "Fluo-N2DH-GOWT1/02/t091.tif"
    (tmp_path / "GOWT1-2").mkdir()
    for name in data_set.members:
        (tmp_path / "GOWT1-2" / name).write_bytes(b"x")
    assert download.main(["GOWT1-2", "--images", str(tmp_path)]) == 0
    assert "20 images are in" in capsys.readouterr().out


def test_an_unknown_data_set_is_a_usage_error(download: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        download.main(["NIH3T4"])
    assert "there are: NIH3T3, U2OS" in capsys.readouterr().err
