"""Certificates of searches, checked by the independent verifier; and that it finds what is wrong."""

import copy
import itertools
import json
import math
import re
from types import SimpleNamespace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm.core.certificate import (
    REASONS,
    certificate_of_image,
    certify_cluster,
    confidence,
    describe,
    warnings,
)
from superdsm.testing import verify_certificate
from tests.core.graph_cases import graph_of, planar, solve, superadditive
from tests.examples import examples
from tests.hyperparameters import search_params
from tests.twins import setcover as twin

PARAMS = [
    {"cover": "exact"},
    {"cover": "greedy"},
    {"cover": "exact", "pruning": "isbi24"},
    {"cover": "exact", "max_cluster_sets": 9},
    {"cover": "greedy", "max_cluster_sets": 1},
]


def certified(n, edges, energy, params, is_optimal=lambda members: True, near=None):
    """Search a cluster; return the certificate of an image of this cluster, and all its fields."""
    graph = graph_of(n, edges, near)
    result, _ = solve(graph, energy, params, is_optimal)
    certificate = certify_cluster(result)
    known = result.known
    objects = [
        SimpleNamespace(atoms=graph.labels(members), energy=known.energies[members], is_optimal=is_optimal(members))
        for members in result.fitted
    ]
    search = {"beta": params.beta, "max_seed_distance": None}
    image = certificate_of_image([certificate], list(known.lower.values()), **search)
    cover = [item for item in objects if item.atoms in certificate.cover]
    return certificate, {"certificate": image, "objects": objects, "cover": cover}


def least_cost(n, edges, energy, beta):
    possible = sorted(twin.connected_sets(n, edges) | {(1 << n) - 1})
    return float(twin.best_partition(possible, [energy(members) + beta for members in possible]))


@settings(deadline=None, max_examples=examples(150))
@given(superadditive(), st.sampled_from([0.0, 0.5, 1.0, 3.0, 10.0]), st.sampled_from(PARAMS))
def test_the_bounds_enclose_the_least_energy(instance, beta, settings_):
    n, edges, energies = instance
    params = search_params(beta=beta, **settings_)
    certificate, fields = certified(n, edges, energies.__getitem__, params)
    best = least_cost(n, edges, energies.__getitem__, beta)
    assert certificate.lower <= best + 1e-9
    assert certificate.upper >= best - 1e-9
    if params.cover == "exact" and params.pruning == "exact" and params.max_cluster_sets is None:
        assert certificate.upper == pytest.approx(best, abs=1e-9)
        assert certificate.is_optimal
    assert bool(certificate.reasons) == (not certificate.is_optimal)
    assert set(certificate.reasons) <= set(REASONS)
    assert certificate.excess == 0
    assert verify_certificate(fields, exact=True) == []
    json.dumps(fields["certificate"], allow_nan=False)


@settings(deadline=None, max_examples=examples(30))
@given(planar(max_size=8), st.sampled_from([0.1, 0.5, 2.0]), st.sampled_from(PARAMS))
def test_planar_clusters(instance, beta, settings_):
    n, edges, energy = instance
    certificate, fields = certified(n, edges, energy, search_params(beta=beta, **settings_))
    best = least_cost(n, edges, energy, beta)
    assert certificate.lower - 1e-9 <= best <= certificate.upper + 1e-9
    assert verify_certificate(fields) == []


@settings(deadline=None, max_examples=examples(60))
@given(superadditive(), st.sampled_from([0.5, 1.0, 3.0]), st.integers(0, 63))
def test_fits_that_did_not_converge_count_as_unknown(instance, beta, doubtful):
    n, edges, energies = instance

    def is_optimal(members):
        return members % 7 != doubtful % 7

    for cover in ("exact", "greedy"):
        certificate, fields = certified(
            n, edges, energies.__getitem__, search_params(beta=beta, cover=cover), is_optimal
        )
        # the true energies may be anything from 0
        true = [energy if is_optimal(members) else 0.0 for members, energy in enumerate(energies)]
        fitted = [sum(1 << a - 1 for a in item.atoms) for item in fields["objects"]]
        assert certificate.lower <= float(twin.best_partition(fitted, [true[m] + beta for m in fitted])) + 1e-9
        assert verify_certificate(fields, exact=True) == []
        if not certificate.is_optimal:
            assert certificate.reasons


@settings(deadline=None, max_examples=examples(60))
@given(superadditive(), st.sampled_from([0.5, 1.0, 3.0]), st.sampled_from(PARAMS[:3]))
def test_margins_are_at_most_the_difference_to_the_best_cover_without_the_set(instance, beta, settings_):
    n, edges, energies = instance
    certificate, _ = certified(n, edges, energies.__getitem__, search_params(beta=beta, **settings_))
    possible = sorted(twin.connected_sets(n, edges) | {(1 << n) - 1})
    for labels, margin in zip(certificate.cover, certificate.margins, strict=True):
        others = [members for members in possible if members != sum(1 << a - 1 for a in labels)]
        if n == 1:
            assert margin == math.inf
            continue
        best = float(twin.best_partition(others, [energies[members] + beta for members in others]))
        assert 0 <= margin <= max(0.0, best - certificate.upper) + 1e-9


