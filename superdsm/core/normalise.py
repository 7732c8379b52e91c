"""Robust measures of the intensities of an image: their range, noise, and background."""

import numpy as np
import numpy.typing as npt
from scipy import ndimage

from superdsm.core.filters import gaussian, largest_around
from superdsm.core.resample import interpolated
from superdsm.parallel import Map, serial_map

FloatArray = npt.NDArray[np.float64]

# median of |x| for standard normal x, and norm of the difference operator
NORMAL_MEDIAN = 0.6744897501960817
OPERATOR_NORM = 6.0
ENOUGH = 100_003  # values, for a quantile; the stride should not be a divisor of the number of columns


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
    lower, upper = np.percentile(sample(image), [low, high])
    return float(lower), float(upper)


def sample(values: FloatArray, enough: int = ENOUGH) -> FloatArray:
    """Return some of many values, evenly from all of them: quantiles of these are as good, and much faster.

    Parameters
    ----------
    values : ndarray
        The values.
    enough : int
        How many there are at least, if there are as many.

    Returns
    -------
    ndarray, 1-D
    """
    return values.ravel()[:: max(1, values.size // enough)]


def quantile(values: FloatArray, q: float) -> float:
    """Return what `numpy.quantile` does, in a tenth of the time for few values.

    Parameters
    ----------
    values : ndarray of float64, 1-D
        The values, at least one.
    q : float
        From 0 to 1.

    Returns
    -------
    float
    """
    place = q * (len(values) - 1)
    below = int(place)
    above = min(below + 1, len(values) - 1)
    ordered = np.partition(values, (below, above))
    lower, upper, part = float(ordered[below]), float(ordered[above]), place - below
    # each end is exact, as in NumPy
    return lower + (upper - lower) * part if part < 0.5 else upper - (upper - lower) * (1 - part)


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
    step = max(1, image.size // ENOUGH)  # in large images some rows tell enough
    rows = image[:-2:step] - 2 * image[1:-1:step] + image[2::step]
    both = rows[:, :-2] - 2 * rows[:, 1:-1] + rows[:, 2:]
    return float(np.median(np.abs(both)) / (NORMAL_MEDIAN * OPERATOR_NORM))


def looks_bright_field(image: FloatArray, threshold: float = 0.6) -> bool:
    """Tell whether an image looks like dark objects on bright ground, as in bright-field microscopy.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities.
    threshold : float
        Where the median has to be between the darkest and the brightest hundredth of the pixels: in fluorescence
        images, also in those of dense tissue, it is below 0.4, in stained sections and bright-field images above 0.65.

    Returns
    -------
    bool
    """
    dark, median, bright = np.percentile(sample(image), [1, 50, 99])
    return bool(median - dark > threshold * (bright - dark))


def background(image: FloatArray, radius: float, reach: float) -> FloatArray:
    """Estimate a smooth background: the lowest intensities around each pixel.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities.
    radius : float
        Radius of a typical object, in pixels.
    reach : float
        Width of the square whose lowest mean intensity counts, in radii.

    Returns
    -------
    ndarray of float64, same shape
    """
    step = max(1, int(radius / 4))
    coarse = ndimage.uniform_filter(image, 2 * step + 1)[::step, ::step]
    side = max(3, int(reach * radius / step) | 1)
    lowest = gaussian(-largest_around(-coarse, side // 2), side / 4)
    return interpolated(lowest, *(np.arange(size) / step for size in image.shape))


def typical_amplitude(image: FloatArray, radius: float) -> float:
    """Return how much objects stand out of the background, insensitive to noise and to few very bright objects.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities above the background.
    radius : float
        Radius of a typical object, in pixels.

    Returns
    -------
    float
        Median of the maxima of the smoothed intensities, each counting by its squared height; 0 if there is none.
    """
    smooth = gaussian(image, radius / 3)
    peaks = smooth[(smooth == largest_around(smooth, int(radius))) & (smooth > 0)]
    return weighted_quantile(peaks, limited(peaks**2), 0.5) if peaks.size else 0.0


def normalised(
    image: FloatArray,
    radius: float,
    *,
    smoothing: float,
    background_reach: float,
    amplitude_reach: float,
    least_amplitude: float,
    level: float,
    noise_factor: float,
    offset_scale: float,
    offset_weight: float,
    brightest: float,
    speck_area: float,
    map: Map = serial_map,  # noqa: A002 - the name of the seam for parallelism
) -> FloatArray:
    """Turn intensities to a measure of foreground that treats dim and bright objects alike.

    The amplitude is the brightness of the brightest object nearby above the background. The result is the distance of
    the intensity from a threshold in units of the amplitude. The threshold is a fraction of the amplitude, but never
    below the noise or the local mean, which separates objects that touch. Shifting or scaling the intensities changes
    nothing.

    Parameters
    ----------
    image : ndarray of float64, shape (rows, columns)
        Intensities.
    radius : float
        Radius of a typical object, in pixels.
    smoothing : float
        Standard deviation of the denoising Gaussian, in pixels.
    background_reach : float
        See `background`.
    amplitude_reach : float
        How far around a pixel the brightest object is looked for, in scales (radius / sqrt(2)).
    least_amplitude : float
        Lower bound of the amplitude, as a fraction of that of typical objects.
    level : float
        The threshold, as a fraction of the amplitude.
    noise_factor : float
        The threshold is at least this many standard deviations of the noise.
    offset_scale : float
        Standard deviation of the Gaussian of the local mean, in scales.
    offset_weight : float
        The threshold is at least the local mean times this.
    brightest : float
        Intensities above this many typical amplitudes are cut off.
    speck_area : float
        Foreground that is smaller than this fraction of a typical object becomes background.
    map : superdsm.parallel.Map, optional
        For parallelism; the outcome does not depend on it.

    Returns
    -------
    ndarray of float64, same shape
        Positive in the foreground; from `LOWEST` to `HIGHEST`. All negative if nothing stands out.
    """
    scale = radius / np.sqrt(2)
    smooth = gaussian(image, smoothing, map)
    noise = float(np.median(np.abs(sample(smooth - gaussian(smooth, radius / 3, map))))) / NORMAL_MEDIAN
    height = smooth - background(smooth, radius, background_reach)
    typical = typical_amplitude(height, radius)
    if not typical > 0:
        return np.full(image.shape, LOWEST)
    bounded = np.minimum(height, brightest * typical)
    amplitude = gaussian(largest_around(bounded, int(amplitude_reach * scale)), scale, map)
    np.maximum(amplitude, least_amplitude * typical, out=amplitude)
    threshold = np.maximum(level * amplitude, noise_factor * noise)
    if offset_weight > 0:
        np.maximum(threshold, offset_weight * gaussian(bounded, offset_scale * scale, map), out=threshold)
    y = ((height - threshold) / amplitude).clip(LOWEST, HIGHEST)
    return without_specks(y, speck_area * np.pi * radius**2)


LOWEST, HIGHEST = -1.0, 1.5  # what is far from the threshold is not more certain for being farther


def without_specks(y: FloatArray, least_area: float) -> FloatArray:
    """Turn small components of the foreground to background.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Positive in the foreground.
    least_area : float
        Components of fewer pixels change their sign.

    Returns
    -------
    ndarray of float64, same shape
    """
    components, _ = ndimage.label(y > 0)
    small = np.bincount(components.ravel()) < least_area
    small[0] = False
    return np.where(small[components], -y, y)


def limited(weights: FloatArray, share: float = 0.3) -> FloatArray:
    """Cut large weights off, so that none has more than a share of the total; equal ones may.

    Parameters
    ----------
    weights : ndarray of float64, 1-D
        Not negative.
    share : float
        The share.

    Returns
    -------
    ndarray of float64, 1-D
    """
    ascending = np.sort(weights)
    below = np.cumsum(ascending) - ascending
    above = len(weights) - np.arange(len(weights))
    # if the weights from the k-th on are cut to the same c, then c = share * (what is below + their number * c)
    fits = ascending * (1 - share * above) <= share * below
    last = int(np.flatnonzero(fits)[-1]) if fits.any() else 0
    if last == len(weights) - 1:
        return weights
    rest = 1 - share * (len(weights) - 1 - last)
    cut = share * (below[last] + ascending[last]) / rest if rest > 0 else ascending[last]
    return np.asarray(np.minimum(weights, max(cut, ascending[last])), np.float64)


def weighted_quantile(values: FloatArray, weights: FloatArray, q: float) -> float:
    """Return the smallest value such that the values up to it have a fraction `q` of the total weight."""
    order = np.argsort(values, kind="stable")
    sums = np.cumsum(weights[order])
    return float(values[order][min(np.searchsorted(sums, q * sums[-1]), len(values) - 1)])
