"""The deformable model through a general cone solver, with a stored matrix: for cross-checks and as a baseline."""

import time

import numpy as np
import scipy.sparse as sparse
from scipy.special import expit


class _OutOfTimeError(Exception):
    pass


def smooth_matrix(mask, kernel, centres):
    """Return the matrix G of a compacted region mask (TPAMI 2023, Sec. 3.2).

    Parameters
    ----------
    mask : ndarray of bool, shape (rows, columns)
        The region, without empty rows and columns.
    kernel : ndarray of float64, odd length
        Factor of the separable Gaussian.
    centres : ndarray of int, shape (n, 2)
        Positions of the Gaussians.

    Returns
    -------
    scipy.sparse.csr_matrix of float64, shape (pixels, n)
        Rows in raster order, each with sum 1.
    """
    half = kernel.size // 2
    index = np.full(mask.shape, -1)
    index[mask] = np.arange(np.count_nonzero(mask))
    rows, columns, values = [], [], []
    for j, (r, c) in enumerate(centres):
        r0, r1, c0, c1 = max(0, r - half), r + half + 1, max(0, c - half), c + half + 1
        pixels = index[r0:r1, c0:c1]
        patch = np.outer(kernel[r0 - r + half :][: pixels.shape[0]], kernel[c0 - c + half :][: pixels.shape[1]])
        rows.append(pixels[pixels >= 0])
        values.append(patch[pixels >= 0])
        columns.append(np.full(rows[-1].size, j))
    shape = (np.count_nonzero(mask), len(centres))
    G = sparse.csr_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns))), shape)
    total = np.asarray(G.sum(axis=1)).ravel()
    return sparse.diags(np.divide(1, total, out=np.zeros_like(total), where=total > 0)) @ G


def minimise_cvxopt(deformable, q, alpha, epsilon, timeout):
    """Minimise the energy of the deformable model with ``cvxopt.solvers.cp``.

    Parameters
    ----------
    deformable : superdsm._ext.model.DeformableModel
        The model of a region.
    q : ndarray of float64, shape (6,)
        Optimum of the elliptical model.
    alpha, epsilon : float
        Weight and smoothness of the regulariser.
    timeout : float
        In seconds.

    Returns
    -------
    x : ndarray of float64
        Parameters in the order of `deformable`.
    energy : float
    status : str
        "optimal", "timeout" or "failed".
    iterations : int
        Number of Hessians that were computed.
    """
    from cvxopt import matrix, solvers

    layout, centres = deformable.layout, deformable.centre_layout
    y, u, v = layout.raster()
    F = sparse.csr_matrix(np.column_stack([np.ones(u.size), u, v, u * u, u * v, v * v]))
    G = smooth_matrix(layout.compacted().view(bool), centres.kernel(), centres.positions())
    n_xi, deadline = G.shape[1], time.perf_counter() + timeout
    A = sparse.hstack([G, F]).tocsr()
    hessians = 0

    def evaluate(x=None, z=None):
        nonlocal hessians
        if x is None:
            return 0, matrix(np.concatenate([np.zeros(n_xi), q]))
        if time.perf_counter() > deadline:
            raise _OutOfTimeError
        x = np.asarray(x).ravel()
        s, root = A @ x, np.sqrt(x[:n_xi] ** 2 + epsilon)
        p = expit(-y * s)
        gradient = A.T @ (-y * p)
        gradient[:n_xi] += alpha * x[:n_xi] / root
        value = np.logaddexp(0, -y * s).sum() + alpha * (root - np.sqrt(epsilon)).sum()
        if z is None:
            return matrix(value), matrix(gradient, (1, gradient.size))
        hessians += 1
        hessian = (A.T @ sparse.diags(y**2 * p * (1 - p)) @ A).toarray()
        hessian[np.arange(n_xi), np.arange(n_xi)] += alpha * epsilon / root**3
        return matrix(value), matrix(gradient, (1, gradient.size)), matrix(z[0] * hessian)

    options = {"show_progress": False, "maxiters": 200, "abstol": 1e-9, "reltol": 1e-9, "feastol": 1e-9}
    try:
        solution = solvers.cp(evaluate, options=options)
    except _OutOfTimeError:
        return None, 0.0, "timeout", hessians
    except (ArithmeticError, ValueError):  # a singular system: the solver gives up
        return None, 0.0, "failed", hessians
    x = np.asarray(solution["x"]).ravel()
    status = "optimal" if solution["status"] == "optimal" else "failed"
    return x, float(solution["primal objective"]), status, hessians
