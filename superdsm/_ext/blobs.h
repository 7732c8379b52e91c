/* Determinants of the Hessian of an image by box filters over its integral image (Bay et al., SURF). */
#ifndef SUPERDSM_BLOBS_H
#define SUPERDSM_BLOBS_H

#include "simd.h"

#define MIN_CURVATURE 0.0149f /* |d2/dx2| below this has no determinant above 0.01, as |d2/dy2| <= 2/3 */

INLINE ptrdiff_t clip_index(ptrdiff_t i, ptrdiff_t n) { return i < 0 ? 0 : i < n ? i : n - 1; }

/* Sums over the boxes of `rows` x `cols` pixels that begin below (r + top, c + left), for n columns c from c0. A box
   whose corner lies outside the image is moved inside, hence the constant left part. */
INLINE void box_sums(double *restrict out, const Integral *image, ptrdiff_t r, ptrdiff_t top, ptrdiff_t rows,
                            ptrdiff_t c0, ptrdiff_t left, ptrdiff_t cols, ptrdiff_t n)
{
    ptrdiff_t r1 = clip_index(r + top, image->height), r2 = clip_index(r1 + rows, image->height), i = 0;
    const double *p = image->data + r1 * image->stride, *q = image->data + r2 * image->stride;
    if (c0 + left < 0) {
        ptrdiff_t end = -left - c0 < n ? -left - c0 : n, c2 = clip_index(cols, image->width);
        double value = p[0] + q[c2] - p[c2] - q[0];
        value = value > 0 ? value : 0;
        for (; i < end; i++)
            out[i] = value;
    }
    p += c0 + left;
    q += c0 + left;
    for (; i < n; i++) {
        double value = p[i] + q[i + cols] - p[i + cols] - q[i];
        out[i] = value > 0 ? value : 0;
    }
}

/* Second derivative from the sum over a box and over its middle third; single precision as in the reference tables. */
INLINE int curvatures(float *restrict out, const double *restrict whole, const double *restrict middle,
                             float area, float slack, ptrdiff_t n)
{
    const float least = MIN_CURVATURE - slack;
    int curved = 0;
    for (ptrdiff_t i = 0; i < n; i++) {
        float value = (float)(whole[i] - 3 * middle[i]);
        value = -value / area;
        out[i] = value;
        curved |= (value > least) | (value < -least);
    }
    return curved;
}

/* Find the blocks of columns that have determinants above `least`, or that may have some in rows at most `reach` away.

   Sums over a box of n x m pixels with values in [0, 1] change by at most m from a row to the next. */
static void possible_blocks(char *restrict possible, const Integral *image, ptrdiff_t r, ptrdiff_t length,
                            ptrdiff_t reach, double least)
{
    const ptrdiff_t a = length / 3, h = (length - 1) / 2, mid = a / 2;
    const float area = (float)(length * length), slack = 2.01f * (float)reach / (float)length,
                slack_y = 2.68f * (float)reach / (float)length, bound = (float)(0.999 * least);
    double b1[BLOCK], b2[BLOCK];
    float dxx[BLOCK], dyy[BLOCK];
    for (ptrdiff_t c = 0; c < image->width; c += BLOCK) {
        ptrdiff_t n = image->width - c < BLOCK ? image->width - c : BLOCK;
        int found = 0;
        box_sums(b1, image, r, 1 - a, 2 * a - 1, c, -h, length, n);
        box_sums(b2, image, r, 1 - a, 2 * a - 1, c, -mid, a, n);
        if (curvatures(dxx, b1, b2, area, slack, n)) {
            box_sums(b1, image, r, -h, length, c, 1 - a, 2 * a - 1, n);
            box_sums(b2, image, r, -mid, a, c, 1 - a, 2 * a - 1, n);
            curvatures(dyy, b1, b2, area, slack_y, n);
            for (ptrdiff_t i = 0; i < n; i++) {
                float xx = dxx[i] < 0 ? slack - dxx[i] : slack + dxx[i], yy = dyy[i] < 0 ? slack_y - dyy[i] : slack_y + dyy[i];
                int signs = dxx[i] * dyy[i] > 0 || xx < 2 * slack || yy < 2 * slack_y;
                found |= signs & (xx * yy > bound);
            }
        }
        possible[c / BLOCK] = (char)found;
    }
}

/* One row of determinants for boxes of side `length`: out[c] for c in [0, width), 0 where they are not above `least`
   (at least 0.01), and active[c / BLOCK]: whether there are others. Blocks that are not possible are not looked at. */
