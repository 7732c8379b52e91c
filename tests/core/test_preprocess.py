"""Offset correction against its twin and against the reference's intermediate results."""

import json

import imageio.v3 as iio
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from superdsm.core.ingest import grey_image
from superdsm.core.preprocess import offset_corrected
from superdsm.parallel import thread_map
from tests.examples import examples
from tests.twins import preprocess as twin

parameters = st.fixed_dictionaries(
    {
        "sigma1": st.sampled_from([0.0, 1.0, np.sqrt(2)]),
        "sigma2": st.one_of(st.just(0.0), st.floats(0.3, 30)),
        "offset_clip": st.one_of(st.just(np.inf), st.floats(0, 6)),
        "lower_clip_mean": st.booleans(),
    }
)


@given(st.tuples(st.integers(1, 80), st.integers(1, 80)), parameters, st.integers(0, 2**32 - 1))
@settings(deadline=None, max_examples=examples(100))
def test_same_bits_as_the_twin(shape, params, seed):
    rng = np.random.default_rng(seed)
    g_raw = rng.random(shape) * (rng.random(shape) < 0.1) + 0.05 * rng.random(shape)
    g_raw = (g_raw - g_raw.min()) / max(np.ptp(g_raw), 1e-9)
    assert np.array_equal(offset_corrected(g_raw, **params), twin.offset_corrected(g_raw, **params))


@pytest.mark.parametrize("shape", [(1, 1), (1, 500), (30, 200)])
@pytest.mark.parametrize("offset_clip", [3.0, np.inf])
def test_constant_images_have_no_foreground(shape, offset_clip):
    y = offset_corrected(np.zeros(shape), sigma1=1.4, sigma2=40.0, offset_clip=offset_clip, lower_clip_mean=False)
    assert y.shape == shape and not y.any()


def test_flat_parts_round_as_in_scipy():
    g_raw = np.zeros((260, 300))
    g_raw[:] = 0.1
    g_raw[100:108, 90:102] = 1
    params = {"sigma1": np.sqrt(2), "sigma2": 10.0, "offset_clip": 3.0, "lower_clip_mean": False}
    assert np.array_equal(offset_corrected(g_raw, **params), twin.offset_corrected(g_raw, **params))


def test_threads_change_no_bit_and_the_input_is_left_alone():
    g_raw = np.random.default_rng(2).random((200, 150)) ** 8
    g_raw.flags.writeable = False
    params = {"sigma1": np.sqrt(2), "sigma2": 11.0, "offset_clip": 3.0, "lower_clip_mean": False}
    with thread_map(3) as map_:
        assert np.array_equal(offset_corrected(g_raw, **params, map=map_), offset_corrected(g_raw, **params))


STAGES = [
    "BBBC033_bbbc033-z28",
    "NIH3T3_dna-0",
    "NIH3T3_dna-10",
    "NIH3T3_dna-20",
    "NIH3T3_dna-30",
    "U2OS_dna-0",
    "U2OS_dna-10",
]


@pytest.mark.parametrize("name", STAGES)
def test_reference(shared_data, name):
    data_set, image = name.split("_")
    config = json.loads((shared_data / "expected" / "stages" / f"{name}.json").read_text())["config"]["preprocess"]
    params = {key: config[key] for key in ("sigma1", "sigma2", "offset_clip", "lower_clip_mean")}
    g_raw, _ = grey_image(iio.imread(shared_data / data_set / "images" / f"{image}.png"), False)
    with np.load(shared_data / "expected" / "stages" / f"{name}.npz") as stages:
        assert np.array_equal(offset_corrected(g_raw, **params)[::8, ::8].astype(np.float32), stages["y_sampled"])
