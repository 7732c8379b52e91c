"""Tables are there and right, or the command says so."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

from superdsm.batch.results.tables import NAMES
from tests.laboratory import Laboratory

TABLES = [name for name in NAMES if name != "certificate.csv"]


def tables(lab: Laboratory) -> dict[str, bytes]:
    """All tables; of the manifest what does not change from one run to the next."""
    found = {name: (lab.root / name).read_bytes() for name in TABLES}
    manifest = json.loads(found["manifest.json"])
    found["manifest.json"] = json.dumps({**manifest, "written": "", "checksum": ""}).encode()
    return found


def damage(path: Path, how: str) -> None:
    if how == "deleted":
        path.unlink()
    elif how == "emptied":
        path.write_bytes(b"")
    elif how == "cut off":
        path.write_bytes(path.read_bytes()[:-9])
    else:
        data = path.read_bytes()
        path.write_bytes(data.replace(b"1", b"7", 1))
        assert path.read_bytes() != data


@pytest.mark.parametrize("how", ["deleted", "emptied", "cut off", "a digit changed"])
@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_is_not_right_is_written_again(lab: Laboratory, name: str, how: str) -> None:
    lab.task()
    assert lab.run()[0] == 0
    before = tables(lab)
    assert lab.call("--run")[1][-1] == f"superdsm batch {lab.root}"
    damage(lab.root / name, how)
    code, results = lab.run()
    assert (code, results) == (0, {})
    assert tables(lab) == before
    assert lab.call("--run", "--executor", "serial")[1][0].startswith(".: 3 images")


def test_tables_of_an_earlier_version_have_no_digests(lab: Laboratory) -> None:
    lab.task()
    lab.run()
    path = lab.root / "manifest.json"
    manifest = json.loads(path.read_bytes())
    del manifest["tables"], manifest["checksum"]
    path.write_text(json.dumps(manifest))
    lab.run()
    assert "tables" not in json.loads(path.read_bytes())
    (lab.root / "performance.csv").unlink()
    lab.run()
    assert "tables" in json.loads(path.read_bytes())


@pytest.mark.parametrize("name", TABLES)
def test_a_table_that_cannot_be_written_is_told_until_it_can(lab: Laboratory, name: str) -> None:
    lab.task()
    (lab.root / name / "x").mkdir(parents=True)
    for _ in range(2):
        code, lines = lab.call("--run", "--executor", "serial")
        assert code == 1
        assert any(line.startswith(f"{lab.root / name}: cannot be written (Is a directory); run") for line in lines)
        assert lines[-1] == f"superdsm batch {lab.root} --run --executor serial"
    shutil.rmtree(lab.root / name)
    assert lab.run() == (0, {})
    assert (lab.root / name).is_file()
    assert not [path for path in lab.root.iterdir() if path.name.startswith(".superdsm-")]


def test_a_damaged_line_is_told_and_its_image_completed_from_the_store(
    lab: Laboratory, capsys: pytest.CaptureFixture[str]
) -> None:
    lab.task()
    lab.run()
    before = (lab.root / "performance.csv").read_bytes()
    journal = lab.root / ".superdsm" / "tasks" / "@" / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    at = next(number for number, line in enumerate(lines) if line.startswith('{"id":2'))
    lines[at] = lines[at].replace('"n_objects":1', '"n_objects":7')
    journal.write_text("".join(lines))
    capsys.readouterr()
    lab.call()
    assert capsys.readouterr().err.startswith(f"superdsm: warning: {journal}: 1 lines are damaged; what they were")
    code, results = lab.run()
    assert code == 0
    assert list(results) == [(".", 2)]
    assert "rows" not in results[".", 2]["computed"]
    assert (lab.root / "performance.csv").read_bytes() == before
    capsys.readouterr()
    lab.call()
    assert capsys.readouterr().err == ""


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt" or sys.platform == "darwin", reason="names of files are text there")
def test_names_that_are_no_text(lab: Laboratory) -> None:
    for name in (b"x\xff.png", "\u7d30\u80de.png".encode()):
        (lab.images / os.fsdecode(name)).write_bytes((lab.images / "1.png").read_bytes())
    lab.task(img_pathpattern=f"{lab.images}/%s.png", seg_pathpattern="seg/%s.png", file_ids={"glob": "*"})
    assert lab.call("--run", "--executor", "serial")[0] == 0
    assert (lab.root / "seg" / os.fsdecode(b"x\xff.png")).is_file()
    table = (lab.root / "performance.csv").read_text(encoding="utf-8")
    assert "\nx\\udcff,1" in table
    assert "\n\u7d30\u80de,1" in table
    assert lab.run() == (0, {})
