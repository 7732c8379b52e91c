"""The surface through the background of an image, tile by tile and pixel by pixel."""

from typing import Any

import numpy as np


def background_surface(image: Any, degree: int) -> Any:
    """Fit the surface as the text says, with normal equations."""
    height, width = image.shape
    side = max(8, int(np.ceil(max(height, width) / 24)))
    tiles = []
    top = 0
    while top == 0 or top < height - side // 2:
        left = 0
        while left == 0 or left < width - side // 2:
            tile = image[top : min(height, top + side), left : min(width, left + side)]
            row, column = top + (tile.shape[0] - 1) / 2, left + (tile.shape[1] - 1) / 2
            values = sorted(tile.ravel())
            place = 0.25 * (len(values) - 1)
            low = int(place)
            high = min(low + 1, len(values) - 1)
            tiles.append((row, column, values[low] + (place - low) * (values[high] - values[low])))
            left += side
        top += side
    terms = [(p, q) for p in range(degree + 1) for q in range(degree + 1) if p + q <= degree]

    def term(row: float, column: float) -> list[float]:
        y, x = 2 * row / max(1, height - 1) - 1, 2 * column / max(1, width - 1) - 1
        return [y**p * x**q for p, q in terms]

    design = np.array([term(row, column) for row, column, _ in tiles])
    background = np.array([value for _, _, value in tiles])
    weights = [1.0] * len(tiles)
    for _ in range(20):
        root = np.diag(np.sqrt(weights))
        coefficients = np.linalg.pinv(root @ design) @ (root @ background)
        residuals = background - design @ coefficients
        counted = [abs(r) for r, w in zip(residuals, weights, strict=True) if w > 0]
        deviation = np.median(counted) / 0.6744897501960817
        if deviation <= 1e-12 * max(abs(background)):
            break
        new = []
        for residual in residuals:
            limit = (2.0 if residual > 0 else 4.0) * deviation
            new.append((1 - (residual / limit) ** 2) ** 2 if abs(residual) < limit else 0.0)
        if sum(weight > 0 for weight in new) < len(terms) or np.allclose(new, weights, atol=1e-3):
            break
        weights = new
    return np.array([[np.dot(term(r, c), coefficients) for c in range(width)] for r in range(height)])
