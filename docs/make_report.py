"""Make the pictures of ``docs/report.md``: a report of synthetic images, three of which went wrong.

Run it in the root of the repository, where playwright and a Chromium are installed: ``python docs/make_report.py``.
"""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from playwright.sync_api import sync_playwright
from scipy.ndimage import gaussian_filter

from superdsm.io import write_labels
from superdsm.testing import synthetic_image

SHAPE = (160, 160)
COUNT = 60
TASK = {
    "runnable": True,
    "img_pathpattern": "{ROOTDIR}/images/%s.png",
    "seg_pathpattern": "labels/%s.tif",
    "file_ids": {"glob": "*"},
    "config": {"profile": "adaptive"},
}


def image(number: int) -> np.ndarray:
    """Return an image; one is out of focus, one of another magnification, and one of an empty well."""
    if number == 17:
        return gaussian_filter(synthetic_image(number, SHAPE, n_nuclei=24, radius=7.0, clustering=0.2)[0], 4)
    if number == 31:
        return synthetic_image(number, SHAPE, n_nuclei=4, radius=20.0)[0]
    if number == 48:
        return np.random.default_rng(number).normal(60, 4, SHAPE).astype(np.uint8)
    return synthetic_image(number, SHAPE, n_nuclei=24, radius=7.0, clustering=0.2)[0]


with tempfile.TemporaryDirectory() as directory:
    root = Path(directory) / "screen"
    for number in range(COUNT):
        write_labels(root / "images" / f"{'ABCDEF'[number // 10]}{number % 10 + 1:02d}.png", image(number))
    (root / "task.json").write_text(json.dumps(TASK), encoding="utf-8")
    command = shutil.which("superdsm") or str(Path(sys.executable).with_name("superdsm"))
    subprocess.run([command, "batch", str(root), "--run", "--quiet"], check=True)
    subprocess.run([command, "report", str(root)], check=True)
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1200, "height": 820})
        page.goto((root / "report.html").as_uri())
        page.screenshot(path="docs/report.png")
        page.click("#first .card:nth-child(2)")
        page.wait_for_timeout(500)
        page.screenshot(path="docs/report-view.png")
        browser.close()
