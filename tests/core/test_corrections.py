"""What a person says holds in the result, and nothing else changes."""

import functools
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from superdsm import segment
from superdsm.core.correction_scene import polygon
from superdsm.errors import StageError
from superdsm.testing import synthetic_image, verify_certificate
from tests.core.scenes import disks
from tests.examples import examples

STAGE = "global-energy-minimization"
CONFIGS: dict[str, dict[str, Any]] = {"published": {"AF_scale": 9}, "adaptive": {"nucleus_radius": 12}}


@functools.cache
def plain(profile: str) -> Any:
    """The image without corrections."""
    image, _ = synthetic_image(1, (160, 200), n_nuclei=8, radius=12)
    return segment(image, CONFIGS[profile], profile=profile)


def corrected(profile: str, *corrections: dict[str, Any], jobs: int = 1) -> Any:
    """The image with corrections, from the energy minimisation on."""
    known = plain(profile)
    return segment(
        None,
        CONFIGS[profile],
        profile=profile,
        fields=known.fields,
        first=STAGE,
        corrections=list(corrections),
        jobs=jobs,
    )


def centre(item: Any) -> list[float]:
    """A pixel of an object, as far inside as can be."""
    depth = ndimage.distance_transform_edt(np.pad(item.fragment, 1))
    row, column = np.unravel_index(depth.argmax(), depth.shape)
    return [float(row - 1 + item.offset[0]), float(column - 1 + item.offset[1])]


def at(result: Any, point: list[float]) -> int:
    """The label at a point."""
    return int(result.labels[round(point[0]), round(point[1])])


def others(result: Any, but: Any) -> set[Any]:
    """Objects that a correction was not about."""
    return {(item.atoms, item.energy, item.offset, item.fragment.tobytes()) for item in result if item.atoms not in but}


@pytest.mark.parametrize("profile", ["published", "adaptive"])
def test_without_corrections_nothing_is_different(profile: str) -> None:
    known = plain(profile)
    for none in ([], {"corrections": []}):
        image, _ = synthetic_image(1, (160, 200), n_nuclei=8, radius=12)
        again = segment(image, CONFIGS[profile], profile=profile, corrections=none)
        np.testing.assert_array_equal(again.labels, known.labels)
        assert again.objects == known.objects
        assert again.fields["certificate"] == known.fields["certificate"]
        assert "corrections" not in again.fields
        assert "corrected" not in again.summary


@pytest.mark.parametrize("profile", ["published", "adaptive"])
@settings(deadline=None, max_examples=examples(6))
@given(st.data())
def test_merged_objects_are_one_and_the_others_stay(profile: str, data: st.DataObject) -> None:
    known = plain(profile)
    first, second = data.draw(st.permutations(range(len(known.objects))))[:2]
    points = [centre(known.objects[index]) for index in (first, second)]
    result = corrected(profile, {"action": "merge", "points": points})
    cover = result.fields["work_cover" if profile == "adaptive" else "cover"]
    before = known.fields["work_cover" if profile == "adaptive" else "cover"]
    union = {*known.objects[first].atoms, *known.objects[second].atoms}
    whole = [item for item in cover if item.is_corrected]
    assert len(whole) == 1
    assert union <= set(whole[0].atoms)
    gone = {item.atoms for item in before if set(item.atoms) & set(whole[0].atoms)}
    assert others(before, gone) == others(cover, {whole[0].atoms})
    assert not verify_certificate({**result.fields, "cover": cover})


@pytest.mark.parametrize("profile", ["published", "adaptive"])
@settings(deadline=None, max_examples=examples(6))
@given(st.data())
def test_each_point_of_a_split_has_an_object(profile: str, data: st.DataObject) -> None:
    known = plain(profile)
    item = known.objects[data.draw(st.integers(0, len(known.objects) - 1))]
    places = np.argwhere(item.fragment) + item.offset
    low, high = places[places.sum(1).argmin()], places[places.sum(1).argmax()]
    points = [((3 * a + b) / 4).tolist() for a, b in ((low, high), (high, low))]
    result = corrected(profile, {"action": "split", "points": points})
    cover = result.fields["work_cover" if profile == "adaptive" else "cover"]
    before = known.fields["work_cover" if profile == "adaptive" else "cover"]
    parts = [part for part in cover if part.is_corrected]
    assert len(parts) == 2
    assert not set(parts[0].atoms) & set(parts[1].atoms)
    assert len(cover) == len(before) + 1
    assert len([part for part in result.objects if part.is_corrected]) == 2
    assert others(before, {item.atoms}) == others(cover, {part.atoms for part in parts})
    assert not verify_certificate({**result.fields, "cover": cover})


@pytest.mark.parametrize("profile", ["published", "adaptive"])
def test_a_split_and_a_merge_are_the_reverse_of_each_other(profile: str) -> None:
    known = plain(profile)
    item = max(known.objects, key=lambda item: item.area)
    row, column = centre(item)
    points = [[row - 3, column], [row + 3, column]]
    back = corrected(profile, {"action": "split", "points": points}, {"action": "merge", "points": points})
    assert len(back.objects) == len(known.objects)
    assert at(back, points[0]) == at(back, points[1]) > 0


