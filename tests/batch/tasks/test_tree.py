"""Task files: inheritance, and what is said about mistakes."""

import json
import os
import time
from pathlib import Path

import pytest

from superdsm.batch.components import Components, installed
from superdsm.batch.tasks.discovery import discover
from superdsm.batch.tasks.file_ids import expand
from superdsm.batch.tasks.json_source import line_of
from superdsm.batch.tasks.prepare import Preparer
from superdsm.batch.tasks.tree import Task, TaskTree
from superdsm.errors import TaskError
from tests.laboratory import Laboratory


@pytest.fixture(scope="module")
def components() -> Components:
    return installed()


def write(directory: Path, **fields: object) -> Path:
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / "task.json"
    path.write_text(json.dumps(fields, indent=1))
    return path


def tasks(tree: TaskTree) -> dict[str, Task]:
    assert not tree.problems
    return {task.name: task for task in tree.tasks}


RUNNABLE = {"runnable": True, "img_pathpattern": "img-%d.png", "file_ids": [1, 2]}


def test_fields_are_inherited_config_is_merged_and_runnable_is_not_inherited(
    tmp_path: Path, components: Components
) -> None:
    write(tmp_path, **RUNNABLE, config={"AF_scale": 40, "dsm": {"alpha": 0.5}}, environ={"A": 1, "B": 2})
    write(tmp_path / "a" / "b", config={"dsm": {"epsilon": 2}}, environ={"B": 3})
    write(tmp_path / "a" / "b" / "c", runnable=True, file_ids=[3], config={"dsm": {"alpha": 0.7}})
    found = tasks(discover(tmp_path, components))
    assert [task.name for task in found.values()] == [".", "a/b", "a/b/c"]
    assert [task.runnable for task in found.values()] == [True, False, True]
    assert found["a/b/c"].config.as_dict() == {"AF_scale": 40, "dsm": {"alpha": 0.7, "epsilon": 2}}
    assert found["a/b/c"].environ == {"B": "3"}
    assert found["a/b/c"].file_ids() == (3,)
    assert found["a/b"].file_ids() == (1, 2)


def test_dirname_rootdir_and_home(tmp_path: Path, components: Components, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    write(tmp_path, **RUNNABLE | {"img_pathpattern": "{ROOTDIR}/images/{DIRNAME}/%d.png"}, seg_pathpattern="seg/%d.png")
    write(tmp_path / "plate1", runnable=True)
    write(tmp_path / "plate2", runnable=True, img_pathpattern="~/x/%d.png")
    found = tasks(discover(tmp_path, components))
    assert found["plate1"].image_pattern == f"{tmp_path}/images/plate1/%d.png"
    assert found["plate2"].image_pattern == "/home/me/x/%d.png"
    assert found["plate1"].output_pattern(components.exporters["seg"]) == f"{tmp_path}/plate1/seg/%d.png"


def test_a_percent_sign_in_a_directory_is_no_conversion(tmp_path: Path, components: Components) -> None:
    write(tmp_path / "100%d" / "5%", **RUNNABLE | {"img_pathpattern": "{ROOTDIR}/%d.png"}, seg_pathpattern="%d.png")
    tree = discover(tmp_path / "100%d", components)
    prepared = Preparer(tree, components).prepare(tree.select()[0])
    assert prepared.image_path(1) == f"{tmp_path}/100%d/1.png"
    assert expand(prepared.exports["seg"].pattern, 1) == f"{tmp_path}/100%d/5%/1.png"


def test_base_config_stands_between_the_parent_and_the_task(tmp_path: Path, components: Components) -> None:
    (tmp_path / "base.json").write_text('{"AF_scale": 2, "dsm": {"alpha": 2, "epsilon": 2}}')
    write(tmp_path, **RUNNABLE, config={"AF_scale": 1, "histological": True, "dsm": {"alpha": 1}})
    write(tmp_path / "a", base_config_path="{ROOTDIR}/base.json", config={"dsm": {"alpha": 3}})
    write(tmp_path / "a" / "b", config={"dsm": {"epsilon": 4}})
    found = tasks(discover(tmp_path, components))
    assert found["a"].config.as_dict() == {"AF_scale": 2, "histological": True, "dsm": {"alpha": 3, "epsilon": 2}}
    assert found["a/b"].config["dsm/alpha"] == 3
    assert found["a/b"].config["dsm/epsilon"] == 4


def test_base_config_relative_and_by_directory_name(tmp_path: Path, components: Components) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs" / "a.json").write_text('{"AF_scale": 5}')
    write(tmp_path, base_config_path="configs/{DIRNAME}.json", img_pathpattern="%d.png", file_ids=[1])
    write(tmp_path / "a", runnable=True)
    assert tasks(discover(tmp_path, components))["a"].config["AF_scale"] == 5
    write(tmp_path / "b", runnable=True)
    problem = str(discover(tmp_path, components).problems[0][1])
    assert problem.startswith(f"{tmp_path}/task.json:2:")
    assert "configs/b.json" in problem


def test_a_value_given_twice_in_a_base_config_is_told_at_its_line(tmp_path: Path, components: Components) -> None:
    (tmp_path / "base.json").write_text('{"dsm/alpha": 2,\n "dsm": {"alpha": 3}}')
    write(tmp_path, **RUNNABLE, base_config_path="base.json")
    problem = str(discover(tmp_path, components).problems[0][1])
    assert problem.startswith(f"{tmp_path}/base.json:2: ")
    assert "'dsm/alpha' is given twice" in problem


def test_numbers_beyond_json_are_legal(tmp_path: Path, components: Components) -> None:
    write(tmp_path, **RUNNABLE)
    text = (
        '{"runnable": true, "config": {"postprocess": {"max_norm_energy": Infinity}, "x": {"y": -Infinity, "z": NaN}}}'
    )
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "task.json").write_text(text)
    config = tasks(discover(tmp_path, components))["a"].config
    assert config["postprocess/max_norm_energy"] == float("inf")
    assert config["x/y"] == -float("inf")


