"""Image sources: what a file holds along its axes, and which plane of it is segmented."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from superdsm.errors import ImageError, suggest

if TYPE_CHECKING:
    import numpy.typing as npt

AXES = {"S": "scene", "T": "t", "C": "channel", "Z": "z"}  # beside rows (Y) and columns (X), in the order of a choice
PROJECTIONS = ("max", "mean", "best-focus")
COLOURS = ("red", "green", "blue")


@dataclass(frozen=True, slots=True)
class Selection:
    """Which plane of a file is segmented.

    Attributes
    ----------
    channel : int or str, optional
        Index from 0, or the name of a channel, or "red", "green" or "blue" of a colour image.
    z : int or str, optional
        Index from 0, a range "3-7" (its maximum projection), or a projection of all: "max", "mean" or "best-focus" (the
        plane with the largest variance of the Laplacian).
    t, scene : int, optional
        Indices from 0.
    """

    channel: int | str | None = None
    z: int | str | None = None
    t: int | None = None
    scene: int | None = None

    def __bool__(self) -> bool:
        return any(getattr(self, name) is not None for name in AXES.values())


@dataclass(frozen=True, slots=True)
class ImageSource:
    """An image file that has been opened: its axes and what describes them; planes are read when they are asked for.

    Attributes
    ----------
    path : Path
        The file.
    format : str
        For people, for instance "OME-TIFF".
    sizes : dict of str to int
        Lengths of the axes in their order: of S (scenes), T, C (channels), Z, Y (rows) and X (columns), those that the
        file has. Samples of a colour are no axis.
    dtype : str
        Type of the stored intensities.
    read_plane : callable
        ``read_plane(indices) -> ndarray``, with an index for each axis but Y and X; shape (rows, columns), or (rows,
        columns, 3) of a colour image.
    is_colour : bool
        Whether planes are RGB.
    channels : tuple of str
        Names of the channels where the file tells them, else empty.
    pixel_size : tuple of float, optional
        Height and width of a pixel, in micrometres.
    notes : tuple of str
        What is read otherwise than a viewer might show it.
    read_part : callable, optional
        ``read_part(indices, rows, columns) -> ndarray``, with slices within the image: like `read_plane`, but only what
        the part needs is decoded. Without it, the whole plane is.
    """

    path: Path
    format: str
    sizes: Mapping[str, int]
    dtype: str
    read_plane: Callable[[Mapping[str, int]], "npt.NDArray[Any]"]
    is_colour: bool = False
    channels: tuple[str, ...] = ()
    pixel_size: tuple[float, float] | None = None
    notes: tuple[str, ...] = field(default=())
    read_part: Callable[[Mapping[str, int], slice, slice], "npt.NDArray[Any]"] | None = None

    def read(self, selection: Selection | None = None, region: tuple[slice, slice] | None = None) -> "npt.NDArray[Any]":
        """Read the plane that is chosen, or a part of it.

        Parameters
        ----------
        selection : Selection, optional
            May leave out what there is only one of.
        region : tuple of slice, optional
            Rows and columns, without steps; by default all. Of files that are stored in tiles or strips only those are
            decoded that are needed. The plane of the best focus is that of the whole image.

        Returns
        -------
        ndarray, shape (rows, columns), or (rows, columns, 3) for a colour image of which no channel is chosen

        Raises
        ------
        ImageError
            A choice is missing (the error lists what there is), or there is no such plane.
        """
        selection = selection or Selection()
        indices: dict[str, int] = {}
        colour = None
        for axis, name in AXES.items():
            given = getattr(selection, name)
            size = self.sizes.get(axis, 1)
            if axis == "C" and self.is_colour and given is not None and size == 1:
                colour = self._colour(given)
            elif given is None:
                if size > 1:
                    raise self._undecided()
            elif axis == "C":
                indices[axis] = self._channel(given)
            elif axis == "Z" and isinstance(given, str):
                continue
            else:
                indices[axis] = self._index(name, given, size)
        planes = self._z_planes(selection.z)
        part = None if region is None else self._within(region)
        if planes is None:
            image = self._plane(indices, part)
        elif planes[0] == "best-focus":
            image = _project([self._plane({**indices, "Z": z}) for z in planes[1]], planes[0])[part or ...]
        else:
            image = _project([self._plane({**indices, "Z": z}, part) for z in planes[1]], planes[0])
        return image if colour is None else image[..., colour]

    def _within(self, region: tuple[slice, slice]) -> tuple[slice, slice]:
        """Return a region with its ends as numbers within the image."""
        rows, columns = (slice(*part.indices(self.sizes[axis])[:2]) for part, axis in zip(region, "YX", strict=True))
        if rows.start >= rows.stop or columns.start >= columns.stop:
            raise ImageError(f"{self.path}: the region holds no pixel of the image, which is {self.describe()}")
        return rows, columns

    @property
    def choices(self) -> dict[str, str]:
        """Axes of which a plane is chosen, and the names under which that is done."""
        return {axis: name for axis, name in AXES.items() if axis in self.sizes}

    def describe(self) -> str:
        """Say what there is along the axes, for instance "3 channels (DAPI, GFP, RFP) x 12 z of 512 x 640"."""
        words = {"S": "scenes", "T": "time points", "C": "channels", "Z": "z planes"}
        parts = [f"{size} {words[axis]}" for axis, size in self.sizes.items() if axis in words and size > 1]
        if self.channels and self.sizes.get("C", 1) > 1:
            parts = [f"{part} ({', '.join(self.channels)})" if part.endswith("channels") else part for part in parts]
        plane = f"{self.sizes['Y']} x {self.sizes['X']} px" + (" in colour" if self.is_colour else "")
        return " x ".join(parts) + f" of {plane}" if parts else plane

    def _plane(self, indices: Mapping[str, int], part: tuple[slice, slice] | None = None) -> "npt.NDArray[Any]":
        complete = {axis: indices.get(axis, 0) for axis in self.sizes if axis not in "YX"}
        if part is None:
            return self.read_plane(complete)
        return self.read_plane(complete)[part] if self.read_part is None else self.read_part(complete, *part)

    def _undecided(self) -> ImageError:
        missing = [name for axis, name in AXES.items() if self.sizes.get(axis, 1) > 1]
        return ImageError(
            f"{self.path}: is a stack, {self.describe()}; say which plane to segment: give {' and '.join(missing)} "
            f"(--{missing[0]} on the command line, {missing[0]!r} in a task.json)"
        )

    def _index(self, name: str, given: Any, size: int) -> int:
        if isinstance(given, bool) or not isinstance(given, int) or not 0 <= given < size:
            raise ImageError(f"{self.path}: has no {name} {given!r}; there are {size}, numbered from 0")
        return given

    def _channel(self, given: int | str) -> int:
        size = self.sizes.get("C", 1)
        if not isinstance(given, str):
            return self._index("channel", given, size)
        names = [name.casefold() for name in self.channels]
        if names.count(given.casefold()) == 1:
            return names.index(given.casefold())
        known = f"it has {', '.join(self.channels)}" if self.channels else f"its {size} channels have no names"
        raise ImageError(
            f"{self.path}: has no channel {given!r}{suggest(given, self.channels)}; {known}; "
            f"give a name or an index from 0 to {size - 1}"
        )

    def _colour(self, given: int | str) -> int:
        if isinstance(given, str) and given.casefold() in COLOURS:
            return COLOURS.index(given.casefold())
        if isinstance(given, int) and not isinstance(given, bool) and 0 <= given < len(COLOURS):
            return given
        raise ImageError(
            f"{self.path}: is in colour and has no channel {given!r}; give red, green or blue, or an index from 0 to 2"
        )

    def _z_planes(self, given: int | str | None) -> tuple[str, range] | None:
        """Return how planes are projected, and which."""
        if not isinstance(given, str):
            return None
        size = self.sizes.get("Z", 1)
        if given in PROJECTIONS:
            return given, range(size)
        first, dash, last = given.partition("-")
        if dash and first.isdecimal() and last.isdecimal() and int(first) <= int(last) < size:
            return "max", range(int(first), int(last) + 1)
        raise ImageError(
            f"{self.path}: z {given!r} is neither an index, nor a range like 2-5 of the {size} planes, nor one of "
            + ", ".join(PROJECTIONS)
        )


def _project(planes: "list[npt.NDArray[Any]]", how: str) -> "npt.NDArray[Any]":
    import numpy as np

    if how == "best-focus":
        return max(planes, key=_sharpness)
    stack = np.stack(planes)
    return np.asarray(stack.max(axis=0) if how == "max" else stack.mean(axis=0, dtype=np.float64))


def _sharpness(plane: "npt.NDArray[Any]") -> float:
    """Variance of the Laplacian (Pech-Pacheco et al., ICPR 2000)."""
    import numpy as np
    from scipy import ndimage

    grey = plane.mean(axis=2) if plane.ndim == 3 else plane
    return float(ndimage.laplace(grey.astype(np.float64)).var())
