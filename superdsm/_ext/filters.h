/* Correlation with a symmetric kernel, with the sums in the order of scipy.ndimage.correlate1d. */
#ifndef SUPERDSM_FILTERS_H
#define SUPERDSM_FILTERS_H

#include "simd.h"

_Static_assert(TILE % LANES == 0, "registers have to divide the columns of a tile");

/* Filter TILE columns of `n` rows along the columns, and write the result transposed.

   `lines`: n + 2 * radius rows of TILE values, continued at both ends. `weights`: from the centre to `radius`.
   `out`: value of row r and column c at [c * stride + r], only for c < columns. `wanted`, unless it is null: flags of
   the tiles of TILE rows; others are not computed. */
static void filter_tile(double *restrict out, ptrdiff_t stride, ptrdiff_t columns, const double *restrict lines,
                        ptrdiff_t n, const double *restrict weights, ptrdiff_t radius, const char *restrict wanted)
{
    for (ptrdiff_t r = 0; r < n; r += TILE) {
        const ptrdiff_t rows = n - r < TILE ? n - r : TILE;
        const double *centre = lines + (r + radius) * TILE;
        double result[TILE][TILE];
        if (wanted && !wanted[r / TILE])
            continue;
        /* every sum has its own lane and its terms in the same order whatever the width: from the far ends inwards */
        for (ptrdiff_t lane = 0; lane < TILE; lane += LANES) {
            const double *x = centre + lane;
            vec s[TILE];
            for (int i = 0; i < TILE; i++) s[i] = mul(load(x + i * TILE), splat(weights[0]));
            for (ptrdiff_t j = radius; j > 0; j--) {
                const double *above = x - j * TILE, *below = x + j * TILE;
                const vec w = splat(weights[j]);
                for (int i = 0; i < TILE; i++)
                    s[i] = add(s[i], mul(add(load(above + i * TILE), load(below + i * TILE)), w));
            }
            for (int i = 0; i < TILE; i++) store(result[i] + lane, s[i]);
        }
        if (rows == TILE && columns == TILE) { /* known numbers of steps */
            for (ptrdiff_t c = 0; c < TILE; c++)
                for (ptrdiff_t i = 0; i < TILE; i++)
                    out[c * stride + r + i] = result[i][c];
            continue;
        }
        for (ptrdiff_t c = 0; c < columns; c++)
            for (ptrdiff_t i = 0; i < rows; i++)
                out[c * stride + r + i] = result[i][c];
    }
}

/* y - max((1 - w) clipped + w unclipped, least), with w = (1 - distance / sigma)^2 within sigma. */
static void subtract_row(double *restrict y, const double *restrict clipped, const double *restrict unclipped,
                         const double *restrict squared, double sigma, double least, ptrdiff_t n)
{
    for (ptrdiff_t i = 0; i < n; i++) {
        double w = sigma - sqrt(squared[i]);
        w = (w > 0 ? w : 0) / sigma;
        w *= w;
        double offset = (1 - w) * clipped[i] + w * unclipped[i];
        y[i] -= offset > least ? offset : least;
    }
}

#endif
