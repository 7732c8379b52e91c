"""A cluster that is split into regions: seeds, trial splits, and the pixels that models are fitted to."""

import numpy as np

from libc.stdint cimport int32_t, int64_t, uint8_t

from superdsm._ext.plateaus cimport find, is_maximum, join
from superdsm._ext.watershed cimport Buckets, Entry, FloodProgress, flood_ranks, free_buckets, make_buckets

# Bits of `Splitter.flags`.
cdef enum:
    INSIDE = 1      # the pixel may belong to a region omega
    FOREGROUND = 2  # y > 0
    MARKED = 4      # the pixel belongs to the seed at hand


cdef class Splitter:
    """A cluster and the regions it is split into.

    Region 0 is the whole cluster at first. Seeds are arrays of positions in the padded box.

    Parameters
    ----------
    y : ndarray of float64, shape (rows, columns)
        Offset-corrected intensities in the bounding box of the cluster.
    cluster : ndarray of uint8, same shape
        The cluster.
    inside : ndarray of uint8, same shape
        Where seeds may be.
    near : ndarray of uint8, same shape
        Pixels close enough to the foreground to be in a region omega.
    connectivity : int
        Neighbourhood of local maxima, 4 or 8.
    """

    cdef Py_ssize_t height, width, stride
    cdef double top
    cdef const double[:, ::1] y
    cdef int32_t[::1] pixels, spare, labels, ranks, start, stop
    cdef Py_ssize_t n_regions, first_labelled, last_labelled
    cdef int32_t remainder
    cdef uint8_t[::1] flags
    cdef int32_t[::1] maxima, owner, left, up, parent
    cdef double[::1] distance, best
    cdef Py_ssize_t n_maxima
    cdef bint tried
    cdef Buckets buckets

    def __dealloc__(self):
        free_buckets(&self.buckets)

    def __cinit__(self, const double[:, ::1] y, const uint8_t[:, ::1] cluster, const uint8_t[:, ::1] inside,
                  const uint8_t[:, ::1] near, int connectivity):
        cdef Py_ssize_t r, c, n = 0, n_maxima = 0, p
        self.y = y
        self.height, self.width = y.shape[0], y.shape[1]
        self.stride = self.width + 2
        size = (self.height + 2) * self.stride
        self.flags = np.zeros(size, np.uint8)
        self.pixels = np.empty(self.height * self.width, np.int32)
        self.maxima = np.empty(64, np.int32)
        cdef uint8_t* flags = &self.flags[0]
        cdef int32_t* pixels = &self.pixels[0]
        cdef double top = y[0, 0], value
        with nogil:
            for r in range(self.height):
                for c in range(self.width):
                    value = y[r, c]
                    top = max(top, value)
                    if not cluster[r, c]:
                        continue
                    p = (r + 1) * self.stride + c + 1
                    pixels[n] = <int32_t> p
                    n += 1
                    flags[p] = (INSIDE if inside[r, c] and near[r, c] else 0) | (FOREGROUND if value > 0 else 0)
                    if value > 0 and inside[r, c] and is_maximum(y, r, c, connectivity == 8):
                        if n_maxima == self.maxima.shape[0]:
                            with gil:
                                self.maxima = np.concatenate([self.maxima, np.empty_like(self.maxima)])
                        self.maxima[n_maxima] = <int32_t> p
                        n_maxima += 1
        self.top = top
        self.pixels = np.array(self.pixels[:n])
        self.spare = np.empty(n, np.int32)
        self.start = np.zeros(16, np.int32)
        self.stop = np.full(16, n, np.int32)
        self.n_regions = 1
        self.n_maxima = n_maxima
        self.owner = np.zeros(n_maxima, np.int32)
        self.left = np.full(n_maxima, -1, np.int32)
        self.up = np.full(n_maxima, -1, np.int32)
        self.parent = np.empty(n_maxima, np.int32)
        self.distance = np.full(n_maxima, np.inf)
        self.best = np.empty(n_maxima)
        self._link()

    cdef void _link(self) noexcept nogil:
        """Find the left and upper neighbours of maxima among the maxima (in raster order: two pointers)."""
        cdef Py_ssize_t i, above = 0
        for i in range(self.n_maxima):
            if i and self.maxima[i - 1] == self.maxima[i] - 1:
                self.left[i] = <int32_t> i - 1
            while self.maxima[above] < self.maxima[i] - self.stride:
                above += 1
            if self.maxima[above] == self.maxima[i] - self.stride:
                self.up[i] = <int32_t> above

    def size(self, Py_ssize_t region):
        """Number of the pixels of a region."""
        return self.stop[region] - self.start[region]

    def find_seed(self, Py_ssize_t region):
        """Find the best plateau of untried maxima in a region: the farthest from tried seeds, at first the brightest.

        Returns
        -------
        ndarray of int32, or None
            None if there is no untried maximum.
        """
        cdef Py_ssize_t i, best = -1, n = 0
        cdef int32_t root
        cdef int32_t[::1] parent = self.parent
        cdef bint use_y = not self.tried
        cdef double score
        with nogil:
            for i in range(self.n_maxima):
                parent[i] = -1
                if self.owner[i] == region and self.distance[i] >= 1:
                    parent[i] = <int32_t> i
                    join(parent, <int32_t> i, self.left[i])
                    join(parent, <int32_t> i, self.up[i])
            for i in range(self.n_maxima):
                if parent[i] < 0:
                    continue
                root = find(parent, <int32_t> i)
                score = self._intensity(self.maxima[i]) if use_y else self.distance[i]
                if root == i or score > self.best[root]:
                    self.best[root] = score
            for i in range(self.n_maxima):
                if parent[i] == i and (best < 0 or self.best[i] > self.best[best]):
                    best = i
            if best >= 0:
                for i in range(self.n_maxima):
                    n += parent[i] >= 0 and find(parent, <int32_t> i) == best
        if best < 0:
            return None
        seed_array = np.empty(n, np.int32)
        cdef int32_t[::1] seed = seed_array
        n = 0
        for i in range(self.n_maxima):
            if parent[i] >= 0 and find(parent, <int32_t> i) == best:
                seed[n] = self.maxima[i]
                n += 1
        return seed_array

    cdef inline double _intensity(self, Py_ssize_t p) noexcept nogil:
        return self.y[p // self.stride - 1, p % self.stride - 1]

    def mark_tried(self, const int32_t[::1] seed):
        """Update the distance of the maxima to the nearest seed tried."""
        cdef Py_ssize_t i, k, p, row, column
        cdef double dr, dc
        self.tried = True
        with nogil:
            for k in range(seed.shape[0]):
                self.flags[seed[k]] |= MARKED
            for i in range(self.n_maxima):
                if self.flags[self.maxima[i]] & MARKED:
                    self.distance[i] = 0
            for k in range(seed.shape[0]):
                p = seed[k]
                # Only the border of a plateau can be nearest to what is outside.
                if (self.flags[p - 1] & self.flags[p + 1] & self.flags[p - self.stride] & self.flags[p + self.stride]
                        & MARKED):
                    continue
                row, column = p // self.stride, p % self.stride
                for i in range(self.n_maxima):
                    if self.distance[i] > 0:
                        dr = self.maxima[i] // self.stride - row
                        dc = self.maxima[i] % self.stride - column
                        self.distance[i] = min(self.distance[i], dr * dr + dc * dc)
            for k in range(seed.shape[0]):
                self.flags[seed[k]] &= ~MARKED

    def brightest(self):
        """The first pixel of the largest intensity among those that may be in a region omega (else the first)."""
        cdef Py_ssize_t i, best = -1
        with nogil:
            for i in range(self.pixels.shape[0]):
                if self.flags[self.pixels[i]] & INSIDE and (
                    best < 0 or self._intensity(self.pixels[i]) > self._intensity(self.pixels[best])
                ):
                    best = i
        return np.array([self.pixels[max(best, 0)]], np.int32)

    def center(self, const int32_t[::1] seed):
        """Center of mass of a seed: row and column in the box."""
        cdef Py_ssize_t i, rows = 0, columns = 0, n = seed.shape[0]
        for i in range(n):
            rows += seed[i] // self.stride - 1
            columns += seed[i] % self.stride - 1
        return <double> rows / n, <double> columns / n

    def _rank(self):
        """Rank the elevations of the foreground; the background shares the highest elevation."""
        cdef Py_ssize_t i, n = 0, p
        cdef int32_t rank = 0
        cdef double before = 0
        elevation_array = np.empty(self.pixels.shape[0])
        foreground_array = np.empty(self.pixels.shape[0], np.int32)
        cdef double[::1] elevation = elevation_array
        cdef int32_t[::1] foreground = foreground_array
        with nogil:
            for i in range(self.pixels.shape[0]):
                p = self.pixels[i]
                if self.flags[p] & FOREGROUND:
                    elevation[n] = self.top - self._intensity(p)
                    foreground[n] = <int32_t> p
                    n += 1
        cdef const int64_t[::1] order = np.argsort(elevation_array[:n])
        self.labels = np.zeros((self.height + 2) * self.stride, np.int32)
        self.ranks = np.empty((self.height + 2) * self.stride, np.int32)
        if make_buckets(&self.buckets, n + 1, self.pixels.shape[0]) < 0:
            raise MemoryError("not enough memory to split the cluster")
        with nogil:
            for i in range(n):
                # A rank is the position of the first of its pixels in the order, so that it is where its bucket starts.
                if i == 0 or elevation[order[i]] != before:
                    before = elevation[order[i]]
                    rank = <int32_t> i
                self.ranks[foreground[order[i]]] = rank
                self.buckets.start[i] = <int32_t> i
            if n == 0 or before != self.top - 0.0:
                rank = <int32_t> n
            self.buckets.start[n] = <int32_t> n
            for i in range(self.pixels.shape[0]):
                if not self.flags[self.pixels[i]] & FOREGROUND:
                    self.ranks[self.pixels[i]] = rank

    def split(self, Py_ssize_t region, const int32_t[::1] seed1, const int32_t[::1] seed2):
        """Flood a region, which is connected, from two seeds.

        Returns
        -------
        n1, n2 : int
            Sizes of the two parts.
        """
        cdef Py_ssize_t i, first = self.start[region], last = self.stop[region]
        cdef int failed
        cdef FloodProgress progress
        if self.buckets.start == NULL:
            self._rank()
        both = np.sort(np.concatenate([seed1, seed2]))
        cdef const int32_t[::1] positions = both
        cdef int32_t[:, ::1] entries = np.empty((both.size, 2), np.int32)
        cdef int32_t* labels = &self.labels[0]
        cdef const int32_t* pixels = &self.pixels[0]
        cdef const int32_t* ranks = &self.ranks[0]
        with nogil:
            if first != self.first_labelled or last != self.last_labelled:
                for i in range(self.first_labelled, self.last_labelled):
                    labels[pixels[i]] = 0
                self.first_labelled, self.last_labelled = first, last
            for i in range(first, last):
                labels[pixels[i]] = ~ranks[pixels[i]]
            for i in range(seed1.shape[0]):
                labels[seed1[i]] = 1
            for i in range(seed2.shape[0]):
                labels[seed2[i]] = 2
            for i in range(positions.shape[0]):
                entries[i, 0] = positions[i]
                entries[i, 1] = ranks[positions[i]]
            progress.classes = 1
            failed = flood_ranks(labels, self.stride, <const Entry*> &entries[0, 0], positions.shape[0],
                                 &self.buckets, &progress)
        if failed:
            raise MemoryError("not enough memory to split the cluster")
        # The part that can still grow gets what has no label yet.
        self.remainder = 2 if progress.open[1] == 0 else 1
        if self.remainder == 2:
            return progress.taken[1], last - first - progress.taken[1]
        return last - first - progress.taken[0], progress.taken[0]

    cdef inline bint _in_part(self, Py_ssize_t p, int32_t part) noexcept nogil:
        cdef int32_t label = self.labels[p]
        return label == part or (label < 0 and self.remainder == part)

    def omega(self, Py_ssize_t region, int32_t part=0):
        """The pixels of a region, or of a part of the last split, that its model is fitted to.

        Parameters
        ----------
        region : int
        part : int
            1 or 2, or 0 for the whole region.

        Returns
        -------
        row, column : int
            The first row and column of the mask in the box.
        mask : ndarray of bool
            The pixels, cut to their bounding box.

        Or None, if they are all foreground or all background.
        """
        cdef Py_ssize_t i, p, n = 0, n_foreground = 0, row = 0, begin = 0
        cdef Py_ssize_t r0 = self.height, c0 = self.width, r1 = 0, c1 = 0, c
        cdef const int32_t* pixels = &self.pixels[0]
        cdef const uint8_t* flags = &self.flags[0]
        cdef const int32_t* labels = &self.labels[0] if part else NULL
        cdef int32_t* chosen = &self.spare[0]
        cdef int32_t label
        cdef bint grows = self.remainder == part
        with nogil:
            for i in range(self.start[region], self.stop[region]):
                p = pixels[i]
                label = labels[p] if part else 0
                if flags[p] & INSIDE and (label == part or (grows and label < 0)):
                    chosen[n] = <int32_t> p
                    n += 1
                    n_foreground += (flags[p] & FOREGROUND) != 0
                    if p >= begin + self.stride:  # pixels are in raster order
                        row = p // self.stride
                        begin = row * self.stride
                    r0, r1 = min(r0, row - 1), row
                    c = p - begin - 1
                    c0, c1 = min(c0, c), max(c1, c + 1)
        if n_foreground == 0 or n_foreground == n:
            return None
        mask_array = np.zeros((r1 - r0, c1 - c0), np.uint8)
        cdef uint8_t[:, ::1] mask = mask_array
        with nogil:
            row = 0
            begin = 0
            for i in range(n):
                p = chosen[i]
                if p >= begin + self.stride:
                    row = p // self.stride
                    begin = row * self.stride
                mask[row - 1 - r0, p - begin - 1 - c0] = 1
        return r0, c0, mask_array.view(bool)

    def accept(self, Py_ssize_t region):
        """Replace a region by the parts of the last split: it keeps the first, the second becomes a new region.

        Returns
        -------
        int
            The new region.
        """
        cdef Py_ssize_t i, first = self.start[region], n = 0, new = self.n_regions
        cdef int32_t p
        if new == self.start.shape[0]:
            self.start = np.concatenate([self.start, np.empty_like(self.start)])
            self.stop = np.concatenate([self.stop, np.empty_like(self.stop)])
        with nogil:
            for i in range(self.n_maxima):
                if self.owner[i] == region and self._in_part(self.maxima[i], 2):
                    self.owner[i] = <int32_t> new
            for i in range(self.start[region], self.stop[region]):
                p = self.pixels[i]
                if self._in_part(p, 2):
                    self.spare[n] = p
                    n += 1
                else:
                    self.pixels[first] = p
                    first += 1
            self.start[new], self.stop[new], self.stop[region] = <int32_t> first, self.stop[region], <int32_t> first
            for i in range(n):
                self.pixels[first + i] = self.spare[i]
        self.n_regions += 1
        return new

    def paint(self, int32_t[:, :] out, Py_ssize_t region, int32_t label):
        """Give the pixels of a region a label in an array of the shape of the box."""
        cdef Py_ssize_t i, p, row = 0, begin = 0
        with nogil:
            for i in range(self.start[region], self.stop[region]):
                p = self.pixels[i]
                if p >= begin + self.stride:  # pixels are in raster order
                    row = p // self.stride
                    begin = row * self.stride
                out[row - 1, p - begin - 1] = label
