/* Between the rows of an image and the strips of a region. */
#ifndef SUPERDSM_REGION_LAYOUT_H
#define SUPERDSM_REGION_LAYOUT_H

#include "kernels.h"

/* Number of set pixels of a row; marks their columns. */
static int mark_columns(const uint8_t *omega, int width, uint8_t *used) {
    int count = 0;
    for (int c = 0; c < width; c++) {
        used[c] |= omega[c];
        count += omega[c];
    }
    return count;
}

/* Copy the pixels of the region in `lanes` columns into a strip, which is zero. */
static StripCounts fill_strip(const Source *source, const int *rows, int height, const int *columns, int lanes,
                                     double *strip) {
    StripCounts counts = {height, 0, 0};
    for (int r = 0; r < height; r++) {
        const double *y = source->y + rows[r] * source->y_stride;
        const uint8_t *omega = source->omega + rows[r] * source->omega_stride;
        double *to = strip + (size_t)r * STRIP;
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
static void threshold_strip(const Source *source, const int *rows, int height, const int *columns, int lanes,
                                   const double *strip, uint8_t *mask) {
    for (int r = 0; r < height; r++) {
        const uint8_t *omega = source->omega + rows[r] * source->omega_stride;
        uint8_t *to = mask + (size_t)rows[r] * source->width;
        for (int lane = 0; lane < lanes; lane++) to[columns[lane]] = omega[columns[lane]] & (strip[r * STRIP + lane] > 0);
    }
}

#endif
