"""`Result`: what a notebook shows of a segmentation."""

import base64
import re

import imageio.v3 as iio
import numpy as np

import superdsm
from superdsm.testing import synthetic_image


def test_a_notebook_shows_the_picture_and_what_was_found() -> None:
    result = superdsm.segment(synthetic_image(1, (90, 100), n_nuclei=4, radius=9.0)[0])
    html = result._repr_html_()
    found = re.search(r'src="data:image/png;base64,([^"]+)"', html)
    assert found is not None
    assert np.array_equal(iio.imread(base64.b64decode(found[1])), result.overlay())
    assert f"{len(result.objects)} objects" in html and "radius" in html


def test_a_notebook_shows_warnings_as_text_and_unfinished_runs_without_a_picture() -> None:
    image = synthetic_image(1, (90, 100), n_nuclei=4, radius=9.0)[0]
    result = superdsm.segment(image)
    result.warnings.append("<b>dim</b>")
    assert "warning: &lt;b&gt;dim&lt;/b&gt;" in result._repr_html_()
    assert superdsm.segment(image, last="dsm")._repr_html_().startswith("<p>&lt;Result: ")