def test_file_ids_as_ranges_globs_and_strings_with_slashes(tmp_path: Path, components: Components) -> None:
    for name in ("001", "002", "12", "x/003"):
        (tmp_path / "img" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "img" / f"{name}.png").touch()

    def ids(**fields: object) -> tuple[int | str, ...]:
        write(tmp_path, runnable=True, **{"img_pathpattern": f"{tmp_path}/img/%s.png"} | fields)
        return tasks(discover(tmp_path, components))["."].file_ids()

    assert ids(file_ids="1-3,12") == (1, 2, 3, 12)
    assert ids(file_ids=["B/1", "a", 7]) == ("B/1", "a", 7)
    assert ids(file_ids=[3, 1, 3]) == (3, 1)
    assert ids(file_ids={"glob": "*"}) == ("001", "002", "12")
    assert ids(file_ids={"glob": "*/*"}) == ("x/003",)
    assert ids(file_ids={"glob": "*"}, img_pathpattern=f"{tmp_path}/img/%03d.png") == (1, 2)
    assert ids(file_ids={"glob": "*.png"}, img_pathpattern=f"{tmp_path}/img/%s") == ("001.png", "002.png", "12.png")


def test_unknown_key_warns_with_a_suggestion(tmp_path: Path, components: Components) -> None:
    write(tmp_path, **RUNNABLE, seg_pathpatern="seg/%d.png")
    warnings = discover(tmp_path, components).warnings
    assert len(warnings) == 1
    assert warnings[0].startswith(f"{tmp_path}/task.json:8: unknown field 'seg_pathpatern'")
    assert "did you mean 'seg_pathpattern'?" in warnings[0]


