"""Outlines in files, as people and programs leave them, back to label images."""

import json
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from superdsm import ImageError

Rings = list[npt.NDArray[np.float64]]  # of an object: x and y of the corners of each ring, shape (n, 2)


def read_outlines(path: Path) -> Iterator[tuple[int, Rings]]:
    """Yield the objects of a GeoJSON file, or of a zip of ROIs of ImageJ, each with its label.

    The label of an object is the property ``label`` of a feature, or the name of a ROI, if all have different ones;
    otherwise objects are numbered.

    Parameters
    ----------
    path : Path
        The file, by suffix.

    Raises
    ------
    ImageError
        The file cannot be read.
    """
    try:
        found = list(_rois(path) if path.suffix.lower() == ".zip" else _features(path))
    except (OSError, ValueError, KeyError, TypeError, IndexError, zipfile.BadZipFile) as exc:
        raise ImageError(f"{path}: has no outlines that can be read ({exc}); give GeoJSON, or a zip of ROIs") from exc
    labels = [label for label, _ in found]
    named = all(label > 0 for label in labels) and len(set(labels)) == len(labels)
    for number, (label, rings) in enumerate(found, 1):
        yield (label if named else number), rings


def _features(path: Path) -> Iterator[tuple[int, Rings]]:
    content = json.loads(path.read_text(encoding="utf-8"))
    features = content["features"] if isinstance(content, dict) else content
    for feature in features:
        geometry = feature["geometry"]
        if geometry["type"] not in ("Polygon", "MultiPolygon"):
            continue
        polygons = [geometry["coordinates"]] if geometry["type"] == "Polygon" else geometry["coordinates"]
        label = feature.get("properties", {}).get("label", 0)
        rings = [np.array(ring[:-1], np.float64) for polygon in polygons for ring in polygon]
        yield (label if isinstance(label, int) else 0), rings


def _rois(path: Path) -> Iterator[tuple[int, Rings]]:
    from roifile import ImagejRoi

    with zipfile.ZipFile(path) as archive:
        for entry in archive.namelist():
            roi = ImagejRoi.frombytes(archive.read(entry))
            rings = [np.asarray(ring, np.float64) for ring in roi.coordinates(multi=True)]
            yield (int(roi.name) if roi.name.isdecimal() else 0), rings


def rasterise(objects: Iterable[tuple[int, Sequence[Any]]], shape: tuple[int, int]) -> npt.NDArray[np.int32]:
    """Return the label image of outlines: a pixel belongs to an object if its centre is within an odd number of rings.

    Parameters
    ----------
    objects : iterable of (int, sequence of ndarray)
        Label and rings of each object; of objects that overlap, the last one has the pixel.
    shape : tuple of int
        Rows and columns of the image.

    Returns
    -------
    ndarray of int32, shape `shape`
    """
    from skimage.measure import grid_points_in_poly

    labels = np.zeros(shape, np.int32)
    for label, rings in objects:
        corners = np.concatenate([np.asarray(ring, np.float64) for ring in rings])
        low = np.clip(np.floor(corners.min(axis=0)).astype(int), 0, (shape[1], shape[0]))
        high = np.clip(np.ceil(corners.max(axis=0)).astype(int), low, (shape[1], shape[0]))
        columns, rows = (high - low).tolist()
        inside = np.zeros((rows, columns), bool)
        for ring in rings if inside.size else ():
            vertices = (np.asarray(ring, np.float64) - low - 0.5)[:, ::-1]
            inside ^= grid_points_in_poly((rows, columns), vertices)
        labels[low[1] : high[1], low[0] : high[0]][inside] = label
    return labels
