"""Pictures of disks, for tests of what is adapted to an image."""

import numpy as np
from scipy import ndimage


def disks(shape, centres, radii, amplitudes, *, background=10.0, noise=0.5, blur=0.7, seed=0):
    """Return an image with blurred disks and white noise, and the label image of the disks."""
    image, labels = np.full(shape, background), np.zeros(shape, np.int32)
    for label, ((row, column), radius, amplitude) in enumerate(zip(centres, radii, amplitudes, strict=True), 1):
        box = tuple(slice(max(0, int(at - radius)), max(0, int(at + radius) + 2)) for at in (row, column))
        rows, columns = (np.arange(size)[part] for size, part in zip(shape, box, strict=True))
        disk = (rows[:, None] - row) ** 2 + (columns - column) ** 2 < radius**2
        image[box][disk] = background + amplitude
        labels[box][disk] = label
    image = ndimage.gaussian_filter(image, blur)
    return image + noise * np.random.default_rng(seed).standard_normal(shape), labels


def grid_of_disks(radius, *, number=4, **options):
    """Return disks of nearly one radius in a square grid, and their label image."""
    rng = np.random.default_rng(3)
    pitch = 3.2 * radius
    places = (np.arange(number) + 0.7) * pitch
    centres = [(row, column) for row in places for column in places]
    shape = (int((number + 0.4) * pitch),) * 2
    radii = radius * rng.uniform(0.9, 1.1, number**2)
    return disks(shape, centres, radii, rng.uniform(20, 60, number**2), **options)
