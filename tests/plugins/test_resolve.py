"""``use`` and ``without`` in tasks, on the command line and in Python."""

import json
import re

import imageio.v3 as iio
import numpy as np
import pytest

import superdsm
from superdsm.cli import main
from superdsm.plugins import configure, identity, resolve_stage
from superdsm.testing import synthetic_image
from tests.plugins_fixtures import stage_module

SCRIPT = '''
from superdsm import Stage, param

class Flat(Stage):
    """Subtract a percentile."""
    id = "flat"
    inputs = ("g_raw",)
    outputs = ("y",)
    replaces = "preprocess"
    percentile = param(80.0, "Percentile of the background.", min=0, max=100)
    def process(self, ctx, *, g_raw):
        import numpy as np
        return {"y": g_raw - np.percentile(g_raw, ctx.params.percentile)}
'''
# The class is made by code that is nowhere to be found later.
WITHOUT_SOURCE = f"exec(compile({SCRIPT!r}, '<nowhere>', 'exec'))\n"


@pytest.fixture(autouse=True)
def options_of_one_test():
    yield
    configure()


@pytest.fixture
def root(tmp_path):
    path = tmp_path / "root"
    path.mkdir()
    iio.imwrite(path / "image-1.png", synthetic_image(3, (72, 80), n_nuclei=5, radius=8.0)[0])
    (path / "mystages.py").write_text(SCRIPT)
    return path


def write_task(path, **fields):
    task = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/image-%d.png",
        "file_ids": [1],
        "seg_pathpattern": "seg/%d.png",
        "cfg_pathpattern": "cfg/%d.json",
        **fields,
    }
    path.mkdir(exist_ok=True)
    (path / "task.json").write_text(json.dumps(task))


def resolved(path):
    return json.loads((path / "cfg" / "1.json").read_text())


def test_use_and_without_are_inherited_and_paths_stay_those_of_the_declaring_task(root):
    write_task(root, use=["./mystages.py:Flat"], config={"AF_scale": 6, "flat": {"percentile": 85}})
    write_task(root / "derived", config={"flat": {"percentile": 60}})
    assert main(["batch", str(root), "--run", "--debug", "--task", ".", "--task", "derived"]) == 0
    assert resolved(root)["flat"]["percentile"] == 85
    assert resolved(root / "derived")["flat"]["percentile"] == 60
    assert "preprocess" not in resolved(root)


def test_without_is_inherited(root):
    write_task(root, without=["postprocess"], config={"AF_scale": 6})
    write_task(root / "derived")
    assert main(["batch", str(root), "--run", "--debug"]) == 0
    assert "postprocess" not in resolved(root / "derived")


def test_options_of_batch(root, monkeypatch):
    write_task(root, config={"AF_scale": 6})
    monkeypatch.chdir(root)
    options = ["--use", "./mystages.py:Flat", "--without", "postprocess", "--oneshot"]
    assert main(["batch", str(root), "--run", "--debug", *options]) == 0
    assert "flat" in resolved(root) and "postprocess" not in resolved(root)


def test_options_of_segment(root, capsys):
    labels = root / "labels.png"
    common = ["segment", str(root / "image-1.png"), "-o", str(labels), "--set", "AF_scale=6"]
    assert main([*common, "--use", f"{root}/mystages.py:Flat", "--without", "postprocess"]) == 0
    expected = superdsm.segment(
        iio.imread(root / "image-1.png"),
        {"AF_scale": 6},
        pipeline=superdsm.default_pipeline()
        .replace("preprocess", resolve_stage(f"{root}/mystages.py:Flat"))
        .without("postprocess"),
    )
    np.testing.assert_array_equal(iio.imread(labels), expected.labels)
    assert main([*common, "--use", f"{root}/mystages.py:Flatt"]) == 2
    assert "did you mean 'Flat'?" in capsys.readouterr().err
    assert main([*common, "--without", "postproces"]) == 2
    assert "did you mean 'postprocess'?" in capsys.readouterr().err


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_stage_of_a_script_travels_to_the_workers_of_a_batch(root, jobs):
    write_task(root, use=["./mystages.py:Flat"], config={"AF_scale": 6})
    assert main(["batch", str(root), "--run", "--jobs", jobs]) == 0
    assert (root / "seg" / "1.png").is_file()


def test_edited_script_is_run_again_and_an_unchanged_one_is_not(root, capsys):
    write_task(root, use=["./mystages.py:Flat"], config={"AF_scale": 6})

    def written():
        assert main(["batch", str(root), "--run", "--debug"]) == 0
        return (root / "seg" / "1.png").stat().st_mtime_ns

    first = written()
    assert written() == first
    (root / "mystages.py").write_text(SCRIPT.replace("g_raw - np", "0.9 * g_raw - np"))
    assert written() != first


