"""A file is the same file under all of its names."""

import os
from pathlib import Path

import pytest

from superdsm import places
from superdsm.places import Places, folds_case


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    (tmp_path / "images").mkdir()
    (tmp_path / "images" / "a.png").write_bytes(b"x")
    (tmp_path / "link").symlink_to("images")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "soft.png").symlink_to("../images/a.png")
    os.link(tmp_path / "images" / "a.png", tmp_path / "other" / "hard.png")
    return tmp_path


NAMES = ["images/a.png", "images/../images/a.png", "link/a.png", "other/soft.png", "other/hard.png", "./link/./a.png"]


@pytest.mark.parametrize("added", NAMES)
@pytest.mark.parametrize("asked", NAMES)
def test_one_file_by_many_names(tree: Path, added: str, asked: str, monkeypatch: pytest.MonkeyPatch) -> None:
    found: Places[str] = Places()
    found.add(f"{tree}/{added}", "it")
    assert found.find(f"{tree}/{asked}") == "it"
    monkeypatch.chdir(tree)
    assert found.find(asked) == "it"
    assert found.find("images/b.png") is None
    assert found.find("a.png") is None


def test_files_that_are_not_there_yet(tree: Path) -> None:
    found: Places[str] = Places()
    found.add(f"{tree}/new/deep/b.png", "it")
    found.add(f"{tree}/link/c.png", "that")
    assert found.find(f"{tree}/images/../new/deep/b.png") == "it"
    assert found.find(f"{tree}/images/c.png") == "that"
    assert found.find(f"{tree}/images/C.png") is None
    found.add("/c.png", "top")
    assert found.find("/c.png") == "top"


def test_capitals_where_the_file_system_folds_them(tree: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(places, "folds_case", lambda directory: True)
    found: Places[str] = Places()
    found.add(f"{tree}/New/b.PNG", "it")
    assert found.find(f"{tree}/neW/B.png") == "it"
    found.add(f"{tree}/new/\u00e9.png", "that")
    assert found.find(f"{tree}/new/E\u0301.png") == "that"


def test_whether_capitals_count_is_found_out(tree: Path) -> None:
    assert folds_case(f"{tree}/images/nothing/here") == (tree / "IMAGES").exists()
    assert not folds_case("/")
    if not (tree / "IMAGES").exists():
        (tree / "IMAGES").symlink_to("images")  # looks like a file system that folds
        places._folds_case.cache_clear()
        assert folds_case(f"{tree}/images/12/34") is True
        places._folds_case.cache_clear()