MISTAKES = {
    "wrong type": ({"num_cpus": "8"}, "num_cpus is a string; expected: a positive integer"),
    "wrong type of runnable": ({"runnable": 1}, "runnable is an integer; expected: true or false"),
    "wrong type of an id": ({"file_ids": [1, 2.5]}, "file_ids holds a number"),
    "wrong type of an option": ({"dilate": "much"}, "dilate"),
    "wrong type of a pattern": ({"seg_pathpattern": 3}, "seg_pathpattern is an integer"),
    "wrong type of config": ({"config": [1]}, "config is a list"),
    "wrong type of environ": ({"environ": {"A": [1]}}, "environ gives A a list"),
    "missing pattern": ({"img_pathpattern": ...}, "needs the field 'img_pathpattern'"),
    "missing ids": ({"file_ids": ...}, "needs the field 'file_ids'"),
    "%d with a string": ({"file_ids": [1, "B2"]}, "%d stands for an integer, but the file id 'B2' is a string"),
    "no conversion": ({"seg_pathpattern": "seg.png"}, "is the same file for all 2 file ids"),
    "unknown conversion": ({"seg_pathpattern": "seg/%x.png"}, "'%x' is no conversion"),
    "suffix": ({"seg_pathpattern": "seg/%d.bmp"}, "seg_pathpattern ends in '.bmp'; expected: .png"),
    "ranges": ({"file_ids": "1-x"}, "'1-x' is no list of ranges"),
    "ranges with far too many ids": ({"file_ids": "1-99999999"}, "'1-99999999' stands for 99,999,999 file ids"),
    "numbers that are too long": ({"file_ids": "1-" + 5000 * "9"}, "is no list of ranges"),
    "NUL in a file id": ({"file_ids": ["a\0b"]}, "file_ids holds the text 'a\\x00b' with a NUL character"),
    "NUL in a pattern": ({"seg_pathpattern": "a\0%d.png"}, "seg_pathpattern holds the text"),
    "NUL in a glob": ({"file_ids": {"glob": "*\0"}}, "with a NUL character, which the system refuses"),
    "NUL in use": ({"use": ["./a\0.py:X"]}, "with a NUL character"),
    "NUL in a channel": ({"channel": "red\0"}, "with a NUL character"),
    "half a character": ({"file_ids": ["\ud800"]}, "holds the text '\\ud800' with half a character"),
    "half a character in a path": ({"base_config_path": "\ud800.json"}, "with half a character"),
    "width": ({"seg_pathpattern": "seg/%99999999999d.png"}, "'%99999999999d' is too wide; give at most 20 digits"),
    "width of many digits": ({"seg_pathpattern": f"seg/%{'9' * 5000}d.png"}, "is too wide"),
    "a variable without a name": ({"environ": {"": "x"}}, "environ has a variable '', which is no name"),
    "a variable with =": ({"environ": {"A=B": 1}}, "environ has a variable 'A=B', which is no name"),
    "a variable with NUL": ({"environ": {"A\0": 1}}, "environ holds the text 'A\\x00' with a NUL character"),
    "NUL in a variable": ({"environ": {"A": "x\0y"}}, "environ holds the text 'x\\x00y' with a NUL character"),
    "half a character in a variable": ({"environ": {"A": "\ud800"}}, "with half a character"),
    "a long variable": (
        {"environ": {"A": 200_000 * "x"}},
        "environ gives A a value of 200,002 bytes; the system takes",
    ),
    "many variables": ({"environ": {f"A{n}": 99_999 * "x" for n in range(99)}}, "bytes together, and the system takes"),
    "no home": (
        {"img_pathpattern": "~no-such-user/%d.png"},
        "begins with '~no-such-user', and there is no such home directory",
    ),
    "no home for outputs": ({"seg_pathpattern": "~no-such-user/%d.png"}, "begins with '~no-such-user'"),
    "no home for a script": ({"use": ["~no-such-user/a.py:X"]}, "use begins with '~no-such-user'"),
    "no home for a base config": (
        {"base_config_path": "~no-such-user/a.json"},
        "base_config_path begins with '~no-such-user'",
    ),
    "a number of many digits": (
        {"seg_border": 10**400},
        "seg_border is out of range; expected: integer from 1 to 1000",
    ),
    "a hyperparameter of many digits": ({"config": {"AF_scale": 10**400}}, "AF_scale is out of range"),
    "glob": ({"file_ids": {"glob": "*.jpg"}}, "no file matches"),
    "value given twice": ({"config": {"AF_scale": 4, "dsm/alpha": 1, "dsm": {"alpha": 2}}}, "dsm/alpha"),
    "base config": ({"base_config_path": "nothing.json"}, "there is no file"),
    "unknown hyperparameter": ({"config": {"AF_scale": 4, "dsm": {"alhpa": 1}}}, "did you mean 'dsm/alpha'?"),
    "unknown hyperparameter beside a known one": (
        {"config": {"dsm": {"alpha": 1.0, "alhpa": 1}}},
        "did you mean 'dsm/alpha'?",
    ),
    "hyperparameter out of range": ({"config": {"dsm": {"alpha": -1}}}, "out of range"),
    "last stage": ({"last_stage": "postproces"}, "did you mean 'postprocess'?"),
    "use": ({"use": ["nothing-of-the-kind"]}, "nothing-of-the-kind"),
    "use of a missing script": ({"use": ["./nothing.py:X"]}, "nothing.py"),
}