def test_stage_without_version_and_source_runs_but_is_not_stored_and_the_plan_says_so(root, capsys):
    (root / "mystages.py").write_text(WITHOUT_SOURCE)
    assert identity(resolve_stage(f"{root}/mystages.py:Flat")()) is None
    write_task(root, use=["./mystages.py:Flat"], config={"AF_scale": 6})
    assert main(["batch", str(root)]) == 0
    assert "flat" in capsys.readouterr().out
    assert main(["batch", str(root), "--run", "--debug"]) == 0
    assert (root / "seg" / "1.png").is_file()
    entries = [path.read_text() for path in (root / ".superdsm").rglob("*.json")]
    stored = {name for text in entries for name in re.findall(r'"stage": ?"([\w-]+)"', text)}
    assert "scale" in stored
    assert not stored & {"flat", "c2f-region-analysis", "global-energy-minimization", "postprocess"}
    capsys.readouterr()
    assert main(["batch", str(root)]) == 0
    assert "results of flat cannot be kept" in capsys.readouterr().out


def test_error_about_a_missing_field_names_who_could_provide_it(install):
    install("superdsm-constant", stage_module())
    with pytest.raises(superdsm.PipelineError) as info:
        superdsm.default_pipeline().without("preprocess")
    message = str(info.value)
    assert "needs the field 'y'" in message and "provided by 'preprocess', which was removed" in message
    assert "stages that can provide it: constant, preprocess" in message


def test_hyperparameters_of_a_plugin_are_validated(install, root, capsys):
    install("superdsm-constant", stage_module())
    image = str(root / "image-1.png")
    for setting, message in [
        ("constant/value=7", "is out of range; expected: number from 0 to 1"),
        ("constant/valu=0.1", "did you mean 'constant/value'?"),
        ("constant/value=yes", "constant/value = 'yes' is of the wrong type"),
    ]:
        assert main(["segment", image, "-o", str(root / "l.png"), "--use", "constant", "--set", setting]) == 2
        assert message in capsys.readouterr().err


def test_one_name_need_not_be_a_list(root):
    image = iio.imread(root / "image-1.png")
    result = superdsm.segment(image, {"AF_scale": 6}, use=f"{root}/mystages.py:Flat", without="postprocess")
    assert "flat" in result.timings and "postprocess" not in result.timings


EXPORTER = """
from superdsm import Exporter, hookimpl
@hookimpl
def superdsm_register_exporters():
    return [Exporter("areas", (), lambda path, fields, context: path.write_text("x"))]
"""


def test_files_of_a_plugin_that_cannot_be_used_are_asked_for(install, root, capsys):
    write_task(root, areas_pathpattern="%d.txt", config={"AF_scale": 6})
    install("superdsm-one", EXPORTER, entry="one")
    assert main(["batch", str(root), "--run", "--debug"]) == 0
    assert (root / "1.txt").is_file()
    capsys.readouterr()
    assert main(["batch", str(root), "--block", "one"]) == 0  # it is not known who writes areas
    err = " ".join(capsys.readouterr().err.split())
    assert "unknown field 'areas_pathpattern'" in err
    assert "the plugin 'one' (superdsm-one) is blocked: by --block" in err
    install("superdsm-two", EXPORTER, entry="two")
    assert main(["batch", str(root)]) == 2
    err = capsys.readouterr().err
    assert "task.json:1: areas_pathpattern: these files cannot be written: the exporter 'areas' is offered by " in err
    assert main(["batch", str(root), "--block", "two"]) == 0
    install(
        "superdsm-three", EXPORTER.replace("areas", "shapes") + "@hookimpl\ndef superdsm_register_stages(): 1 / 0\n"
    )
    assert main(["batch", str(root), "--block", "two"]) == 0
    write_task(root, shapes_pathpattern="%d.txt", config={"AF_scale": 6})
    assert main(["batch", str(root)]) == 2
    assert (
        "these files cannot be written: the plugin 'superdsm-three' (superdsm-three) is broken"
        in capsys.readouterr().err
    )
    install("superdsm-areal", "import does_not_exist_anywhere\n", entry="areal")
    write_task(root, areal_pathpattern="%d.txt", config={"AF_scale": 6})
    assert main(["batch", str(root)]) == 2
    assert "the plugin 'areal' (superdsm-areal) is broken" in capsys.readouterr().err


def test_executor_of_a_broken_plugin(install, root, capsys):
    install("superdsm-cluster", "import does_not_exist_anywhere\n", entry="cluster")
    write_task(root, config={"AF_scale": 6})
    assert main(["batch", str(root), "--run", "--executor", "cluster"]) == 2
    err = capsys.readouterr().err
    assert "--executor: there is no 'cluster'" in err and "(superdsm-cluster) is broken" in err
