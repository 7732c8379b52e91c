"""The coarse-to-fine region analysis in plain NumPy and SciPy: whole arrays, nothing incremental."""

from collections import deque

import numpy as np
import scipy.ndimage as ndi

CROSS = np.array([[0, 1, 0], [1, 1, 1], [0, 1, 0]], bool)


def find_markers(y, max_irregularity):
    """Labels of the foreground components, 0 for irregular ones, and the mask without these."""
    foreground = y > 0
    labels, n = ndi.label(foreground)
    border = foreground & ~ndi.binary_erosion(foreground, CROSS, border_value=1)
    y_mask = np.ones(y.shape, bool)
    for label in range(1, n + 1):
        component = labels == label
        if border[component].mean() > max_irregularity:
            y_mask[component] = False
    return ndi.label(foreground & y_mask)[0], y_mask


def adjacencies(atoms, clusters, y):
    """Set of the pairs of adjacent atoms, pixel by pixel."""
    pairs = set()
    for r, c in np.ndindex(atoms.shape):
        for r2, c2 in ((r - 1, c), (r + 1, c), (r, c - 1), (r, c + 1)):
            if 0 <= r2 < atoms.shape[0] and 0 <= c2 < atoms.shape[1] and y[r2, c2] > 0:
                a, b = int(atoms[r, c]), int(atoms[r2, c2])
                if 0 < a != b > 0 and clusters[r, c] == clusters[r2, c2]:
                    pairs.add((min(a, b), max(a, b)))
    return pairs


def find_seed(mask, score):
    """The 4-connected component of a mask that holds the best score (ties: the first component), or None."""
    labels, count = ndi.label(mask)
    if count == 0:
        return None
    best = ndi.maximum(score, labels, range(1, count + 1))
    return labels == 1 + np.argmax(best)


def split_cluster(y, cluster, y_mask, rules, flood, energy):
    """Split a cluster into atoms.

    Returns a list of pairs of masks, (region, seed), and what happened as a list of words.
    """
    inside = cluster & y_mask
    footprint = np.ones((3, 3), bool) if rules.seed_connectivity == 8 else CROSS
    maxima = (y == ndi.maximum_filter(y, footprint=footprint)) & inside & (y > 0)
    near = ndi.distance_transform_edt(y <= 0) <= rules.background_margin if (y > 0).any() else np.zeros(y.shape, bool)
    elevation = y.max() - np.clip(y, 0, np.inf)
    min_size = rules.min_size
    cache, failed = {}, {}

    def ratio(region):
        omega = region & inside & near
        foreground = y[omega] > 0
        if foreground.all() or not foreground.any():
            return None
        key = omega.tobytes()
        if key not in cache:
            cache[key] = energy(y, omega) / omega.sum()
        return cache[key]

    root_seed = find_seed(maxima, y)
    if root_seed is None:
        root_seed = np.zeros(y.shape, bool)
        allowed = inside & near
        root_seed.flat[np.argmax(np.where(allowed, y, -np.inf)) if allowed.any() else np.argmax(cluster)] = True
    tried = root_seed.copy()
    r0 = ratio(cluster)
    history = []
    if r0 is None or not r0 > rules.max_atom_norm_energy:
        return [(cluster, root_seed)], history
    leaves, n_regions = {}, 1
    queue = deque([(0, cluster, root_seed, r0)])
    while queue:
        number, region, seed, r0 = queue.popleft()
        seed2 = None
        if region.sum() >= 2 * min_size:
            distance = ndi.distance_transform_edt(~tried)
            seed2 = find_seed(maxima & region & (distance >= 1), distance)
        if seed2 is None or failed.get(number, 0) >= rules.max_failed_trials:
            leaves[number] = region, seed
            continue
        tried |= seed2
        failed[number] = failed.get(number, 0) + 1
        parts = flood(elevation, seed.astype(int) + 2 * seed2, region)
        part1, part2 = parts == 1, parts == 2
        if part1.sum() < min_size:
            history.append("small first")
            queue.append((number, region, seed2, r0))
            continue
        if part2.sum() < min_size:
            history.append("small second")
            queue.append((number, region, seed, r0))
            continue
        r1, r2 = ratio(part1), ratio(part2)
        if r1 is None and r2 is not None:
            history.append("first undefined")
            queue.append((number, region, seed2, r0))
        elif r2 is None:
            history.append("second undefined")
            queue.append((number, region, seed, r0))
        elif 1 - max(r1, r2) / r0 < rules.min_norm_energy_improvement:
            history.append("undone")
            queue.append((number, region, seed, r0))
        else:
            history.append("split")
            failed[number] = 0
            for child, part, part_seed, r in ((number, part1, seed, r1), (n_regions, part2, seed2, r2)):
                if r > rules.max_atom_norm_energy:
                    queue.append((child, part, part_seed, r))
                else:
                    leaves[child] = part, part_seed
            n_regions += 1
    return [leaves[number] for number in sorted(leaves)], history
