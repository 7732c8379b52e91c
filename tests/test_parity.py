"""Parity with the object tables of the published method on real images (see TPAMI 2023, Sec. 4, for the data)."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from superdsm.api import segment
from superdsm.config import Config
from superdsm.io import read_image, write_labels

EXAMPLES = Path(__file__).resolve().parents[1] / "examples" / "real"
DATA_SETS = ("NIH3T3", "U2OS")
VARIANTS = ("default", "adapted", "isbi24")
ONE_PER_VARIANT = (("NIH3T3", "default", "dna-0"), ("U2OS", "adapted", "dna-10"), ("NIH3T3", "isbi24", "dna-20"))

# Missing and spurious objects of images that deviate, each with its reason.
EXPLAINED = {
    # One object more than in the tables: where they were made, the bounding box of an object erased parts of earlier
    # ones in the union of all masks, so that its contrast was measured against parts of its neighbours. In dna-30 it
    # (contrast 1.64 instead of 1.21) overlaps with two others, which share the contested pixels with it and so have
    # other areas; without it, all objects match.
    ("NIH3T3", "default", "dna-30"): (2, 3),
    ("NIH3T3", "default", "dna-35"): (0, 1),
    # One object (8541 -> 8324 pixels): the solver with which the tables were made failed, and gave the ellipse.
    ("U2OS", "default", "dna-0"): (1, 1),
}


def config(data_set: str, variant: str) -> Config:
    """Return the configuration of a variant; those of the data sets ship with the examples."""
    if variant == "default":
        return Config()
    adapted = Config(json.loads((EXAMPLES / data_set / "adapted" / "task.json").read_text())["config"])
    return adapted.with_value("global-energy-minimization/pruning", "isbi24") if variant == "isbi24" else adapted


def segmented(shared_data: Path, data_set: str, variant: str, name: str, folder: Path) -> Path:
    image = read_image(shared_data / data_set / "images" / f"{name}.png")
    result = segment(image, config(data_set, variant), profile="published", jobs=2, name=name)
    write_labels(folder / f"{name}.png", result.labels)
    return folder / f"{name}.png"


def compare(shared_data: Path, labels: Path, expected: Path) -> tuple[int, str]:
    """Run the comparison that defines parity; return its exit code and what it printed."""
    tool = shared_data.parent / "tools" / "check_parity.py"
    command = [sys.executable, str(tool), str(labels), str(expected)]
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert result.returncode in (0, 1), result.stderr
    return result.returncode, result.stdout


@pytest.mark.parametrize(("data_set", "variant", "name"), ONE_PER_VARIANT)
def test_an_image_of_each_configuration(
    shared_data: Path, tmp_path: Path, data_set: str, variant: str, name: str
) -> None:
    labels = segmented(shared_data, data_set, variant, name, tmp_path)
    code, output = compare(shared_data, labels, shared_data / "expected" / data_set / variant / f"{name}.csv")
    assert code == 0, output
    assert "missing" not in output


@pytest.mark.parity
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("data_set", DATA_SETS)
def test_all_images(
    shared_data: Path, tmp_path: Path, data_set: str, variant: str, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = shared_data / "expected" / data_set / variant
    for table in sorted(expected.glob("*.csv")):
        segmented(shared_data, data_set, variant, table.stem, tmp_path)
    code, output = compare(shared_data, tmp_path, expected)
    with capsys.disabled():
        sys.stdout.write(f"\n{data_set} {variant}: {output}")
    deviations = {(data_set, variant, name) for name in re.findall(r"^(\S+): ", output, re.M)}
    assert code == 0 or deviations <= set(EXPLAINED), output
    for name, missing, spurious in re.findall(r"^(\S+): \d+ matched, (\d+) missing, (\d+) spurious$", output, re.M):
        most_missing, most_spurious = EXPLAINED.get((data_set, variant, name), (0, 0))
        assert int(missing) <= most_missing and int(spurious) <= most_spurious, output


def test_the_configurations_are_those_of_the_tables(shared_data: Path) -> None:
    sets = json.loads((shared_data / "real_data_sets.json").read_text())
    for data_set in DATA_SETS:
        assert config(data_set, "adapted") == Config(sets[data_set]["adapted_config"])
        assert config(data_set, "isbi24")["global-energy-minimization/pruning"] == "isbi24"
        assert config(data_set, "default") == Config()
