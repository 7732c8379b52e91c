"""Every kind of file of docs/formats.md: the pixels that reach the pipeline, or one clear line."""

from pathlib import Path

import numpy as np
import pytest

from superdsm.errors import ImageError
from superdsm.io import read_image
from tests.io.format_cases import KINDS, Kind, table

DOCS = Path(__file__).parents[2] / "docs" / "formats.md"


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_pixels_or_one_line(tmp_path: Path, kind: Kind, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / kind.file
    path.write_bytes(kind.data())
    if isinstance(kind.expected, str):
        with pytest.raises(ImageError) as caught:
            read_image(path, select=kind.select)
        line = str(caught.value)
        assert line.startswith(f"{path}: ") and kind.expected in line
        assert "\n" not in line and "; " in line, "it does not say what to do"
    else:
        image = read_image(path, select=kind.select)
        assert image.shape == kind.expected.shape
        if kind.tolerance:
            assert np.abs(image.astype(float) - kind.expected).max() <= kind.tolerance
        else:
            assert image.dtype == kind.expected.dtype
            assert np.array_equal(image, kind.expected)
    assert capfd.readouterr() == ("", "")


def test_the_table_of_the_documentation() -> None:
    assert len(KINDS) >= 40
    assert table() in DOCS.read_text(encoding="utf-8"), "write it again: python -m tests.io.write_formats"
