"""Label images and pictures as files."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from superdsm.errors import ImageError
from superdsm.io import read_image, replacing, write_labels, write_rgb
from tests.examples import examples


@settings(deadline=None, max_examples=examples(25))
@given(
    labels=hnp.arrays(np.uint16, hnp.array_shapes(min_dims=2, max_dims=2, max_side=40)),
    suffix=st.sampled_from([".png", ".tif", ".TIFF"]),
)
def test_label_images_survive_writing_with_equal_bytes(
    tmp_path_factory: pytest.TempPathFactory, labels: Any, suffix: str
) -> None:
    folder = tmp_path_factory.mktemp("labels")
    write_labels(folder / f"a{suffix}", labels)
    write_labels(folder / "sub" / f"b{suffix}", labels.astype(np.int64)[::-1][::-1])
    image = read_image(folder / f"a{suffix}")
    assert image.dtype == np.uint16
    assert np.array_equal(image, labels)
    assert (folder / f"a{suffix}").read_bytes() == (folder / "sub" / f"b{suffix}").read_bytes()
    assert sorted(path.name for path in folder.iterdir()) == [f"a{suffix}", "sub"]


def test_more_objects_than_16_bits_hold(tmp_path: Path) -> None:
    labels = np.arange(70_000).reshape(700, 100)
    write_labels(tmp_path / "a.tif", labels)
    assert read_image(tmp_path / "a.tif").dtype == np.uint32
    assert np.array_equal(read_image(tmp_path / "a.tif"), labels)
    with pytest.raises(ImageError, match=r"a\.png: PNG holds at most 65,535 objects, but there are 69,999; write a"):
        write_labels(tmp_path / "a.png", labels)
    write_labels(tmp_path / "b.png", labels.clip(0, 65_535))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tif", "b.png"]


@pytest.mark.parametrize("suffix", [".png", ".tif", ".jpg"])
def test_pictures(tmp_path: Path, suffix: str) -> None:
    array = np.add.outer(np.arange(64), np.arange(80)).astype(np.uint8)
    rgb = np.stack([array, array // 2, 255 - array], axis=-1)
    write_rgb(tmp_path / f"a{suffix}", rgb)
    write_rgb(tmp_path / f"b{suffix}", rgb.copy())
    assert np.abs(read_image(tmp_path / f"a{suffix}").astype(int) - rgb).mean() <= (3 if suffix == ".jpg" else 0)
    assert (tmp_path / f"a{suffix}").read_bytes() == (tmp_path / f"b{suffix}").read_bytes()


def test_other_suffixes_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"a\.jpg: label images are written as \.png, \.tif or \.tiff, not '\.jpg'"):
        write_labels(tmp_path / "a.jpg", np.zeros((2, 2), dtype=int))
    with pytest.raises(ImageError, match=r"a: pictures are written as .* not no suffix"):
        write_rgb(tmp_path / "a", np.zeros((2, 2, 3), dtype=np.uint8))
    assert not list(tmp_path.iterdir())


def test_a_failed_write_leaves_the_earlier_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    path.write_text("earlier")
    with (
        pytest.raises(ImageError, match=r"a\.txt: cannot be written \(No space left on device\)"),
        replacing(path) as new,
    ):
        new.write_text("half")
        raise OSError(28, "No space left on device")
    with pytest.raises(KeyError), replacing(path) as new:
        new.write_text("half")
        raise KeyError
    assert path.read_text() == "earlier"
    assert list(tmp_path.iterdir()) == [path]
    with pytest.raises(ImageError, match=r"cannot be written"):
        write_labels(path / "below-a-file.png", np.zeros((2, 2), dtype=int))
