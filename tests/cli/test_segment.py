"""``superdsm segment``: what it writes and says, and how it reads its configuration."""

import argparse
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import superdsm
from superdsm.cli import main
from superdsm.cli.segment import add_arguments, read_config
from superdsm.config import Config
from superdsm.errors import ConfigError
from superdsm.io import read_image, write_labels, write_rgb
from superdsm.testing.synthetic import synthetic_image

SCALE = ("--set", "AF_scale=10")


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Three small images with different numbers of nuclei."""
    folder = tmp_path_factory.mktemp("images")
    paths = [folder / f"{name}.{suffix}" for name, suffix in (("a", "png"), ("b", "tif"), ("c", "png"))]
    for seed, path in enumerate(paths):
        image, _ = synthetic_image(seed, (120, 150), n_nuclei=3 + seed, radius=14, clustering=0.0, bent=0.0)
        write_labels(path, image)
    return paths


def segment(*args: object) -> int:
    return main(["segment", *map(str, args)])


def test_one_image(images: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert segment(images[0], "-o", tmp_path / "labels.png", "--overlay", tmp_path / "overlay.png", *SCALE) == 0
    out, err = capfd.readouterr()
    labels = read_image(tmp_path / "labels.png")
    assert labels.dtype == np.uint16 and labels.shape == (120, 150)
    assert labels.max() == 3
    assert read_image(tmp_path / "overlay.png").shape == (120, 150, 3)
    assert out.startswith(f"{images[0]}: 3 objects, ")
    assert out.count("\n") == 1 and err == ""
    assert {path.name for path in tmp_path.iterdir()} == {"labels.png", "overlay.png"}


@pytest.mark.process
def test_several_images_go_to_a_directory_with_the_same_bytes_for_any_number_of_jobs(
    images: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    contents = []
    for jobs in (1, 2):
        out = tmp_path / f"jobs{jobs}"
        code = segment(*images, "-o", out / "labels", "--overlay", out / "overlays", "--jobs", jobs, *SCALE)
        assert code == 0
        assert {path.name for path in (out / "labels").iterdir()} == {"a.png", "b.png", "c.png"}
        files = sorted(path for path in out.rglob("*.png"))
        contents.append({path.relative_to(out): path.read_bytes() for path in files})
    assert len(contents[0]) == 6
    assert contents[0] == contents[1]
    lines = capfd.readouterr().out.splitlines()
    assert [Path(line.partition(":")[0]).name for line in lines] == ["a.png", "b.tif", "c.png"] * 2
    assert segment(images[0], "-o", tmp_path / "one.png", "--jobs", 3, *SCALE) == 0
    assert (tmp_path / "one.png").read_bytes() == contents[0][Path("labels/a.png")]


@pytest.mark.process
def test_a_damaged_image_among_several_fails_alone(
    images: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    bad = tmp_path / "bad.png"
    bad.write_bytes(images[0].read_bytes()[:200])
    assert segment(images[0], bad, images[2], "-o", tmp_path / "out", "--format", "tif", "--jobs", 2, *SCALE) == 1
    out, err = capfd.readouterr()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.tif", "c.tif"}
    assert out.count("\n") == 2
    assert err.startswith(f"superdsm: error: {bad}: is truncated or damaged") and err.count("\n") == 1
    assert segment(bad, bad.with_name("bad.png"), "-o", tmp_path / "none") == 2


def test_one_image_into_a_directory_that_is_still_to_be_made(images: list[Path], tmp_path: Path) -> None:
    assert segment(images[0], "-o", f"{tmp_path}/labels/", "--overlay", f"{tmp_path}/pictures/", *SCALE) == 0
    assert (tmp_path / "labels" / "a.png").is_file() and (tmp_path / "pictures" / "a.png").is_file()


def test_one_image_into_an_existing_directory(images: list[Path], tmp_path: Path) -> None:
    assert segment(images[1], "-o", tmp_path, *SCALE, "--format", "tif") == 0
    assert [path.name for path in tmp_path.iterdir()] == ["b.tif"]


def test_configuration_file_and_settings(images: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    config = tmp_path / "config.json"
    config.write_text(json.dumps({"profile": "published", "AF_scale": 10, "postprocess": {"max_object_radius": 1}}))
    assert segment(images[0], "-o", tmp_path / "none.png", "--config", config) == 0
    assert ": 0 objects" in capfd.readouterr().out
    win = ("--set", "postprocess/max_object_radius=1000", "--set", "global-energy-minimization/pruning=isbi24")
    assert segment(images[0], "-o", tmp_path / "some.png", "--config", config, *win) == 0
    assert ": 3 objects" in capfd.readouterr().out


def test_stained_tissue_is_dark_on_bright_and_shown_in_colour(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    image, truth = synthetic_image(2, (120, 150), n_nuclei=4, radius=14, clustering=0.0, bent=0.0)
    rgb = np.stack([235 - image * 0.5, 200 - image * 0.6, 225 - image * 0.3], axis=-1).astype(np.uint8)
    write_rgb(tmp_path / "a.png", rgb)
    args = (tmp_path / "a.png", "-o", tmp_path / "out.png", "--overlay", tmp_path / "o.png", *SCALE)
    assert segment(*args, "--set", "histological=true") == 0
    assert f": {truth.max()} objects" in capfd.readouterr().out
    labels, overlay = read_image(tmp_path / "out.png"), read_image(tmp_path / "o.png")
    assert ((labels > 0) == (truth > 0)).mean() > 0.97
    assert np.array_equal(overlay[labels == 0], rgb[labels == 0])
    assert segment(*args) == 0
    assert ((read_image(tmp_path / "out.png") > 0) == (truth > 0)).mean() < 0.97, "bright on dark is something else"


def test_a_stage_can_be_left_out(images: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert segment(images[0], "-o", tmp_path / "a.png", "--without", "postprocess", *SCALE) == 0
    assert read_image(tmp_path / "a.png").max() >= 3
    assert segment(images[0], "-o", tmp_path / "b.png", "--without", "preprocess", *SCALE) == 2
    error = capfd.readouterr().err
    assert "needs the field 'y'" in error and error.count("\n") == 1
    assert not (tmp_path / "b.png").exists()


@pytest.mark.process
def test_a_stage_of_a_script_can_be_used(images: list[Path], tmp_path: Path) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "from superdsm import Stage\n\n"
        "class Nothing(Stage):\n"
        "    'Finds nothing.'\n"
        "    id = 'nothing'\n"
        "    inputs = ('cover',)\n"
        "    outputs = ('postprocessed_objects',)\n"
        "    replaces = 'postprocess'\n"
        "    def process(self, ctx, *, cover):\n"
        "        return {'postprocessed_objects': []}\n"
    )
    use = ("--use", f"{script}:Nothing")
    assert segment(*images[:2], "-o", tmp_path / "out", "--jobs", 2, *use, *SCALE) == 0
    assert read_image(tmp_path / "out" / "a.png").max() == 0


@pytest.mark.process
@pytest.mark.skipif(os.name == "nt", reason="needs SIGKILL")
def test_a_killed_worker_costs_only_the_image_that_kills_it(
    images: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    script = tmp_path / "mine.py"
    script.write_text(
        "import os\nfrom superdsm import Stage\n\n"
        "class Deadly(Stage):\n"
        "    'Kills the worker for the second image.'\n"
        "    id = 'deadly'\n"
        "    inputs = ('scale',)\n"
        "    outputs = ('scale',)\n"
        "    after = 'scale'\n"
        "    def process(self, ctx, *, scale):\n"
        "        if ctx.image.endswith('b.tif'):\n"
        "            os.kill(os.getpid(), 9)\n"
        "        return {'scale': scale}\n"
    )
    assert segment(*images, "-o", tmp_path / "out", "--jobs", 2, "--use", f"{script}:Deadly", *SCALE) == 1
    out, err = capfd.readouterr()
    assert {path.name for path in (tmp_path / "out").iterdir()} == {"a.png", "c.png"}
    assert out.count("\n") == 2
    assert err == f"superdsm: error: {images[1]}: its worker was killed; use fewer --jobs if memory was short\n"


def test_debug_shows_the_traceback(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert segment(tmp_path / "none.png", "-o", tmp_path / "out.png", "--debug") == 2
    assert "Traceback" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (["AF_scale=40"], {"AF_scale": 40}),
        (["dsm/alpha = 0.5"], {"dsm": {"alpha": 0.5}}),
        (["dsm/alpha=1e-4", "dsm/alpha=2"], {"dsm": {"alpha": 2}}),
        (["a/b=-Infinity", "a/c=null", "a/d=true"], {"a": {"b": float("-inf"), "c": None, "d": True}}),
        (["a/b=isbi24", 'a/c="two words"', "a/d=x=y"], {"a": {"b": "isbi24", "c": "two words", "d": "x=y"}}),
    ],
)
def test_settings(settings: list[str], expected: dict[str, Any]) -> None:
    assert read_config(None, settings)[0] == Config(expected)


@pytest.mark.parametrize("setting", ["AF_scale", "=3", "dsm/=3", "/alpha=3"])
def test_settings_that_are_none(setting: str) -> None:
    with pytest.raises(ConfigError, match="give a name and a value"):
        read_config(None, [setting])


def test_a_task_is_no_configuration() -> None:
    task = Path(__file__).resolve().parents[2] / "examples" / "task.json"
    with pytest.raises(ConfigError, match=r"is a task.*superdsm batch"):
        read_config(task, [])


def test_an_output_without_suffix(images: list[Path], tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert segment(images[0], "-o", tmp_path / "a") == 2
    assert "are written as .png, .tif or .tiff, not no suffix" in capfd.readouterr().err


@pytest.mark.parametrize("jobs", [0, -1, 2.5])
def test_the_number_of_jobs_is_a_positive_integer(jobs: Any) -> None:
    with pytest.raises(ConfigError, match="jobs = "):
        superdsm.segment(np.zeros((3, 3)), jobs=jobs)


def test_a_checkout_without_kernels_says_so(tmp_path: Path) -> None:
    package = Path(superdsm.__file__).parent
    shutil.copytree(package, tmp_path / "superdsm", ignore=shutil.ignore_patterns("*.so", "*.pyd", "__pycache__"))
    result = subprocess.run(
        [sys.executable, "-c", "import superdsm._ext"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert result.returncode == 1
    assert "not built" in result.stderr.splitlines()[-1] and "pip install -e ." in result.stderr


def test_every_option_has_a_help_text() -> None:
    parser = argparse.ArgumentParser()
    add_arguments(parser)
    assert all(action.help for action in parser._actions)
    assert "examples:" in parser.format_help()


def test_one_image_needs_few_modules(images: list[Path], tmp_path: Path) -> None:
    """What takes long to import must not be imported for nothing."""
    code = (
        "import sys; from superdsm.cli import main; "
        f"code = main(['segment', {str(images[0])!r}, '-o', {str(tmp_path / 'a.png')!r}, '--set', 'AF_scale=10']); "
        "heavy = {'loky', 'rich', 'cvxopt', 'matplotlib', 'skimage.data', 'imageio', 'tifffile', 'networkx'}; "
        "print(code, *sorted(heavy & set(sys.modules)))"
    )
    env = {**os.environ, "PYTHONWARNINGS": "error"}
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=env)
    assert result.stdout.splitlines()[-1] == "0"


@pytest.mark.process
def test_exports(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Files of any exporter: of one image under the names that are given, of several ones in directories."""
    images = [tmp_path / f"{name}.png" for name in ("a", "b")]
    for number, image in enumerate(images):
        grey = synthetic_image(number, (96, 110), n_nuclei=5, radius=9.0)[0]
        write_rgb(image, np.repeat(grey[..., None], 3, axis=2))
    wanted = [
        "--export",
        f"geojson={tmp_path}/gj/",
        "--export",
        f"ctc={tmp_path}/01_RES/",
        "--export-option",
        "dilate=1",
    ]
    assert main(["segment", *map(str, images), "-o", f"{tmp_path}/labels", "--jobs", "1", *wanted]) == 0
    assert sorted(path.name for path in (tmp_path / "gj").iterdir()) == ["a.geojson", "b.geojson"]
    assert sorted(path.name for path in (tmp_path / "01_RES").iterdir()) == ["mask000.tif", "mask001.tif"]
    plain = read_image(tmp_path / "labels" / "b.png")
    grown = read_image(tmp_path / "01_RES" / "mask001.tif")
    assert plain.max() == grown.max() > 0 and (grown > 0).sum() > (plain > 0).sum()
    one = ["segment", str(images[0]), "-o", str(tmp_path / "l.png")]
    capsys.readouterr()
    for arguments, message in (
        (["--export", "geojso=x.json"], "there is no exporter 'geojso' (did you mean 'geojson'?)"),
        (["--export", "geojson"], "--export geojson: give a name and a value"),
        (["--export", f"rois={tmp_path}/a.roi"], "files of the exporter 'rois' are written as .zip, not '.roi'"),
        (["--export", f"geojson={tmp_path}/a.json", "--export", f"coco={tmp_path}/a.json"], "would be written twice"),
        (["--export", f"geojson={images[0]}.json", "--export-option", "dilat=1"], "(did you mean 'dilate'?)"),
        (["--export", f"geojson={images[0]}.json", "--export-option", "dilate=x"], "--export-option dilate = 'x'"),
        (["--export", f"geojson={tmp_path}/a.json", "--without", "ingest"], "'g_raw'"),
    ):
        assert main([*one, *arguments]) == 2
        assert message in capsys.readouterr().err
    assert not (tmp_path / "l.png").exists()


@pytest.mark.parametrize("name", ["random", "queue", "json", "numpy"])
def test_files_in_the_working_directory_play_no_role(images: list[Path], tmp_path: Path, name: str) -> None:
    (tmp_path / f"{name}.py").write_text("raise SystemExit('a script of my own')")
    code = "import sys; from superdsm.cli import main; sys.exit(main(sys.argv[1:]))"  # as the installed command does
    arguments = ["segment", *map(str, images[:2]), "-o", "out", "--set", "AF_scale=10", "--jobs", "2"]
    environ = {key: value for key, value in os.environ.items() if key != "PYTHONSAFEPATH"}
    command = [sys.executable, "-P", "-c", code, *arguments]
    result = subprocess.run(command, cwd=tmp_path, env=environ, capture_output=True, text=True, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert len(list((tmp_path / "out").iterdir())) == 2
