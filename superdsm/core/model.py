"""The deformable shape model: energies of regions, and the fits that minimise them (TPAMI 2023, Sec. 3)."""

import dataclasses
import time
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Self

import numpy as np
import numpy.typing as npt
import scipy.ndimage as ndi

from superdsm._ext.model import DeformableModel, EllipticalModel
from superdsm._ext.region_layout import RegionLayout
from superdsm.core import fit_bound
from superdsm.core.objects import EMPTY, cropped


@dataclass(frozen=True, slots=True)
class ModelParams:
    """Resolved hyperparameters of the namespace ``dsm``.

    Attributes
    ----------
    alpha : float
        Weight of the regulariser of the deformations.
    smooth_amount : int
        Standard deviation of the Gaussians of the deformation, in pixels.
    smooth_subsample : int
        Spacing of the Gaussians, in pixels.
    background_margin : int
        Pixels farther than this from the foreground do not belong to a region, in pixels.
    gaussian_shape_multiplier : float
        Half of the side of the truncated Gaussians, in units of ``2 * smooth_amount``.
    epsilon : float
        Smoothness of the regulariser.
    solver : str
        "newton" or "cvxopt".
    cp_timeout : float
        Bound of a single fit, in seconds.
    """

    alpha: float
    smooth_amount: int
    smooth_subsample: int
    background_margin: int
    gaussian_shape_multiplier: float
    epsilon: float
    solver: str
    cp_timeout: float

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Self:
        """Return the hyperparameters that a fit needs, of all those of the namespace ``dsm``."""
        return cls(**{field.name: config[field.name] for field in dataclasses.fields(cls)})


@dataclass(frozen=True, slots=True)
class Fit:
    """A model fitted to a region.

    Attributes
    ----------
    energy : float
        The minimal energy nu.
    is_optimal : bool
        Whether the solver converged (False as well for regions without a model).
    on_boundary : bool
        Whether the polynomial part is positive somewhere on the frame of pixels just outside the image.
    offset : tuple of int
        Row and column of the first pixel of `fragment` in the image.
    fragment : ndarray of bool, 2-D
        The mask ``s > 0`` within the region, cut to its bounding box; shape (0, 0) if empty.
    n_pixels : int
        Size of the region.
    n_params : int
        Number of parameters of the model.
    iterations : int
        Newton iterations, those of the elliptical start included.
    status : str
        "optimal", "timeout", "failed", or "noise" (fewer than two foreground pixels: energy 0 and no mask).
    lower : float or None
        The minimal energy is at least this, see `superdsm.core.fit_bound`; None: not computed.
    """

    energy: float
    is_optimal: bool
    on_boundary: bool
    offset: tuple[int, int]
    fragment: npt.NDArray[np.bool_]
    n_pixels: int
    n_params: int
    iterations: int
    status: str
    lower: float | None = None


@lru_cache(maxsize=16)
def gaussian_kernel(smooth_amount: float, multiplier: float) -> npt.NDArray[np.float64]:
    """Factor of the separable Gaussian of a deformation.

    Parameters
    ----------
    smooth_amount : int
        Standard deviation, in pixels.
    multiplier : float
        Half of the side of the truncated Gaussian, in units of ``2 * smooth_amount``.

    Returns
    -------
    ndarray of float64, odd length
        An impulse filtered with a Gaussian.
    """
    side = round(1 + 4 * smooth_amount * multiplier) | 1
    impulse = np.zeros(side)
    impulse[side // 2] = 1
    return ndi.gaussian_filter1d(impulse, smooth_amount)


def elliptical_energy(y: npt.NDArray[np.float64], omega: npt.NDArray[np.bool_]) -> float:
    """Minimal energy of the elliptical model (no deformation) on a region.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities of a part of the image.
    omega : ndarray of bool, same shape
        The region.

    Returns
    -------
    float
        The energy; 0 if fewer than two pixels of the region have ``y > 0``.
    """
    if not omega.any():
        return 0.0
    region = RegionLayout(y, omega)
    return 0.0 if region.n_foreground < 2 else float(EllipticalModel(region).fit()[1])


def fit(
    y: npt.NDArray[np.float64],
    omega: npt.NDArray[np.bool_],
    offset: tuple[int, int],
    image_shape: tuple[int, int],
    params: ModelParams,
    *,
    bound: bool = False,
) -> Fit:
    """Fit the deformable model to a region.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities of a part of the image.
    omega : ndarray of bool, same shape
        The region.
    offset : tuple of int
        Row and column of ``y[0, 0]`` in the image.
    image_shape : tuple of int
        Shape of the whole image.
    params : ModelParams
    bound : bool
        Whether to bound the minimal energy from below as well.

    Returns
    -------
    Fit
        If the solver does not converge, the elliptical optimum with ``is_optimal`` False.
    """
    region = RegionLayout(y, omega) if omega.any() else None
    if region is None or region.n_foreground < 2:
        return Fit(0.0, False, False, (0, 0), EMPTY, region.n_pixels if region else 0, 0, 0, "noise")
    deadline = time.perf_counter() + params.cp_timeout
    elliptical = EllipticalModel(region)
    fitted: EllipticalModel | DeformableModel = elliptical
    x, energy, status, iterations = elliptical.fit(params.cp_timeout)
    n_centres = 0
    # regions that are not larger than half of the kernel are not deformed, so that no huge one is needed
    if 2 * params.smooth_amount * params.gaussian_shape_multiplier < min(omega.shape):
        kernel = gaussian_kernel(params.smooth_amount, params.gaussian_shape_multiplier)
        deformable = DeformableModel(region, kernel, min(params.smooth_subsample, max(omega.shape)))
        n_centres = deformable.n_centres
    if n_centres and status == "optimal":
        solve = _solve_cvxopt if params.solver == "cvxopt" else _solve_newton
        deformed, deformed_energy, status, further = solve(deformable, x, params, deadline - time.perf_counter())
        iterations += further
        if status == "optimal":
            fitted, x, energy = deformable, deformed, deformed_energy
    start, fragment = cropped(fitted.mask(x).view(bool), offset)
    return Fit(
        energy=max(float(energy), 0.0),
        is_optimal=status == "optimal",
        on_boundary=fitted.positive_on_frame(x, *offset, *image_shape),
        offset=start,
        fragment=fragment,
        n_pixels=region.n_pixels,
        n_params=n_centres + 6,
        iterations=iterations,
        status=status,
        lower=_lower_bound(fitted, x, params, y[omega]) if bound and status == "optimal" else None,
    )


def _lower_bound(fitted, x, params, y):
    return fit_bound.lower_bound(fitted, x, float(np.abs(y).max()), params.alpha, params.epsilon)


def _solve_newton(deformable, q, params, timeout):
    return deformable.fit(q, params.alpha, params.epsilon, timeout)


def _solve_cvxopt(deformable, q, params, timeout):
    from superdsm.core.cone_solver import minimise_cvxopt

    return minimise_cvxopt(deformable, q, params.alpha, params.epsilon, timeout)
