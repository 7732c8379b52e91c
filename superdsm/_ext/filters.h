/* Correlation with a symmetric kernel, with the sums in the order of scipy.ndimage.correlate1d. */
#ifndef SUPERDSM_SMOOTH_H
#define SUPERDSM_SMOOTH_H

#include <math.h>
#include <stddef.h>

#include "simd.h"

#define TILE 8 /* rows and columns that are worked on together; a multiple of LANES */

/* Filter TILE columns of `n` rows along the columns, and write the result transposed.

   `lines`: n + 2 * radius rows of TILE values, continued at both ends. `weights`: from the centre to `radius`.
   `out`: value of row r and column c at [c * stride + r], only for c < columns. `wanted`, unless it is null: flags of
   the tiles of TILE rows; others are not computed. */
CLONES
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
            vec s0 = load(x) * weights[0], s1 = load(x + TILE) * weights[0], s2 = load(x + 2 * TILE) * weights[0],
                s3 = load(x + 3 * TILE) * weights[0], s4 = load(x + 4 * TILE) * weights[0],
                s5 = load(x + 5 * TILE) * weights[0], s6 = load(x + 6 * TILE) * weights[0],
                s7 = load(x + 7 * TILE) * weights[0];
            for (ptrdiff_t j = radius; j > 0; j--) {
                const double *a = x - j * TILE, *b = x + j * TILE;
                const vec w = splat(weights[j]);
                s0 += (load(a) + load(b)) * w;
                s1 += (load(a + TILE) + load(b + TILE)) * w;
                s2 += (load(a + 2 * TILE) + load(b + 2 * TILE)) * w;
                s3 += (load(a + 3 * TILE) + load(b + 3 * TILE)) * w;
                s4 += (load(a + 4 * TILE) + load(b + 4 * TILE)) * w;
                s5 += (load(a + 5 * TILE) + load(b + 5 * TILE)) * w;
                s6 += (load(a + 6 * TILE) + load(b + 6 * TILE)) * w;
                s7 += (load(a + 7 * TILE) + load(b + 7 * TILE)) * w;
            }
            store(result[0] + lane, s0);
            store(result[1] + lane, s1);
            store(result[2] + lane, s2);
            store(result[3] + lane, s3);
            store(result[4] + lane, s4);
            store(result[5] + lane, s5);
            store(result[6] + lane, s6);
            store(result[7] + lane, s7);
        }
        for (ptrdiff_t c = 0; c < columns; c++)
            for (ptrdiff_t i = 0; i < rows; i++)
                out[c * stride + r + i] = result[i][c];
    }
}

/* y - max((1 - w) clipped + w unclipped, least), with w = (1 - distance / sigma)^2 within sigma. */
CLONES
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
