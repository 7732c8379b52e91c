"""The result does not depend on the number of threads, nor on the order in which they work."""

import random
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import pytest

import superdsm
from superdsm.evaluation import Run
from superdsm.plugins import default_pipeline
from superdsm.testing.synthetic import synthetic_image

SPLIT = {"AF_scale": 12.0, "c2f-region-analysis": {"min_norm_energy_improvement": 0.05, "min_atom_radius": 5}}
CONFIGS = {
    "estimated scale": {},
    "exact": SPLIT | {"postprocess": {"min_glare_radius": 0.0}},
    "isbi24": SPLIT | {"global-energy-minimization": {"pruning": "isbi24"}},
}
IMAGE = synthetic_image(1, (120, 150), n_nuclei=7, radius=12, clustering=0.8)[0]


def bytes_of(fields: dict[str, Any]) -> dict[str, Any]:
    """All fields in a form in which equality means equal bytes."""

    def plain(value: Any) -> Any:
        if isinstance(value, np.ndarray):
            return value.dtype.str, value.shape, value.tobytes()
        if isinstance(value, list):
            return [
                (
                    *(item.atoms, item.energy.hex(), item.is_optimal, item.on_boundary, item.offset, item.n_pixels),
                    plain(item.fragment),
                )
                for item in value
            ]
        return value

    return {name: plain(value) for name, value in fields.items()}


def shuffled(seed: int) -> Callable[..., list[Any]]:
    """Make a `map` that works through the items in a random order, which is another one each time."""
    rng = random.Random(seed)

    def map_(function: Callable[[Any], Any], items: Iterable[Any], /) -> list[Any]:
        todo = list(enumerate(items))
        rng.shuffle(todo)
        done = {index: function(item) for index, item in todo}
        return [done[index] for index in range(len(done))]

    return map_


def stable(log: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The log without what is measured."""
    return [{name: value for name, value in record.items() if name != "seconds"} for record in log]


@pytest.mark.parametrize("config", CONFIGS.values(), ids=CONFIGS)
def test_threads_and_their_order_do_not_matter(config: dict[str, Any]) -> None:
    one = superdsm.segment(IMAGE, config, profile="published")
    assert len(one.objects) > 1
    assert config == {} or one.fields["performance"]["iterative_computed_object_count"] > 20
    expected, log = bytes_of(one.fields), stable(one.log)
    others: list[superdsm.Result | Run] = [
        superdsm.segment(IMAGE, config, profile="published", jobs=jobs) for jobs in (2, 4)
    ]
    others += [default_pipeline().run(IMAGE, config, mapper=shuffled(seed)) for seed in range(2)]
    for other in others:
        fields = bytes_of(other.fields)
        assert [name for name in expected if fields[name] != expected[name]] == []
        assert stable(other.log) == log
        assert other.warnings == one.warnings


def test_a_second_run_and_one_from_stored_fields_are_the_same() -> None:
    config = CONFIGS["exact"]
    one, again = (superdsm.segment(IMAGE, config, profile="published") for _ in range(2))
    rest = superdsm.segment(
        None, config, profile="published", first="global-energy-minimization", fields=one.fields, jobs=2
    )
    assert bytes_of(one.fields) == bytes_of(again.fields) == bytes_of(rest.fields)
    assert one.labels.tobytes() == again.labels.tobytes() == rest.labels.tobytes()
