"""Set covers and connected sets, by looking at everything."""

import itertools


def best_cover(sets, weights):
    """Least weight of a family that covers the union of all sets."""
    universe = 0
    for members in sets:
        universe |= members
    best = float("inf")
    for size in range(len(sets) + 1):
        for family in itertools.combinations(range(len(sets)), size):
            union = 0
            for index in family:
                union |= sets[index]
            if union == universe:
                best = min(best, sum(weights[index] for index in family))
    return best


def greedy_cover(sets, weights):
    """The greedy cover: ties take the first candidate."""
    left = 0
    for members in sets:
        left |= members
    chosen = []
    while left:
        ratios = [(weights[i] / (members & left).bit_count(), i) for i, members in enumerate(sets) if members & left]
        index = min(ratios)[1]
        chosen.append(index)
        left &= ~sets[index]
    return chosen


def merged(sets, weights, chosen):
    """Replace chosen sets that lie inside a cheaper candidate."""
    chosen = set(chosen)
    for new in sorted(set(range(len(sets))) - chosen, key=lambda i: (weights[i], i)):
        met = {i for i in chosen if sets[i] & sets[new]}
        if all(sets[i] & ~sets[new] == 0 for i in met) and met and weights[new] < sum(weights[i] for i in sorted(met)):
            chosen = chosen - met | {new}
    return sorted(chosen)


def recursive_cover(sets, energies, beta, max_iter, gamma):
    """The cover by the recursion over smaller and smaller values of beta."""
    weights = [energy + beta for energy in energies]
    chosen = merged(sets, weights, greedy_cover(sets, weights))
    if max_iter <= 1:
        return chosen
    retry = recursive_cover(sets, energies, beta * gamma, max_iter - 1, gamma)
    return retry if sum(weights[i] for i in retry) < sum(weights[i] for i in chosen) else chosen


def connected_sets(n, edges, compatible=lambda a, b: True):
    """All connected sets of vertices 0, ..., n - 1 that are pairwise compatible, as bit masks."""
    neighbours = [{b for a, b in edges if a == v} | {a for a, b in edges if b == v} for v in range(n)]
    found = set()
    for members in range(1, 1 << n):
        vertices = [v for v in range(n) if members >> v & 1]
        reached, fresh = {vertices[0]}, {vertices[0]}
        while fresh:
            fresh = {w for v in fresh for w in neighbours[v] if members >> w & 1} - reached
            reached |= fresh
        if len(reached) == len(vertices) and all(compatible(a, b) for a, b in itertools.combinations(vertices, 2)):
            found.add(members)
    return found