POSITIONS = {
    "%d with a string": "img_pathpattern",
    "value given twice": "dsm",
    "unknown hyperparameter": "alhpa",
    "unknown hyperparameter beside a known one": "alhpa",
    "hyperparameter out of range": "alpha",
    "a hyperparameter of many digits": "AF_scale",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_mistakes_are_errors_with_file_and_line(name: str, tmp_path: Path, components: Components) -> None:
    change, message = MISTAKES[name]
    fields = {"runnable": True, "img_pathpattern": "img-%d.png", "file_ids": [1, 2]} | change
    path = write(tmp_path, **{key: value for key, value in fields.items() if value is not ...})
    with pytest.raises(TaskError) as caught:
        tree = discover(tmp_path, components)
        for task in tree.select():
            Preparer(tree, components).prepare(task)
    place = POSITIONS.get(name, next(iter(change)))
    lines = path.read_text().splitlines()
    line = next((number for number, row in enumerate(lines, 1) if f'"{place}":' in row), 1)
    assert str(caught.value).startswith(f"{path}:{line}: ")
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_task_that_is_no_object_and_invalid_json(tmp_path: Path, components: Components) -> None:
    (tmp_path / "task.json").write_text("\n[1, 2]")
    assert f"{tmp_path}/task.json:2: holds a list" in str(discover(tmp_path, components).problems[0][1])
    (tmp_path / "task.json").write_text('{"runnable": true,\n "file_ids": [1, 2}')
    assert "line 2, column" in str(discover(tmp_path, components).problems[0][1])


def test_a_cycle_through_links_is_an_error(tmp_path: Path, components: Components) -> None:
    write(tmp_path, **RUNNABLE)
    write(tmp_path / "a" / "b", runnable=True)
    (tmp_path / "a" / "b" / "again").symlink_to(tmp_path / "a")
    tree = discover(tmp_path, components)
    assert f"{tmp_path}/a/b/again:1: is a link to {tmp_path}/a, which contains it" in str(tree.problems[0][1])
    with pytest.raises(TaskError, match="remove the link"):
        tree.select()


def test_a_link_that_is_no_cycle_is_followed(tmp_path: Path, components: Components) -> None:
    write(tmp_path / "elsewhere", **RUNNABLE)
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "link").symlink_to(tmp_path / "elsewhere")
    assert list(tasks(discover(tmp_path / "root", components))) == ["link"]


def test_a_mistake_elsewhere_does_not_concern_a_task_that_was_asked_for(tmp_path: Path, components: Components) -> None:
    write(tmp_path / "good", **RUNNABLE)
    write(tmp_path / "bad", **RUNNABLE | {"file_ids": 5})
    tree = discover(tmp_path, components)
    assert [task.name for task in tree.select(single=["good"])] == ["good"]
    assert [task.name for task in tree.select(subtrees=["good"])] == ["good"]
    with pytest.raises(TaskError, match="file_ids is an integer"):
        tree.select()
    with pytest.raises(TaskError, match="there is no task"):
        tree.select(single=["ugly"])


def test_task_and_task_dir_select(tmp_path: Path, components: Components) -> None:
    write(tmp_path, **RUNNABLE)
    write(tmp_path / "a", runnable=True)
    write(tmp_path / "a" / "b", runnable=True)
    write(tmp_path / "ab", runnable=True)
    tree = discover(tmp_path, components)
    assert [task.name for task in tree.select(["a"])] == ["a"]
    assert [task.name for task in tree.select([], ["a"])] == ["a", "a/b"]
    assert [task.name for task in tree.select(["."], ["a/b"])] == [".", "a/b"]
    assert [task.name for task in tree.select(["./a/", str(tmp_path / "ab")])] == ["a", "ab"]
    with pytest.raises(TaskError, match="is not in"):
        tree.select(["../a"])


def test_a_root_below_another_one_is_a_tree_of_its_own(tmp_path: Path, components: Components) -> None:
    write(tmp_path, **RUNNABLE)
    write(tmp_path / "own", **RUNNABLE, root=True)
    write(tmp_path / "own" / "below", runnable=True)
    assert list(tasks(discover(tmp_path, components))) == ["."]
    tree = discover(tmp_path / "own", components)
    assert list(tasks(tree)) == [".", "below"]
    assert not tree.warnings


