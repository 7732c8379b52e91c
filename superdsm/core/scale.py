"""Estimation of the scale of an image by blob detection (TPAMI 2023, Sec. 3.1; determinant of the Hessian)."""

import functools
import math

import numpy as np
import numpy.typing as npt
from scipy.spatial import cKDTree

from superdsm._ext.blobs import PADDING, integral, maxima
from superdsm.core.filters import gaussian_weights
from superdsm.parallel import Map, serial_map

RADII = np.linspace(20, 200, 10)
SIGMAS = np.concatenate([[RADII[0] / np.sqrt(2) / 2], RADII / np.sqrt(2)])
THRESHOLD = 0.01
MAX_OVERLAP = 0.5
BAND = 64  # rows per item of work

# The sign of the Laplacian of Gaussian (LoG) is taken from low frequencies only, up to CUTOFFS (radians per pixel). The
# errors are mostly the side lobes of the Gaussian, which is truncated, so that they fall with the frequency. Where the
# LoG is below MARGINS, its sign is computed exactly, if it matters. The margins are 1.5 times the errors of stripes,
# steps and noise, and more than twice those of images of cells.
CUTOFFS = np.minimum(6 / SIGMAS[1], 16 / SIGMAS)
MARGINS = (1.5e-3 / (CUTOFFS * SIGMAS**3)).astype(np.float32)
FIRST = 1  # the smallest scale has few determinants above the threshold: its signs are computed from the kernel


def estimate_scale(g_raw: npt.NDArray[np.float64], map: Map = serial_map) -> float | None:  # noqa: A002 - named after the built-in
    """Estimate the scale of the objects: their typical radius divided by sqrt(2).

    Parameters
    ----------
    g_raw : ndarray of float64, shape (rows, columns)
        Intensities in [0, 1].
    map : callable, optional
        Applies a function to items, possibly in several threads.

    Returns
    -------
    float or None
        The scale in pixels; None if there is no blob.
    """
    radii = blobs(g_raw, map)[:, 2] * np.sqrt(2)
    if radii.size == 0:
        return None
    median = np.median(radii)
    deviation = np.abs(radii - median).mean()
    typical = radii[(median - deviation <= radii) & (radii <= median + deviation)]
    return float(typical.mean() / np.sqrt(2))


def blobs(g_raw: npt.NDArray[np.float64], map: Map = serial_map) -> npt.NDArray[np.float64]:  # noqa: A002
    """Detect blobs and drop those that overlap larger ones, and those of the smallest scale.

    Parameters
    ----------
    g_raw : ndarray of float64, shape (rows, columns)
        Intensities in [0, 1].
    map : callable, optional
        Applies a function to items, possibly in several threads.

    Returns
    -------
    ndarray of float64, shape (blobs, 3)
        Row, column and standard deviation of the Gaussian of each blob, in pixels, strongest first.
    """
    peaks = local_maxima(clipped(g_raw), map)
    points = np.column_stack([peaks[:, 0], peaks[:, 1], SIGMAS[peaks[:, 2]]])
    points = points[~overlapping(points)]
    return points[points[:, 2] > SIGMAS[0]]


def clipped(g_raw):
    """Clip to one standard deviation around the mean, and scale to [0, 1] (all zero for constant images)."""
    mean, std = g_raw.mean(), g_raw.std()
    low, high = g_raw.min(), g_raw.max()
    image = g_raw.clip(max(mean - std, low), min(mean + std, high))
    image -= image.min()
    maximum = image.max()
    if maximum > 0:
        image /= maximum
    return image


