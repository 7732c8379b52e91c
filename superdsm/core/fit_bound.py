"""How far the energy of a fit is from the minimum at most, by duality.

Let psi(x) = sum_i log(1 + exp(-y_i (A x)_i)) + sum_j r(xi_j) be the energy, with r(t) = alpha (sqrt(t^2 + epsilon) -
sqrt(epsilon)), H_d the Hessian of the first sum at x, H that of psi, and c the Newton step, H c = -grad psi(x). If

    |y_i (A c)_i| <= 1 for all pixels i, and |v_j| <= alpha for v = r'(xi) + r''(xi) c_xi,

then psi(x) - inf psi <= c' H_d c + sum_j (r(xi_j) + r*(v_j) - xi_j v_j), where r* is the convex conjugate of r. This is
about the squared Newton decrement c' H c.

Proof. For every p in [0, 1]^pixels with A'(p y) = (0, v), v_j in the domain of r*, weak duality says inf psi >=
sum_i h(p_i) - sum_j r*(v_j) with the entropy h(p) = -p log p - (1-p) log(1-p). Take p_i = q_i - w_i y_i (A c)_i with
q_i = 1 / (1 + exp(y_i (A x)_i)) and w_i = q_i (1 - q_i): it is in [0, 1] by the first condition, and A'(p y) =
-grad_d - H_d c = (0, v) by the definition of c. As log((1-q)/q) = y s, and as the relative entropy of two Bernoulli
variables is at most their chi-squared distance, h(p_i) >= h(q_i) - y_i s_i w_i y_i (A c)_i - w_i (y_i (A c)_i)^2.
Summing up, the terms in x cancel but for those in xi.
"""

import numpy as np
import numpy.typing as npt
from scipy.linalg import LinAlgError, cho_factor, cho_solve

from superdsm._ext.model import Model

ROUNDING = 4 * np.finfo(float).eps  # of the sums over the pixels, relative to the energy and per doubling of pixels


def gap_bound(
    y_max: float,
    xi: npt.NDArray[np.float64],
    gradient: npt.NDArray[np.float64],
    hessian: npt.NDArray[np.float64],
    alpha: float,
    epsilon: float,
) -> float:
    """Bound the difference of the energy at some parameters and its infimum.

    Parameters
    ----------
    y_max : float
        Largest absolute intensity of the region.
    xi : ndarray of float64, shape (n_xi,)
        The parameters of the deformation; the last six of the parameters, those of the polynomial, are not needed.
    gradient, hessian : ndarray of float64, shapes (n_xi + 6,) and (n_xi + 6, n_xi + 6)
        Derivatives of the energy at the parameters. The six polynomials and the rows of the deformation are at most 1
        in absolute value and in absolute sum.
    alpha, epsilon : float
        The regulariser.

    Returns
    -------
    float
        Infinite if the conditions of the theorem do not hold, as on separable data.
    """
    try:
        step = -cho_solve(cho_factor(hessian, lower=True, check_finite=False), gradient, check_finite=False)
    except LinAlgError:
        return float(np.inf)
    n = len(xi)
    c = step[:n]
    # the polynomials and the weighted means of the deformation are at most 1 in the coordinates of the region
    reach = y_max * (np.abs(step[n:]).sum() + np.abs(c).max(initial=0.0))
    root = np.sqrt(xi * xi + epsilon)
    curvature = alpha * epsilon / root**3
    m = xi / root + epsilon / root**3 * c  # v / alpha
    if not reach <= 1 or not np.all(np.abs(m) <= 1):
        return float(np.inf)
    data = max(0.0, -float(gradient @ step) - float(curvature @ (c * c)))
    # r(xi) + r*(v) - xi v without cancellation: alpha root (1 - m m0 - sqrt(1 - m^2) sqrt(1 - m0^2)) is a cosine law
    m0, rest, rest0 = xi / root, np.sqrt(1 - m * m), np.sqrt(epsilon) / root
    regulariser = alpha * root * ((m - m0) ** 2 + (rest - rest0) ** 2) / 2
    return data + float(regulariser.sum())


def lower_bound(model: Model, x: npt.NDArray[np.float64], y_max: float, alpha: float, epsilon: float) -> float:
    """Bound the minimal energy of a region from below.

    Parameters
    ----------
    model : superdsm._ext.model.Model
        The model on a region that `x` was fitted with.
    x : ndarray of float64, shape (n_xi + 6,)
        Parameters, near to the optimal ones.
    y_max : float
        Largest absolute intensity of the region.
    alpha, epsilon : float
        The regulariser.

    Returns
    -------
    float
        At least 0, which is a bound for every region.
    """
    energy, gradient, hessian = model.derivatives(x, alpha, epsilon)
    gap = gap_bound(y_max, x[: len(x) - 6], gradient, hessian, alpha, epsilon)
    rounding = ROUNDING * max(1, model.layout.n_pixels).bit_length() * max(1.0, energy)
    return max(0.0, float(energy - gap - rounding))
