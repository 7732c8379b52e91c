"""The packages in ``plugins/`` and the skeleton: installed into a fresh environment, tested and used there."""

import csv
import json
import os
import shutil
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import imageio.v3 as iio
import numpy as np
import pytest

from superdsm.testing import synthetic_image

ROOT = Path(__file__).resolve().parents[2]
PACKAGES = ("tophat", "measure", "geojson")
READERS = ("bioio",)  # its tests are skipped where the libraries of vendors are not installed
INSTALL = ("-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-index", "--no-deps")


class Environment:
    """A virtual environment that sees the packages of this one, and has plugins of its own."""

    def __init__(self, path):
        venv.create(path, with_pip=False, symlinks=True)
        self.path = path
        self.python = path / ("Scripts" if sys.platform == "win32" else "bin") / "python"
        site = self.output("-c", "import sysconfig; print(sysconfig.get_path('purelib'))").strip()
        # site.addsitedir follows .pth files (of editable installations, for instance), which a plain line would not
        line = f"import site; site.addsitedir({sysconfig.get_path('purelib')!r}); site.addsitedir({str(ROOT)!r})\n"
        (Path(site) / "of_the_tests.pth").write_text(line)

    def run(self, *args, cwd=None, **env):
        environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
        return subprocess.run(
            [self.python, *map(str, args)],
            capture_output=True,
            text=True,
            cwd=cwd or self.path,
            env=environment | env,
            check=False,
        )

    def output(self, *args, **kwargs):
        result = self.run(*args, **kwargs)
        assert result.returncode == 0, f"{args}\n{result.stdout}\n{result.stderr}"
        return result.stdout


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """An environment with the packages and the skeleton of another one."""
    made = Environment(tmp_path_factory.mktemp("environment") / "venv")
    sources = tmp_path_factory.mktemp("sources")
    for name in (*PACKAGES, *READERS):
        ignored = shutil.ignore_patterns("build", "*.egg-info", "__pycache__", ".pytest_cache", ".hypothesis")
        shutil.copytree(ROOT / "plugins" / f"superdsm-{name}", sources / f"superdsm-{name}", ignore=ignored)
    made.output("-m", "superdsm", "plugins", "new", "my-stage", "--directory", sources)
    packages = sorted(sources.iterdir())
    assert len(packages) == 5
    made.output(*INSTALL, "--no-build-isolation", *packages)
    made.sources = sources
    return made


def test_all_plugins_are_active(environment):
    report = json.loads(environment.output("-m", "superdsm", "plugins", "--json", "--check"))
    assert {plugin["provider"]: plugin["status"] for plugin in report} == {
        "superdsm-bioio": "active",
        "superdsm-geojson": "active",
        "superdsm-measure": "active",
        "superdsm-my-stage": "active",
        "superdsm-tophat": "active",
    }
    offers = {name for plugin in report for names in plugin["offers"].values() for name in names}
    readers = {name for name in offers if name.startswith("bioio-")}
    assert {"bioio-czi", "bioio-nd2", "bioio-lif"} <= readers
    assert offers - readers == {
        "tophat",
        "measure",
        "measurements",
        "measure-columns",
        "labels-from-outlines",
        "my-stage",
    }


@pytest.mark.parametrize("name", [*PACKAGES, "my-stage"])
def test_package_passes_its_own_tests(environment, name):
    directory = environment.sources / f"superdsm-{name}"
    output = environment.output("-m", "pytest", "-q", "-p", "no:cacheprovider", directory, cwd=directory)
    assert " passed" in output and "failed" not in output and "skipped" not in output


def test_reader_of_other_formats_passes_its_own_tests(environment):
    directory = environment.sources / "superdsm-bioio"
    output = environment.output("-m", "pytest", "-q", "-p", "no:cacheprovider", directory, cwd=directory)
    assert " passed" in output and "failed" not in output