def local_maxima(image, map=serial_map):  # noqa: A002
    """Find the local maxima of the determinant of the Hessian over positions and scales.

    The determinant counts as 0 where the LoG is not negative.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities in [0, 1].
    map : callable, optional
        Applies a function to items, possibly in several threads.

    Returns
    -------
    ndarray of intp, shape (maxima, 3)
        Rows, columns and indices into `SIGMAS`, strongest first.
    """
    rows = image.shape[0]
    lengths, kernels, radii = filters()
    sums = integral(image, int(lengths.max()) // 2 + 2)
    spectrum = LaplacianSpectrum(image)

    def work(first):
        return maxima(
            image,
            sums,
            lengths,
            kernels,
            radii,
            spectrum.waves,
            spectrum.coefficients,
            spectrum.sizes,
            MARGINS,
            first,
            min(first + BAND, rows),
            THRESHOLD,
        )

    found = np.concatenate(map(work, range(0, rows, BAND)))
    found = found[np.lexsort([found["level"], found["col"], found["row"], -found["strength"]])]
    return np.column_stack([found["row"], found["col"], found["level"]]).astype(np.intp)


@functools.cache
def filters():
    """Sides of the boxes, kernels of the LoG and their radii, for all of `SIGMAS`; as `maxima` wants them."""
    radii = np.array([len(gaussian_weights(sigma)) // 2 for sigma in SIGMAS], np.intp)
    kernels = np.zeros((2, len(SIGMAS), 2 * radii.max() + 1 + PADDING))
    for k, (sigma, radius) in enumerate(zip(SIGMAS, radii, strict=True)):
        for order in (0, 2):
            kernels[order // 2, k, : 2 * radius + 1] = gaussian_weights(sigma, order)
    return (3 * SIGMAS).astype(np.intp), kernels, radii


def overlapping(points):
    """Tell which blobs overlap a larger one by more than half of their area.

    The order of the pairs matters, as a blob that is dropped drops nobody: it is that of the set of
    `scipy.spatial.cKDTree.query_pairs`.

    Parameters
    ----------
    points : ndarray of float64, shape (blobs, 3)
        Rows, columns, standard deviations.

    Returns
    -------
    ndarray of bool, shape (blobs,)
    """
    dropped = np.zeros(len(points), bool)
    if len(points) == 0:
        return dropped
    sigma = points[:, 2]
    for i, j in cKDTree(points[:, :2]).query_pairs(2 * np.sqrt(2) * sigma.max()):
        if dropped[i] or dropped[j]:
            continue
        distance = np.hypot(points[i, 0] - points[j, 0], points[i, 1] - points[j, 1])
        if common_area(distance, sigma[i] * np.sqrt(2), sigma[j] * np.sqrt(2)) > MAX_OVERLAP:
            dropped[j if sigma[i] > sigma[j] else i] = True
    return dropped


def common_area(distance, radius1, radius2):
    """Area of the intersection of two disks, as a fraction of the smaller disk's area."""
    if distance >= radius1 + radius2:
        return 0.0
    if distance <= abs(radius1 - radius2):
        return 1.0
    square1, square2, square = radius1 * radius1, radius2 * radius2, distance * distance
    angle1 = math.acos(min(1.0, max(-1.0, (square + square1 - square2) / (2 * distance * radius1))))
    angle2 = math.acos(min(1.0, max(-1.0, (square + square2 - square1) / (2 * distance * radius2))))
    sides = (radius1 + radius2 - distance, distance + radius1 - radius2, distance - radius1 + radius2)
    kite = math.sqrt(abs(math.prod(sides) * (distance + radius1 + radius2))) / 2
    return (square1 * angle1 + square2 * angle2 - kite) / (math.pi * min(square1, square2))


class LaplacianSpectrum:
    """The low frequencies of an image's Laplacian of Gaussian (LoG), for the value at any pixel.

    With reflection at the borders, the discrete cosine transform makes the filter a product.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        The image.

    Attributes
    ----------
    waves : ndarray of float32, shape (rows, n)
        Waves along the columns of the image.
    coefficients : ndarray of float32
        For each of `SIGMAS`, what the waves are multiplied with, shape (columns, size); all in one array.
    sizes : ndarray of intp, shape (sigmas,)
        Numbers of waves, multiples of 16; 0 at first, where there is no approximation.
    """

    def __init__(self, image):
        rows, columns = image.shape
        self.columns = columns
        n, m = low_frequencies(rows, FIRST), low_frequencies(columns, FIRST)
        self.waves, across = cosines(rows, n), cosines(columns, m)
        spectrum = (self.waves.T @ image.astype(np.float32) @ across)[:n, :m]
        spectrum *= (4 / (rows * columns)) * np.outer(half_first(n), half_first(m))
        parts = []
        for level in range(FIRST, len(SIGMAS)):
            sigma, n, m = SIGMAS[level], low_frequencies(rows, level), low_frequencies(columns, level)
            (a0, a2), (b0, b2) = transfer(rows, n, sigma), transfer(columns, m, sigma)
            part = np.zeros((m, padded(n)), np.float32)
            part[:, :n] = (spectrum[:n, :m] * (np.outer(a0, b2) + np.outer(a2, b0))).T
            parts.append(across[:, :m] @ part)
        self.coefficients = np.concatenate([part.ravel() for part in parts])
        self.sizes = np.array([0] * FIRST + [part.shape[1] for part in parts], np.intp)

    def part(self, level):
        """What the waves are multiplied with for `SIGMAS[level]`: ndarray of float32, shape (columns, size)."""
        ends = np.cumsum(self.columns * self.sizes)
        return self.coefficients[ends[level] - self.columns * self.sizes[level] : ends[level]].reshape(self.columns, -1)


def low_frequencies(size, level):
    """Return how many frequencies of the cosine transform of `size` values are used for a level."""
    return min(size, int(CUTOFFS[level] * size / np.pi) + 2)


def padded(n):
    """Round up to a multiple of the vectors of the kernel."""
    return -(-n // 16) * 16


def half_first(n):
    """Weights of the inverse cosine transform."""
    return np.where(np.arange(n) == 0, 0.5, 1).astype(np.float32)


@functools.lru_cache(maxsize=4)
def cosines(size, n):
    """Return the first `n` waves of the cosine transform (DCT-II), and some more, as columns: float32."""
    n = padded(n)
    table = np.cos(np.arange(4 * size) * (np.pi / (2 * size))).astype(np.float32)
    waves = table[np.outer(2 * np.arange(size, dtype=np.int32) + 1, np.arange(n, dtype=np.int32)) % (4 * size)]
    waves.flags.writeable = False
    return waves


@functools.lru_cache(maxsize=64)
def transfer(size, n, sigma):
    """Factors of the first `n` frequencies that a Gaussian and its second derivative apply to `size` values."""
    k0, k2 = gaussian_weights(sigma), gaussian_weights(sigma, order=2)
    radius = len(k0) // 2
    waves = 2 * np.cos(np.outer(np.arange(n), np.arange(radius + 1)) * (np.pi / size))
    waves[:, 0] = 1
    return waves @ k0[radius:], waves @ k2[radius:]
