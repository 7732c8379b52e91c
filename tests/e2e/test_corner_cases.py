"""Images and hyperparameters at the edge of what is legal: a result without a warning, or one clear line."""

import math

import numpy as np
import pytest

import superdsm
from superdsm.errors import ConfigError, ImageError
from superdsm.testing.synthetic import synthetic_image

SCALE = 8.0
SHAPES = [(1, 1), (1, 2), (2, 1), (1, 500), (500, 1), (3, 300), (300, 3), (2, 2), (7, 130)]
IMAGE = synthetic_image(3, (72, 100), n_nuclei=4, radius=10)[0]
FLAT = np.where(IMAGE / IMAGE.max() < 0.4, 0, IMAGE)  # the background is exactly zero

EXTREMES = {
    "preprocess": {"sigma1": (0.0,), "sigma2": (0.0, 1e-3, 1e4), "offset_clip": (0.0, math.inf)},
    "dsm": {
        "alpha": (0.0, 1e300),
        "smooth_amount": (10**9,),
        "smooth_subsample": (1000, 2**31),
        "gaussian_shape_multiplier": (0.1, 0.3, 0.7, math.inf),
        "epsilon": (1e-12, 1e12),
        "background_margin": (0, 2**31),
        "cp_timeout": (0.0, math.inf),
    },
    "c2f-region-analysis": {
        "seed_connectivity": (4,),
        "min_atom_radius": (10**9,),
        "max_atom_norm_energy": (math.inf,),
        "min_norm_energy_improvement": (-math.inf, math.inf),
        "max_cluster_marker_irregularity": (0.0, math.inf),
    },
    "global-energy-minimization": {
        "pruning": ("isbi24",),
        "beta": (0.0, 1e300),
        "max_iter": (1, 10**9),
        "gamma": (0.0, 1.0),
        "max_seed_distance": (0.0, 15.0),
        "max_work_amount": (math.inf,),
    },
    "postprocess": {
        "max_norm_energy": (math.inf,),
        "max_boundary_eccentricity": (None,),
        "min_contrast": (0.0, math.inf),
        "exterior_scale": (1e-6, math.inf),
        "exterior_offset": (0.0, 0.5, math.inf),
        "contrast_epsilon": (0.0, 1e300),
        "mask_stdamp": (0.0, -1.0, math.inf),
        "mask_max_distance": (0, -3, 50, 2**40),
        "mask_smoothness": (0.0,),
        "min_glare_radius": (0.0,),
    },
}
FACTORS = [("preprocess", "sigma2"), ("dsm", "alpha"), ("dsm", "smooth_amount"), ("global-energy-minimization", "beta")]


def segmented(image, config):
    """Segment, and check what holds for any image."""
    result = superdsm.segment(image, config, profile="published")
    shape = np.shape(image)[:2]
    assert result.labels.shape == shape
    assert np.array_equal(np.unique(result.labels[result.labels > 0]), np.arange(1, len(result.objects) + 1))
    for value in result.fields.values():
        if isinstance(value, np.ndarray) and value.dtype.kind == "f":
            assert np.isfinite(value).all()
    assert all(math.isfinite(item.energy) and item.energy >= 0 for item in result.fields["objects"])
    return result


@pytest.mark.parametrize("shape", SHAPES)
def test_strips_and_tiny_images(shape):
    rows, columns = np.indices(shape)
    spot = np.exp(-((rows - shape[0] / 2) ** 2 + (columns - shape[1] / 2) ** 2) / 200)
    for image in (spot, np.random.default_rng(0).random(shape), np.full(shape, 7.0)):
        segmented(image, {})
        segmented(image, {"AF_scale": 10.0})


@pytest.mark.parametrize(
    ("namespace", "name", "value"),
    [(namespace, name, value) for namespace, rows in EXTREMES.items() for name, row in rows.items() for value in row],
)
def test_extreme_hyperparameters(namespace, name, value):
    for image in (IMAGE, FLAT):
        segmented(image, {"AF_scale": SCALE, namespace: {name: value}})


@pytest.mark.parametrize(("namespace", "name"), FACTORS)
def test_automatic_values_are_checked(namespace, name):
    with pytest.raises(ConfigError, match=f"{namespace}/{name} .*AF_{name} = inf at scale 8") as caught:
        superdsm.segment(IMAGE, {"AF_scale": SCALE, namespace: {f"AF_{name}": math.inf}}, profile="published")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("namespace", "name"),
    [
        ("preprocess", "sigma1"),
        ("dsm", "alpha"),
        ("dsm", "epsilon"),
        ("dsm", "smooth_amount"),
        ("global-energy-minimization", "beta"),
        ("postprocess", "mask_smoothness"),
    ],
)
def test_hyperparameters_that_must_be_finite(namespace, name):
    with pytest.raises(ConfigError, match=f"^{namespace}/{name} = inf .*; expected: "):
        superdsm.segment(IMAGE, {namespace: {name: math.inf}}, profile="published")


@pytest.mark.parametrize(
    "dtype", [np.uint16, ">u2", np.int64, np.uint64, np.float32, np.float64, ">f8", np.longdouble], ids=str
)
def test_any_real_type_gives_the_same_labels(dtype):
    expected = segmented(IMAGE, {"AF_scale": SCALE})
    assert expected.labels.max() > 1
    image = IMAGE.astype(dtype)
    image.setflags(write=False)
    for view in (image, np.asfortranarray(image), np.repeat(image, 2, axis=1)[:, ::2]):
        assert np.array_equal(segmented(view, {"AF_scale": SCALE}).labels, expected.labels)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
@pytest.mark.parametrize("channels", [3, 4])
def test_histological_images(dtype, channels):
    top = 1 if np.dtype(dtype).kind == "f" else np.iinfo(dtype).max
    grey = (top - IMAGE / 255 * top).astype(dtype)
    image = np.dstack([grey] * 3 + [np.full_like(grey, top)] * (channels - 3))
    assert segmented(image, {"AF_scale": SCALE, "histological": True}).labels.max() > 1
    with pytest.raises(ImageError, match="histological"):
        superdsm.segment(grey, {"AF_scale": SCALE, "histological": True})