def test_no_task_and_no_directory(tmp_path: Path, components: Components) -> None:
    with pytest.raises(TaskError, match=r"no task\.json"):
        discover(tmp_path, components)
    with pytest.raises(TaskError, match="is not a directory"):
        discover(tmp_path / "nothing", components)


def test_line_of() -> None:
    text = '{"a": 1,\n "b": {"c": [1,\n2, {"d":\n 3}]},\n "e": "x\\"}"\n}'
    assert line_of(text, ()) == 1
    assert line_of(text, ("b", "c")) == 2
    assert line_of(text, ("b", "c", 2, "d")) == 3
    assert line_of(text, ("e",)) == 5
    assert line_of(text, ("b", "nothing")) == 2


@pytest.mark.speed
def test_a_thousand_tasks_load_in_under_two_seconds(tmp_path: Path, components: Components) -> None:
    write(tmp_path, img_pathpattern="img-%d.png", file_ids=list(range(100)), config={"dsm": {"alpha": 1}})
    for plate in range(25):
        write(tmp_path / f"plate{plate}", config={"AF_scale": plate + 1})
        for variant in range(39):
            write(tmp_path / f"plate{plate}" / f"{variant}", runnable=True, config={"dsm": {"epsilon": variant + 1}})
    seconds = []
    for _ in range(3):
        start = time.perf_counter()
        tree = discover(tmp_path, components)
        preparer = Preparer(tree, components)
        prepared_tasks = [preparer.prepare(task) for task in tree.select()]
        seconds.append(time.perf_counter() - start)
        assert len(tree.tasks) == 1001
        assert len(prepared_tasks) == 975
    assert min(seconds) < 2, seconds


def test_a_tree_that_is_deep_is_read_as_far_as_it_makes_sense(tmp_path: Path, components: Components) -> None:
    write(tmp_path, **RUNNABLE)
    here, names = os.open(tmp_path, os.O_RDONLY), ["a"] * 500
    for name in names:
        os.mkdir(name, dir_fd=here)
        below = os.open(name, os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = below
    os.close(here)
    write(tmp_path / Path(*names[:200]))
    write(tmp_path / Path(*names[:201]))
    tree = discover(tmp_path, components)
    assert [len(task.directory.relative_to(tmp_path).parts) for task in tree.tasks] == [0, 200]
    (warning,) = tree.warnings
    what = "1 directories lie more than 200 levels below it and are passed over"
    assert warning.startswith(f"{tmp_path}: {what}, for instance {tmp_path}/a/a/")
    assert not tree.problems


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="permissions do not bind this user")
def test_a_directory_that_cannot_be_read(tmp_path: Path, components: Components) -> None:
    write(tmp_path, **RUNNABLE)
    (tmp_path / "shut").mkdir(mode=0)
    problem = str(discover(tmp_path, components).problems[0][1])
    assert problem == f"{tmp_path}/shut:1: cannot be read (Permission denied); check its permissions"


def test_many_unknown_fields_are_told_briefly(tmp_path: Path, components: Components) -> None:
    write(tmp_path, **RUNNABLE, **{f"field{number}": 1 for number in range(20_000)})
    warnings = discover(tmp_path, components).warnings
    assert len(warnings) == 6
    assert warnings[-1] == f"{tmp_path}/task.json: and 19995 more unknown fields"


def test_many_hyperparameters_that_do_not_exist(tmp_path: Path, components: Components) -> None:
    write(tmp_path, **RUNNABLE, config={f"name{number}": 1 for number in range(20_000)})
    tree = discover(tmp_path, components)
    with pytest.raises(TaskError, match=r"unknown hyperparameter 'name0'"):
        Preparer(tree, components).prepare(tree.select()[0])


def test_images_that_are_left_out_are_told(lab: Laboratory, capsys: pytest.CaptureFixture[str]) -> None:
    for number in range(4, 13):
        lab.image(number)
    path = lab.task(img_pathpattern=f"{lab.images}/%02d.png", file_ids={"glob": "*"})
    for arguments in ((), ("--run", "--executor", "serial")):
        assert lab.call(*arguments)[0] == 0
        error = capsys.readouterr().err
        assert error.startswith(f"superdsm: warning: {path}: 9 of 12 files that match are left out, because %02d")
    lab.task(img_pathpattern=f"{lab.images}/%s.png", file_ids={"glob": "*"}, seg_pathpattern="seg/%s.png")
    assert lab.call()[0] == 0
    assert capsys.readouterr().err == ""