static void determinant_row(double *restrict out, char *restrict active, const char *restrict possible,
                            const Integral *image, ptrdiff_t r, ptrdiff_t length, double least)
{
    const ptrdiff_t a = length / 3, h = (length - 1) / 2, mid = a / 2;
    const float area = (float)(length * length);
    double b1[BLOCK], b2[BLOCK], b3[BLOCK], b4[BLOCK];
    float dxx[BLOCK], dyy[BLOCK];
    for (ptrdiff_t c = 0; c < image->width; c += BLOCK) {
        ptrdiff_t n = image->width - c < BLOCK ? image->width - c : BLOCK;
        int found = 0;
        char *flag = active + c / BLOCK;
        *flag = 0;
        if (possible[c / BLOCK]) {
            box_sums(b1, image, r, 1 - a, 2 * a - 1, c, -h, length, n);
            box_sums(b2, image, r, 1 - a, 2 * a - 1, c, -mid, a, n);
            found = curvatures(dxx, b1, b2, area, 0, n);
        }
        if (found) {
            found = 0;
            box_sums(b1, image, r, -h, length, c, 1 - a, 2 * a - 1, n);
            box_sums(b2, image, r, -mid, a, c, 1 - a, 2 * a - 1, n);
            curvatures(dyy, b1, b2, area, 0, n);
            for (ptrdiff_t i = 0; i < n; i++) {
                dxx[i] *= dyy[i];
                found |= dxx[i] > least;
            }
        }
        if (found) {
            box_sums(b1, image, r, -a, a, c, 1, a, n);
            box_sums(b2, image, r, 1, a, c, -a, a, n);
            box_sums(b3, image, r, -a, a, c, -a, a, n);
            box_sums(b4, image, r, 1, a, c, 1, a, n);
            found = 0;
            for (ptrdiff_t i = 0; i < n; i++) {
                float dxy = (float)(b1[i] + b2[i] - b3[i] - b4[i]);
                dxy = -dxy / area;
                double value = (double)dxx[i] - 0.81 * (double)(dxy * dxy);
                found |= value > least;
                out[c + i] = value > least ? value : 0;
            }
            *flag = (char)found;
        }
        if (!*flag)
            for (ptrdiff_t i = 0; i < n; i++)
                out[c + i] = 0;
    }
}

INLINE ptrdiff_t reflect_index(ptrdiff_t i, ptrdiff_t n)
{
    i %= 2 * n;
    if (i < 0)
        i += 2 * n;
    return i < n ? i : 2 * n - 1 - i;
}

/* Laplacian of Gaussian at a pixel: the sum of k0 (x) k2 and k2 (x) k0 over the (2 radius + 1)^2 pixels around it, with
   reflection at the borders. The kernels k0 and k2 end with STRIP zeros; `line` has room for as many values. */
static double log_at(const double *image, ptrdiff_t height, ptrdiff_t width, ptrdiff_t r, ptrdiff_t c,
                     const double *k0, const double *k2, ptrdiff_t radius, double *line)
{
    const ptrdiff_t size = 2 * radius + 1;
    const int inside = c >= radius && c + radius + STRIP < width;
    vec total[PARTS];
    for (int part = 0; part < PARTS; part++)
        total[part] = zero();
    for (ptrdiff_t j = 0; j < size; j++) {
        const double *row = image + reflect_index(r - radius + j, height) * width;
        if (inside)
            row += c - radius;
        else {
            for (ptrdiff_t i = 0; i < size + STRIP; i++)
                line[i] = row[reflect_index(c - radius + i, width)];
            row = line;
        }
        for (int part = 0; part < PARTS; part++) {
            vec sum0 = zero(), sum2 = zero();
            for (ptrdiff_t i = part * LANES; i < size + part * LANES; i += STRIP) {
                vec values = load(row + i);
                sum0 = add(sum0, mul(values, load(k0 + i)));
                sum2 = add(sum2, mul(values, load(k2 + i)));
            }
            total[part] = add(total[part], add(mul(sum0, splat(k2[j])), mul(sum2, splat(k0[j]))));
        }
    }
    return sum(total);
}

/* Sum of products of n single-precision values; n is a multiple of WAVES. */
static float dot_single(const float *a, const float *b, ptrdiff_t n)
{
    single sums[WAVES / SINGLES];
    float lanes[WAVES], total = 0;
    for (int k = 0; k < WAVES / SINGLES; k++)
        sums[k] = splat_single(0);
    for (ptrdiff_t i = 0; i < n; i += WAVES)
        for (int k = 0; k < WAVES / SINGLES; k++)
            sums[k] = add_product(sums[k], load_single(a + i + k * SINGLES), load_single(b + i + k * SINGLES));
    for (int k = 0; k < WAVES / SINGLES; k++)
        store_single(lanes + k * SINGLES, sums[k]);
    for (int i = 0; i < WAVES; i++)
        total += lanes[i];
    return total;
}
_Static_assert(WAVES % SINGLES == 0, "registers have to divide the lanes of a sum");

/* Integral image of stride `stride`, whose rows repeat their last value behind the last column. */
static void integrate(double *restrict out, double *restrict columns, const double *restrict image, ptrdiff_t height,
                      ptrdiff_t width, ptrdiff_t stride)
{
    for (ptrdiff_t c = 0; c < width; c++)
        columns[c] = 0;
    for (ptrdiff_t r = 0; r < height; r++, image += width, out += stride) {
        double total = 0;
        ptrdiff_t c;
        for (c = 0; c < width; c++)
            columns[c] += image[c];
        for (c = 0; c < width; c++)
            out[c] = total += columns[c];
        for (; c < stride; c++)
            out[c] = total;
    }
}

#endif
