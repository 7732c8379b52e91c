/* The layout of a region in memory: its pixels in strips of LANES columns, and the centres of the deformation. */
#ifndef SUPERDSM_REGION_H
#define SUPERDSM_REGION_H

#include <stddef.h>

#include "simd.h"

#define CHUNK 512 /* rows after which the product of the energy is normalised; segments are not longer */

/* Rows [begin, end) of a strip in which the same centre rows (rows that hold centres) matter. */
typedef struct {
    int begin, end, count;
    const int *active; /* `count` indices of centre rows, ascending */
} Segment;

typedef struct {
    int height, n_strips, half;
    const double *y;         /* n_strips x height x LANES; 0 outside the region */
    const double *inverse;   /* the same: 1 / sum of the row of G, 0 if no centre reaches the pixel */
    const double *x1;        /* height x 4: powers 1 to 4 of the row coordinate */
    const double *x2;        /* n_strips x LANES: column coordinate */
    const int *top, *bottom; /* n_strips: rows [top, bottom) of the strip hold pixels of the region */
    double zeros;            /* lanes of these rows that do not belong to the region */
    const double *kernel;    /* at its middle; `half` + LANES zeros beyond the ends */
    int n_rows;              /* number of centre rows */
    const int *row;          /* n_rows: position */
    const int *first;        /* n_rows + 1: its centres are column[first[i]] .. column[first[i + 1] - 1] */
    const int *column;       /* position of each centre */
    const int *pair;         /* n_rows x n_rows: index of the contraction of two centre rows (a <= b), or -1 */
    int n_pairs, width;      /* width: length of a contraction, n_strips * LANES + LANES */
    const int *first_segment; /* n_strips + 1 */
    const Segment *segment;
} Region;

/* Rows of an array whose elements are contiguous within a row. */
typedef struct {
    const double *y;
    ptrdiff_t y_stride; /* in elements */
    const uint8_t *omega;
    ptrdiff_t omega_stride;
    int height, width;
} Source;

/* Number of set pixels of a row; marks their columns. */
CLONES static int mark_columns(const uint8_t *omega, int width, uint8_t *used) {
    int count = 0;
    for (int c = 0; c < width; c++) {
        used[c] |= omega[c];
        count += omega[c];
    }
    return count;
}

typedef struct {
    int top, bottom, foreground;
} StripCounts;

/* Copy the pixels of the region in `lanes` columns into a strip, which is zero. */
CLONES static StripCounts fill_strip(const Source *source, const int *rows, int height, const int *columns, int lanes,
                                     double *strip) {
    StripCounts counts = {height, 0, 0};
    for (int r = 0; r < height; r++) {
        const double *y = source->y + rows[r] * source->y_stride;
        const uint8_t *omega = source->omega + rows[r] * source->omega_stride;
        double *to = strip + (size_t)r * LANES;
        int any = 0;
        for (int lane = 0; lane < lanes; lane++) {
            const int c = columns[lane];
            to[lane] = omega[c] ? y[c] : 0.0;
            counts.foreground += to[lane] > 0;
            any |= omega[c];
        }
        if (any) {
            counts.top = r < counts.top ? r : counts.top;
            counts.bottom = r + 1;
        }
    }
    return counts;
}

/* Set the pixels of the region in `lanes` columns where the strip is positive. */
CLONES static void threshold_strip(const Source *source, const int *rows, int height, const int *columns, int lanes,
                                   const double *strip, uint8_t *mask) {
    for (int r = 0; r < height; r++) {
        const uint8_t *omega = source->omega + rows[r] * source->omega_stride;
        uint8_t *to = mask + (size_t)rows[r] * source->width;
        for (int lane = 0; lane < lanes; lane++) to[columns[lane]] = omega[columns[lane]] & (strip[r * LANES + lane] > 0);
    }
}

#endif