def test_plugins_in_a_batch(environment, tmp_path):
    """One parent task with the default stages, and a derived one with all plugins."""
    for number in (1, 2):
        image, _ = synthetic_image(number, (96, 110), n_nuclei=6, radius=9.0)
        iio.imwrite(tmp_path / f"image-{number}.png", image)
    base = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/image-%d.png",
        "file_ids": [1, 2],
        "seg_pathpattern": "seg/%d.png",
        "config": {"AF_scale": 6},
    }
    derived = {
        "runnable": True,
        "use": ["tophat", "superdsm-measure:measure"],
        "measurements_pathpattern": "tables/%d.csv",
        "geojson_pathpattern": "contours/%d.geojson",
        "config": {"tophat": {"noise": 2}, "measure": {"background_gap": 2}},
    }
    (tmp_path / "plugged").mkdir()
    (tmp_path / "task.json").write_text(json.dumps(base))
    (tmp_path / "plugged" / "task.json").write_text(json.dumps(derived))
    log = tmp_path / "events.jsonl"
    environment.output("-m", "superdsm", "batch", tmp_path, "--run", "--jobs", "2", SUPERDSM_EVENT_LOG=str(log))
    for number in (1, 2):
        labels = iio.imread(tmp_path / "plugged" / "seg" / f"{number}.png")
        with (tmp_path / "plugged" / "tables" / f"{number}.csv").open(newline="") as file:
            rows = list(csv.DictReader(file))
        assert [int(row["label"]) for row in rows] == list(range(1, labels.max() + 1)) != []
        assert {row["image"] for row in rows} == {str(number)}
        outlines = tmp_path / "plugged" / "contours" / f"{number}.geojson"
        segmented = tmp_path / "plugged" / "seg" / f"{number}.png"
        again = tmp_path / f"again-{number}.png"
        environment.output("-m", "superdsm", "labels-from-outlines", outlines, "--like", segmented, "-o", again)
        np.testing.assert_array_equal(iio.imread(again), labels)
        measured = json.loads(outlines.read_text(encoding="utf-8"))["features"][0]["properties"]["measurements"]
        assert measured["solidity"] == pytest.approx(float(rows[0]["solidity"]), rel=1e-6)
    events = [json.loads(line)["event"] for line in log.read_text().splitlines()]
    assert events.count("ImageFinished") == 4 and events[-1] == "RunFinished"
    # what was done is not done again, and without plugins the parent task still runs
    again = environment.output("-m", "superdsm", "batch", tmp_path, "--run", SUPERDSM_EVENT_LOG=str(log))
    assert again and len(log.read_text().splitlines()) <= len(events) + 2
    parent = environment.run("-m", "superdsm", "--no-plugins", "batch", tmp_path, "--run", "--task", ".")
    assert parent.returncode == 0, parent.stderr
    blocked = environment.run("-m", "superdsm", "batch", tmp_path, "--run", "--block", "tophat", "--task", "plugged")
    assert blocked.returncode == 2
    assert "the plugin 'tophat' (superdsm-tophat) is blocked: by --block" in blocked.stderr


def test_parquet_in_a_batch(environment, tmp_path):
    pytest.importorskip("pyarrow")
    iio.imwrite(tmp_path / "image-1.png", synthetic_image(1, (96, 110), n_nuclei=6, radius=9.0)[0])
    task = {
        "runnable": True,
        "img_pathpattern": "{ROOTDIR}/image-%d.png",
        "file_ids": [1],
        "use": ["measure"],
        "measurements_pathpattern": "%d.parquet",
        "seg_pathpattern": "%d.png",
        "config": {"AF_scale": 6},
    }
    (tmp_path / "task.json").write_text(json.dumps(task))
    environment.output("-m", "superdsm", "batch", tmp_path, "--run", "--jobs", "1")
    code = "import sys, pyarrow.parquet as pq; print(*pq.read_table(sys.argv[1])['area'].to_pylist())"
    areas = list(map(int, environment.output("-c", code, tmp_path / "1.parquet").split()))
    labels = iio.imread(tmp_path / "1.png")
    assert len(areas) == labels.max() > 0
    assert (np.array(areas) >= np.bincount(labels.ravel())[1:]).all()
