"""Files of vendors, written by the tests: what is there, which pixels are read, and that they can be segmented."""

import pickle
from pathlib import Path

import numpy as np
import pytest
from superdsm_bioio import plugin
from superdsm_bioio.formats import FORMATS
from superdsm_bioio.source import open_image
from written import write_czi, write_lif, write_nd2

import superdsm
from superdsm import ImageError, Reader
from superdsm.io import Selection
from superdsm.io import open_image as open_any
from superdsm.testing import synthetic_image

BY_NAME = {one.name: one for one in FORMATS}
MODULES = {"czi": ("bioio", "bioio_czi", "pylibCZIrw"), "nd2": ("bioio", "bioio_nd2"), "lif": ("bioio", "bioio_lif")}
CHANNELS = {"czi": ["DAPI", "GFP"], "nd2": ["DAPI", "GFP"], "lif": ["Blue", "Green"]}
SHAPE = (80, 96)


def planes() -> np.ndarray:
    """Two channels and three z; nuclei in the first channel, in focus in the middle."""
    nuclei = synthetic_image(4, SHAPE, n_nuclei=5, radius=9.0)[0].astype(np.uint16)
    rng = np.random.default_rng(0)
    found = rng.integers(0, 9, (2, 3, *SHAPE)).astype(np.uint16)
    found[0] += 40 * nuclei
    found[0, 1] += 10 * nuclei
    return found


@pytest.fixture(params=sorted(MODULES))
def written(request, tmp_path):
    """Name of the format, and a file in it."""
    name = request.param
    for module in MODULES[name]:
        pytest.importorskip(module, reason=f"{module} is not installed: {name.upper()} files cannot be tested")
    path = tmp_path / f"1.{name}"
    if name == "czi":
        write_czi(path, planes(), CHANNELS[name], (0.5, 0.325))
    elif name == "nd2":
        write_nd2(path, planes(), CHANNELS[name], 0.325)
    else:
        write_lif(path, {"first": planes(), "second": planes()[:, :, ::-1]}, CHANNELS[name], (0.5, 0.325))
    return name, path


def test_what_is_there(written):
    name, path = written
    source = open_image(path, BY_NAME[name])
    assert source.sizes == ({"S": 2} if name == "lif" else {}) | {"C": 2, "Z": 3, "Y": SHAPE[0], "X": SHAPE[1]}
    assert source.channels == tuple(CHANNELS[name])
    assert source.pixel_size == pytest.approx((0.325 if name == "nd2" else 0.5, 0.325))
    assert source.dtype == "uint16" and not source.is_colour and not source.notes


def test_every_plane(written):
    name, path = written
    scene = {"scene": 0} if name == "lif" else {}
    source = open_image(path, BY_NAME[name])
    for channel in (0, 1):
        for z in range(3):
            found = source.read(Selection(channel=channel, z=z, **scene))
            np.testing.assert_array_equal(found, planes()[channel, z])
    largest = source.read(Selection(channel=CHANNELS[name][0].lower(), z="max", **scene))
    np.testing.assert_array_equal(largest, planes()[0].max(axis=0))
    with pytest.raises(ImageError, match="is a stack"):
        source.read()
    if name == "lif":
        other = source.read(Selection(channel=1, z=2, scene=1))
        np.testing.assert_array_equal(other, planes()[1, 2, ::-1])


def test_scenes_of_different_sizes(tmp_path):
    pytest.importorskip("bioio_lif", reason="bioio_lif is not installed: LIF files cannot be tested")
    path = tmp_path / "a.lif"
    write_lif(path, {"first": planes(), "second": planes()[:, :1, :50]}, CHANNELS["lif"], (0.5, 0.5))
    source = open_image(path, BY_NAME["lif"])
    assert source.notes == (f"its 2 scenes have different sizes; the first has {SHAPE[0]} x {SHAPE[1]} px",)
    np.testing.assert_array_equal(source.read(Selection(channel=0, z=0, scene=1)), planes()[0, 0, :50])
    with pytest.raises(ImageError, match="scene 1 has only 1 Z planes"):
        source.read(Selection(channel=0, z=2, scene=1))


def test_damaged_files_are_one_line(written):
    name, path = written
    whole = path.read_bytes()
    for content in (b"", b"not a microscope file at all", whole[: len(whole) // 2]):
        path.write_bytes(content)
        with pytest.raises(ImageError) as caught:
            source = open_image(path, BY_NAME[name])
            for channel in (0, 1):
                for z in range(3):
                    found = source.read(Selection(channel=channel, z=z, scene=0 if name == "lif" else None))
                    np.testing.assert_array_equal(found, planes()[channel, z])
        assert f"{path}: " in str(caught.value) and "\n" not in str(caught.value)


def test_through_superdsm(written, superdsm_plugin, superdsm_batch):
    """The reader is found by the suffix, is chosen a plane of, and works in a task."""
    name, path = written
    status = superdsm_plugin(plugin)
    assert status.offers == {"readers": [f"bioio-{one.name}" for one in FORMATS]}
    assert open_any(path).sizes["C"] == 2
    chosen = {"channel": CHANNELS[name][0], "z": "best-focus"} | ({"scene": 0} if name == "lif" else {})
    patterns = {"img_pathpattern": str(path.with_name(f"%d.{name}")), "seg_pathpattern": "%d.tif"}
    directory = superdsm_batch({**patterns, **chosen})
    expected = superdsm.segment(planes()[0, 1], {"AF_scale": 6}, profile="published").labels
    assert expected.max() > 0
    labels = open_any(directory / "1.tif")
    np.testing.assert_array_equal(labels.read(), expected)
    assert labels.pixel_size == pytest.approx((0.325 if name == "nd2" else 0.5, 0.325))


def test_readers_travel_to_workers_and_import_nothing_of_bioio():
    readers = plugin.superdsm_register_readers()
    assert all(isinstance(reader, Reader) for reader in readers)
    suffixes = [suffix for reader in readers for suffix in reader.suffixes]
    assert len(set(suffixes)) == len(suffixes) and all(suffix == suffix.lower() for suffix in suffixes)
    assert [one.name for one in pickle.loads(pickle.dumps(readers))] == [one.name for one in readers]


def test_a_package_that_is_missing_is_named(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "bioio_dv", None)
    path = Path(tmp_path / "a.dv")
    path.write_bytes(b"x")
    with pytest.raises(ImageError, match=r"need the package bioio-dv; install it: pip install 'superdsm-bioio\[dv\]'"):
        open_image(path, BY_NAME["dv"])