def test_sets_that_are_too_far_are_named():
    path, near = [(0, 1), (1, 2)], [0b011, 0b111, 0b110]
    certificate, fields = certified(
        3, path, lambda m: float(m.bit_count()), search_params(beta=0.5, cover="exact"), near=near
    )
    assert certificate.far == ((1, 3),)
    assert fields["certificate"]["restricted"] == 1
    assert any("max_seed_distance" in line for line in describe(fields["certificate"]))


def wrong(n=6, beta=1.0, **changes):
    """A certificate of a ring of atoms with two objects, after some changes; return what the verifier says."""
    edges = [(i, (i + 1) % n) for i in range(n)]

    def energy(members):
        inside = [i for i in range(n) if members >> i & 1]
        return 0.1 * len(inside) + 2.0 * sum((a < n // 2) != (b < n // 2) for a, b in itertools.combinations(inside, 2))

    _, fields = certified(n, edges, energy, search_params(beta=beta, cover="exact"))
    assert verify_certificate(fields, exact=True) == []
    fields = copy.deepcopy(fields)
    for change in changes.values():
        change(fields)
    return " | ".join(verify_certificate(fields))


def detail(fields):
    return fields["certificate"]["details"][0]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda f: detail(f).update(upper=1.0), "the cover costs"),
        (lambda f: detail(f).update(cover=[[1, 2, 3]]), "leaves atoms out"),
        (lambda f: detail(f).update(cover=[[1, 2, 3], [4, 6]]), "no model of"),
        (lambda f: detail(f).update(fits=3), "models, not 3"),
        (lambda f: detail(f).update(reasons=["greedy"]), "if and only if"),
        (lambda f: detail(f).update(margins=[None, None]), "infinite margin"),
        (lambda f: detail(f).update(margins=[9.0, 0.0]), "margin of"),
        (lambda f: f["certificate"].update(upper=9.0), "upper is not the sum"),
        (lambda f: f["certificate"].update(optimal=0), "number of optimal clusters"),
        (lambda f: f["certificate"].update(clusters=2), "number of clusters"),
        (lambda f: f["certificate"]["lower_energies"].__setitem__(0, 5.0), "below its lower bound"),
        (lambda f: f["certificate"]["search"].update(beta=0.0), "may belong to a cover|cover the atoms for less"),
        (lambda f: f["cover"].pop(), "not those of the covers"),
        (lambda f: [setattr(item, "energy", 1e9) for item in f["objects"][:1]], "exceed that of both together"),
        (lambda f: f["objects"].append(f["objects"][0]), "lower bounds for"),
        (
            lambda f: (f["objects"].append(f["objects"][0]), f["certificate"]["lower_energies"].append(0.0)),
            "two models",
        ),
        (lambda f: detail(f)["margins"].pop(), "margins for"),
    ],
)
def test_the_verifier_finds_what_is_wrong(change, message):
    assert re.search(message, wrong(change=change))


def test_the_verifier_notices_sets_without_a_model():
    """A cheap set that was never fitted: without its model, the bound does not hold any more."""

    def forget(fields):
        index = next(i for i, item in enumerate(fields["objects"]) if len(item.atoms) == 2)
        del fields["objects"][index], fields["certificate"]["lower_energies"][index]
        detail(fields)["fits"] -= 1

    assert "has no model, but may belong" in wrong(forget=forget)


def test_empty_images():
    assert verify_certificate({"certificate": {}, "objects": [], "cover": []}) == []
    assert verify_certificate({"certificate": {}, "objects": [1], "cover": []})
    empty = certificate_of_image([], None)
    assert verify_certificate({"certificate": {**empty, "search": {"beta": 1.0}}, "objects": [], "cover": []}) == []
    assert describe(empty)[0].startswith("energy 0, least energy at least 0 (gap 0, 0 %); 0 of 0 clusters optimal")


def test_budgets_are_told():
    energies = [0.3 * members.bit_count() ** 2 for members in range(64)]
    edges = [(i, i + 1) for i in range(5)]
    params = search_params(beta=2.0, cover="exact", max_cluster_sets=8)
    certificate, fields = certified(6, edges, energies.__getitem__, params)
    assert certificate.reasons == ("max_cluster_sets",)
    assert certificate.fits <= 8
    (text,) = warnings([certificate])
    assert text.startswith("1 cluster: max_cluster_sets was reached, the best cover so far was taken (at most ")
    assert any("max_cluster_sets was reached" in line for line in describe(fields["certificate"])[1:])


def test_confidence():
    assert confidence(0.0, 5.0) == 0
    assert confidence(5.0, 5.0) == 0.5
    assert confidence(1e9, 5.0) == pytest.approx(1)
    assert confidence(3.0, 0.0) == 1
