"""Robust measures of the intensities of an image: their range, noise, and background."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float64]

# median of |x| for standard normal x, and norm of the difference operator
NORMAL_MEDIAN = 0.6744897501960817
OPERATOR_NORM = 6.0


def robust_range(image: FloatArray, low: float = 1.0, high: float = 99.9) -> tuple[float, float]:
    """Return the intensities between which nearly all pixels are.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities.
    low, high : float
        Percentages of the pixels below the two intensities.

    Returns
    -------
    low, high : float
        Equal if the image is (nearly) constant.
    """
    lower, upper = np.percentile(image, [low, high])
    return float(lower), float(upper)


def noise_level(image: FloatArray) -> float:
    """Estimate the standard deviation of white noise, insensitive to edges and ramps.

    The image is filtered with the difference of two Laplacians (Immerkaer, Fast Noise Variance Estimation, CVIU 64(2),
    1996), but the median of the absolute values takes the place of the mean, so that textured objects do not count.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities.

    Returns
    -------
    float
        In units of the intensities; 0 for images of less than three rows or columns.
    """
    if min(image.shape) < 3:
        return 0.0
    rows = image[:-2] - 2 * image[1:-1] + image[2:]
    both = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.median(np.abs(both)) / (NORMAL_MEDIAN * OPERATOR_NORM))
