"""Seconds and megabytes of the exports of many objects: ``python benchmarks/exports.py [OBJECTS]``."""

import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from superdsm.core.objects import Object
from superdsm.io.exporters import EXPORTERS, export
from superdsm.records import ExportContext

PITCH = 18
RADIUS = 8


def main(count: int) -> None:
    """Export disks with rough edges, in a square of them."""
    side = int(np.ceil(np.sqrt(count)))
    rng = np.random.default_rng(0)
    rows, columns = np.ogrid[-RADIUS : RADIUS + 1, -RADIUS : RADIUS + 1]
    masks = []
    for _ in range(50):
        mask = rows**2 + columns**2 <= (RADIUS - 1 + rng.random((2 * RADIUS + 1,) * 2)) ** 2
        masks.append(mask)
    objects = [
        Object((n + 1,), 1.0, True, False, (n // side * PITCH, n % side * PITCH), masks[n % 50], 500, confidence=0.9)
        for n in range(count)
    ]
    image = rng.integers(0, 4000, (side * PITCH, side * PITCH)).astype(np.uint16)
    fields = {"image": image, "g_raw": image / 4000, "postprocessed_objects": objects}
    print(f"{count:,} objects, {image.shape[0]} x {image.shape[1]} px")
    for exporter in EXPORTERS:
        if exporter.name in ("geojson", "rois", "coco", "ome", "ctc", "seg", "overlay"):
            if exporter.name == "ctc" and count > 65_535:
                continue
            with tempfile.TemporaryDirectory() as directory:
                path = Path(directory) / (exporter.named("a", 0) if exporter.name != "seg" else "a.tif")
                wall, processor = time.perf_counter(), time.process_time()
                export(exporter, path, fields, ExportContext("a", {}, {}, pixel_size=(0.5, 0.5)))
                wall, processor = time.perf_counter() - wall, time.process_time() - processor
                size = path.stat().st_size / 1e6
                print(f"{exporter.name:8} {processor:6.1f} s of processor, {wall:6.1f} s, {size:.0f} MB")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else 200_000)
