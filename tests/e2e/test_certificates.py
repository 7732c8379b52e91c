"""Certificates through the command line: printed, in tables, in files, and checked in the store."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from superdsm.api import segment
from superdsm.batch.storage.store import Entry, Store
from superdsm.cli import main
from superdsm.io import read_image, write_labels
from superdsm.stages.global_energy_minimization import GlobalEnergyMinimization
from superdsm.testing import synthetic_image, verify_certificate

pytestmark = pytest.mark.process  # most of them run the command line
STAGE = "global-energy-minimization"
CONFIG = {"profile": "published", "AF_scale": 10, STAGE: {"cover": "exact"}}


@pytest.fixture(scope="module")
def image(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A picture with clusters of nuclei."""
    path = tmp_path_factory.mktemp("images") / "1.png"
    picture, _ = synthetic_image(3, (160, 200), n_nuclei=14, radius=14, clustering=0.9)
    write_labels(path, picture)
    return path


@pytest.fixture
def root(image: Path, tmp_path: Path) -> Path:
    """A tree with a task that has been run."""
    task = {
        "runnable": True,
        "file_ids": [1],
        "img_pathpattern": str(image.parent / "%d.png"),
        "seg_pathpattern": "seg/%d.png",
        "confidence_pathpattern": "confidence/%d.png",
        "certificate_pathpattern": "certificate/%d.json",
        "config": CONFIG,
    }
    (tmp_path / "task").mkdir()
    (tmp_path / "task" / "task.json").write_text(json.dumps(task))
    assert main(["batch", str(tmp_path), "--run"]) == 0
    return tmp_path