@pytest.mark.parametrize("profile", ["published", "adaptive"])
def test_what_is_dropped_is_gone_and_can_be_added_again(profile: str) -> None:
    known = plain(profile)
    point = centre(known.objects[0])
    gone = corrected(profile, {"action": "drop", "points": [point]})
    assert at(gone, point) == 0
    assert len(gone.objects) == len(known.objects) - 1
    back = corrected(profile, {"action": "drop", "points": [point]}, {"action": "add", "points": [point]})
    assert at(back, point) > 0
    mask, before = (result.labels == at(result, point) for result in (back, known))
    assert (mask & before).sum() / (mask | before).sum() > 0.6
    assert back.summary["corrected"] == 2


@pytest.mark.parametrize("profile", ["published", "adaptive"])
def test_an_outline_stays_as_it_is_drawn(profile: str) -> None:
    outline = [[0.5, 0.5], [0.5, 30.5], [9.5, 30.5], [9.5, 0.5]]
    wanted = polygon([(float(r), float(c)) for r, c in outline], (160, 200))
    assert not plain(profile).labels[wanted].any()
    result = corrected(profile, {"action": "add", "outline": outline})
    found = result.labels == at(result, [5, 15])
    assert (found & wanted).sum() / (found | wanted).sum() > (0.999 if profile == "published" else 0.85)


@pytest.mark.parametrize("profile", ["published", "adaptive"])
def test_a_nucleus_that_is_too_dim_can_be_added(profile: str) -> None:
    image, labels = disks((140, 180), [(40, 40), (100, 60), (50, 130)], (14, 14, 14), (60, 60, 0.7), noise=0.4)
    config = {"AF_scale": 10} if profile == "published" else {"nucleus_radius": 14}
    known = segment(image, config, profile=profile)
    assert at(known, [50, 130]) == 0
    result = segment(image, config, profile=profile, corrections=[{"action": "add", "points": [[50, 130]]}])
    found, true = result.labels == at(result, [50, 130]), labels == 3
    assert at(result, [50, 130]) > 0
    assert (found & true).sum() / (found | true).sum() > 0.6


@pytest.mark.parametrize(("profile", "limits"), [
    ("published", {"postprocess": {"min_object_radius": 500, "min_boundary_obj_radius": 500}}),
    ("adaptive", {"evidence": {"min_area": 90}}),
])  # fmt: skip
def test_what_is_kept_is_not_discarded(profile: str, limits: dict[str, Any]) -> None:
    known, config = plain(profile), CONFIGS[profile] | limits
    strict = segment(None, config, profile=profile, fields=known.fields, first=STAGE)
    assert strict.objects == []
    point = centre(known.objects[1])
    result = segment(
        None,
        config,
        profile=profile,
        fields=known.fields,
        first=STAGE,
        corrections=[{"action": "keep", "points": [point]}],
    )
    assert len(result.objects) == 1
    alone = np.zeros(known.labels.shape, bool)
    known.objects[1].draw(alone)
    np.testing.assert_array_equal(result.labels > 0, alone)


@pytest.mark.parametrize(("correction", "problem"), [
    ({"action": "drop", "points": [[500, 3]]}, "(drop): the point (500, 3) is outside of the image"),
    ({"action": "keep", "points": [[3, 60]]}, "(keep): the point (3, 60) is in no object"),
    ({"action": "merge", "points": [[3, 60], [3, 61]]}, "(merge): the point (3, 60) is in no object"),
])  # fmt: skip
@pytest.mark.parametrize("profile", ["published", "adaptive"])
def test_what_cannot_be_done_is_told(profile: str, correction: dict[str, Any], problem: str) -> None:
    with pytest.raises(StageError) as caught:
        corrected(profile, correction)
    assert str(caught.value) == f"stage {STAGE}: corrections: correction 1 {problem}"


def test_two_points_of_a_split_in_one_pixel() -> None:
    row, column = centre(plain("published").objects[0])
    with pytest.raises(StageError, match="two of the points are in the same pixel"):
        corrected("published", {"action": "split", "points": [[row, column], [row + 0.1, column]]})


def test_threads_make_no_difference() -> None:
    points = [centre(item) for item in plain("published").objects[:3]]
    apart = [points[2], [points[2][0] + 4, points[2][1]]]
    asked = [{"action": "merge", "points": points[:2]}, {"action": "split", "points": apart}]
    one, three = (corrected("published", *asked, jobs=jobs) for jobs in (1, 3))
    assert one.objects == three.objects
    assert one.fields["certificate"] == three.fields["certificate"]


@pytest.mark.parametrize("most", [1, 2000])
def test_a_split_of_many_atoms_has_as_many_parts_as_points_whatever_the_budget(most: int) -> None:
    image, _ = synthetic_image(2, (120, 160), n_nuclei=10, radius=11, clustering=1)
    config = {"AF_scale": 8, "c2f-region-analysis": {"AF_min_atom_radius": 0.2}, STAGE: {"max_cluster_sets": most}}
    known = segment(image, config, profile="published")
    first, second, third = (centre(item) for item in known.objects[:3])
    whole = {"action": "merge", "points": [first, second, third]}
    apart = {"action": "split", "points": [first, third]}
    result = segment(None, config, profile="published", fields=known.fields, first=STAGE, corrections=[whole, apart])
    parts = [item for item in result.fields["cover"] if item.is_corrected]
    atoms = {atom for item in known.objects[:3] for atom in item.atoms}
    assert len(parts) == 2
    assert {atom for part in parts for atom in part.atoms} == atoms
    assert len(atoms) > 2
    assert not set(parts[0].atoms) & set(parts[1].atoms)
    assert not verify_certificate(result.fields)