def run(*args: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "superdsm", *map(str, args)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("cover", ["greedy", "exact"])
@pytest.mark.parametrize("certify", [False, True])
def test_certificates_of_an_image_hold(image: Path, cover: str, certify: bool) -> None:
    config = {"profile": "published", "AF_scale": 10, STAGE: {"cover": cover, "certify": certify}}
    results = [segment(read_image(image), config, jobs=jobs) for jobs in (1, 3)]
    certificate = results[0].fields["certificate"]
    assert certificate == results[1].fields["certificate"]
    assert verify_certificate(results[0].fields, exact=True) == []
    assert certificate["fits"] == ("duality" if certify else "stopping rule")
    assert any(len(detail["atoms"]) > 2 for detail in certificate["details"])
    if cover == "exact":
        assert certificate["optimal"] == certificate["clusters"]
    for item in results[0].objects:
        assert 0 <= item.confidence <= 1
        assert item.margin >= 0
        assert item.reasons == ()
    np.testing.assert_array_equal(results[0].labels, results[1].labels)


def test_no_optimum_is_claimed_where_objects_have_prices(image: Path) -> None:
    """Prices make energies that are not superadditive, which the bounds of more than two atoms rest on."""
    fields = segment(read_image(image), {"profile": "adaptive", STAGE: {"cover": "exact"}}).fields
    certificate = fields["certificate"]
    assert verify_certificate(fields) == []
    searched = [detail for detail in certificate["details"] if len(detail["atoms"]) > 2]
    assert searched and all(detail["reasons"] == ["prices"] for detail in searched)
    assert certificate["reasons"] == {"prices": len(searched)}
    assert certificate["optimal"] == certificate["clusters"] - len(searched)


def test_certificates_hold_where_outlines_divide_objects(image: Path) -> None:
    fields = segment(read_image(image), {"profile": "adaptive", "contours": {"narrow": 1, "least_divided": 0}}).fields
    assert len(fields["cover"]) > len(fields["work_cover"])
    assert verify_certificate(fields) == []


def test_certify_prints_bound_gap_and_seconds(image: Path, tmp_path: Path) -> None:
    result = run(
        "segment", image, "-o", tmp_path / "labels.png", "--profile", "published", "--certify", "--set", "AF_scale=10"
    )
    assert result.returncode == 0, result.stderr
    first, second, *_ = result.stdout.splitlines()
    assert first.startswith(f"{image}: ")
    assert second.startswith("  energy ")
    for part in ("least energy at least", "gap", "clusters optimal", "fits bounded by duality", " s"):
        assert part in second


def test_a_budget_is_told_everywhere(image: Path, tmp_path: Path) -> None:
    budget = {"cluster_timeout": 0.0, "beta": 20.0}
    result = segment(read_image(image), {"profile": "published", "AF_scale": 10, STAGE: budget})
    certificate = result.fields["certificate"]
    assert certificate["reasons"] == {"cluster_timeout": certificate["clusters"] - certificate["optimal"]}
    assert verify_certificate(result.fields) == []
    assert any("cluster_timeout was reached" in text for text in result.warnings)
    told = [record for record in result.log if record.get("reasons")]
    assert len(told) == certificate["reasons"]["cluster_timeout"] > 0
    assert any(item.reasons == ("cluster_timeout",) for item in result.fields["cover"])
    published = ("--profile", "published", "--set", "AF_scale=10")
    said = run("segment", image, "-o", tmp_path / "labels.png", "--certify", *published,
               *(f"--set={STAGE}/{name}={value}" for name, value in budget.items()))  # fmt: skip
    assert "warning: " in said.stdout
    assert said.stdout.count("cluster_timeout was reached") > 1


def test_outputs_of_a_task(root: Path) -> None:
    with (root / "task" / "certificate.csv").open(newline="") as file:
        (row,) = csv.DictReader(file)
    certificate = json.loads((root / "task" / "certificate" / "1.json").read_text())
    assert row["file_id"] == "1"
    assert row["clusters"] == row["optimal"] == str(certificate["clusters"])
    assert float(row["upper_bound"]) == certificate["upper"]
    assert float(row["gap"]) == pytest.approx(0, abs=1e-4)
    assert row["reasons"] == ""
    picture = read_image(root / "task" / "confidence" / "1.png")
    assert picture.shape == (160, 200, 3)
    assert np.ptp(picture.astype(int), axis=-1).any()


def results_of(root: Path) -> tuple[Store, Entry]:
    store = Store(root / ".superdsm" / "results")
    entries = [store.entry(key) for key in store.keys()]  # noqa: SIM118 - not a dict
    return store, next(entry for entry in entries if entry is not None and entry.stage == STAGE)


def rewrite(store: Store, entry: Entry, change: Any) -> None:
    values = store.values(entry)
    kinds = {name: described["kind"] for name, described in entry.fields.items()}
    store.put(entry, change(values), kinds)


def test_stored_certificates_are_checked(root: Path) -> None:
    checked = run("store", root, "--verify-certificates")
    assert checked.returncode == 0
    assert "1 certificates, all hold" in checked.stdout

    def claim_more(values: dict[str, Any]) -> dict[str, Any]:
        values["certificate"]["details"][0]["upper"] -= 1
        return values

    rewrite(*results_of(root), claim_more)
    checked = run("store", root, "--verify-certificates")
    assert checked.returncode == 1
    assert "the cover costs" in checked.stdout
    assert "1 certificates, 1 wrong" in checked.stdout


def test_results_of_earlier_versions_have_no_certificate_and_get_one_when_it_is_asked_for(root: Path) -> None:
    def earlier(values: dict[str, Any]) -> dict[str, Any]:
        return {name: values[name] for name in ("cover", "objects", "performance")}

    rewrite(*results_of(root), earlier)
    assert "0 certificates, all hold" in run("store", root, "--verify-certificates").stdout
    expected = (root / "task" / "certificate" / "1.json").read_bytes()
    (root / "task" / "certificate" / "1.json").unlink()
    (root / "task" / "seg" / "1.png").unlink()
    assert run("batch", root, "--run").returncode == 0
    assert (root / "task" / "certificate" / "1.json").read_bytes() == expected
    assert "certificate" in results_of(root)[1].fields


def test_defaults_are_those_of_the_published_method() -> None:
    neutral = ("cover", "cover_timeout", "max_cluster_sets", "cluster_timeout", "certify")
    for name in neutral:
        spec = GlobalEnergyMinimization.declared[name]
        assert spec.default == spec.neutral


@pytest.mark.parity
@pytest.mark.parametrize("data_set", ["NIH3T3", "U2OS", "DSB2018-dev", "BBBC033"])
def test_no_image_is_without_a_bound(shared_data: Path, data_set: str) -> None:
    for path in sorted((shared_data / data_set / "images").iterdir()):
        result = segment(
            read_image(path),
            {"profile": "published", STAGE: {"cover": "exact", "max_cluster_sets": 3000}},
            last=STAGE,
            jobs=2,
        )
        certificate = result.fields["certificate"]
        if certificate:
            assert certificate["lower"] <= certificate["upper"]
            assert verify_certificate(result.fields) == [], path
        if data_set in ("NIH3T3", "U2OS"):
            assert certificate["optimal"] == certificate["clusters"]


@pytest.mark.parity
@pytest.mark.parametrize("data_set", ["NIH3T3", "U2OS"])
def test_wrong_objects_are_less_sure(shared_data: Path, data_set: str) -> None:
    """The confidence of an object that matches a true one is mostly higher than that of one that does not."""
    right: list[float] = []
    wrong: list[float] = []
    for path in sorted((shared_data / data_set / "images").iterdir()):
        result = segment(read_image(path), {"profile": "published", STAGE: {"cover": "exact"}}, jobs=2)
        truth = read_image(next((shared_data / data_set / "masks").glob(f"{path.stem}.*")))
        truth = truth if truth.ndim == 2 else truth[..., 0]
        areas = np.bincount(truth.ravel())
        objects = sorted((item for item in result.objects if not item.is_empty), key=lambda item: item.atoms)
        for label, item in enumerate(objects, 1):
            inside = truth[result.labels == label]
            common = np.bincount(inside, minlength=len(areas))[1:]
            iou = common / (areas[1:] + inside.size - common)
            assert item.confidence is not None
            (right if iou.max(initial=0) >= 0.5 else wrong).append(item.confidence)
    higher = np.mean([[(a > b) + 0.5 * (a == b) for b in wrong] for a in right])
    assert len(wrong) > 20
    assert higher > 0.85
