/* Passes over the pixels of a region: energy and derivatives of the deformable shape model.
 *
 * The pixels lie in strips of LANES columns of the compacted region. G is never stored: its columns are products of a
 * kernel over rows and a kernel over columns, divided by the sum of the row of G. Sums over pixels are contracted over
 * the rows of a strip first (here), then over columns (`contract_columns`). See docs/performance.md. */
#ifndef SUPERDSM_SURFACE_H
#define SUPERDSM_SURFACE_H

#include <math.h>

#include "region_layout.h"

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define LOG2 0.69314718055994530942

/* Sums over pixels; powers of (row, column): 1, x1, x2, x1^2, x1 x2, x2^2, x1^3, ..., by total degree. */
typedef struct {
    double energy;
    double gradient[6];
    double hessian[15];
} Moments;

typedef struct {
    vec g[6], h[15];
    vec linear;
    Product product;
} Totals;

/* What a vector of pixels adds: g = d/ds and h = d2/ds2 of log(1 + exp(-y s)). */
INLINE void logistic(vec y, vec s, Totals *totals, vec *g, vec *h) {
    vec z = y * s, a = absolute(z);
    vec e = exp_minus(a), u = e + 1.0, r = 1.0 / u, t = e * r;
    totals->linear += a - z;
    totals->product.mantissa *= u;
    *g = -(y * blend(negative(z), r, t));
    *h = y * y * (t * r);
}

INLINE Totals no_totals(void) {
    Totals totals;
    for (int i = 0; i < 6; i++) totals.g[i] = zero();
    for (int i = 0; i < 15; i++) totals.h[i] = zero();
    totals.linear = zero();
    totals.product = one();
    return totals;
}

/* Add the moments over rows (g: degrees 0 to 2, h: 0 to 4) of a strip to the moments over both coordinates. */
INLINE void add_strip(Totals *totals, const vec g[3], const vec h[5], vec x) {
    int index = 0;
    vec power[5];
    power[0] = splat(1.0);
    for (int i = 1; i < 5; i++) power[i] = power[i - 1] * x;
    for (int degree = 0; degree < 5; degree++)
        for (int column = 0; column <= degree; column++, index++) {
            totals->h[index] += h[degree - column] * power[column];
            if (degree < 3) totals->g[index] += g[degree - column] * power[column];
        }
}

/* `zeros`: how many zeros, each of which contributed log(2), do not belong to the region. */
INLINE void finish(Totals *totals, double zeros, Moments *moments) {
    double energy = 0.5 * sum(totals->linear);
    normalise(&totals->product);
    for (int i = 0; i < LANES; i++) {
        energy += log(LANE(totals->product.mantissa, i));
        zeros -= (double)LANE(totals->product.exponent, i);
    }
    moments->energy = energy - LOG2 * zeros;
    for (int i = 0; i < 6; i++) moments->gradient[i] = sum(totals->g[i]);
    for (int i = 0; i < 15; i++) moments->hessian[i] = sum(totals->h[i]);
}

/* The terms of single pixels (n: a multiple of LANES). */
CLONES static void logistic_terms(const double *y, const double *s, size_t n, double *energy, double *g, double *h) {
    for (size_t i = 0; i < n; i += LANES) {
        Totals totals = no_totals();
        vec gi, hi;
        logistic(load(y + i), load(s + i), &totals, &gi, &hi);
        store(g + i, gi);
        store(h + i, hi);
        for (int k = 0; k < LANES; k++)
            energy[i + k] = 0.5 * LANE(totals.linear, k) + log(LANE(totals.product.mantissa, k));
    }
}

/* Elliptical model with coefficients q of 1, x1, x2, x1^2, x1 x2, x2^2; looks at every `stride`-th row. */
CLONES static void elliptical_pass(const Region *region, const double *q, int stride, Moments *moments) {
    Totals totals = no_totals();
    for (int strip = 0; strip < region->n_strips; strip++) {
        const vec x = load(region->x2 + strip * LANES), curved = q[5] * x * x;
        const double *y = region->y + (size_t)strip * region->height * LANES;
        int row = (region->top[strip] + stride - 1) / stride * stride, bottom = region->bottom[strip];
        vec g[3] = {zero(), zero(), zero()}, h[5] = {zero(), zero(), zero(), zero(), zero()};
        while (row < bottom) {
            int end = MIN(bottom, row + CHUNK * stride);
            for (; row < end; row += stride) {
                const double *x1 = region->x1 + 4 * row;
                double constant = q[0] + q[1] * x1[0] + q[3] * x1[1], slope = q[2] + q[4] * x1[0];
                vec gi, hi;
                logistic(load(y + row * LANES), curved + slope * x + constant, &totals, &gi, &hi);
                g[0] += gi;
                g[1] += gi * x1[0];
                g[2] += gi * x1[1];
                h[0] += hi;
                h[1] += hi * x1[0];
                h[2] += hi * x1[1];
                h[3] += hi * x1[2];
                h[4] += hi * x1[3];
            }
            normalise(&totals.product);
        }
        add_strip(&totals, g, h, x);
    }
    finish(&totals, region->zeros / stride, moments);
}

INLINE void accumulate(double *to, vec value) { store(to, load(to) + value); }

/* Contract the weights with the centre row a and N others. */
#define CONTRACT(N)                                                                                   \
    {                                                                                                 \
        const double *k[N];                                                                           \
        vec c[N];                                                                                     \
        for (int m = 0; m < N; m++) {                                                                 \
            k[m] = region->kernel - region->row[other[m]];                                            \
            c[m] = zero();                                                                            \
        }                                                                                             \
        for (int row = segment->begin; row < segment->end; row++) {                                   \
            vec v = load(weights + 3 * LANES * row) * ka[row];                                        \
            for (int m = 0; m < N; m++) c[m] += v * k[m][row];                                        \
        }                                                                                             \
        for (int m = 0; m < N; m++) accumulate(pairs + pair[other[m]] * width + strip * LANES, c[m]); \
    }                                                                                                 \
    break;

/* Contract the weights over the rows of a segment: with one centre row (four sums), and with each pair of centre rows. */
INLINE void contract_rows(const Region *region, const Segment *segment, int strip, const double *weights, double *pairs,
                          double *singles) {
    const size_t width = (size_t)region->width;
    const double *x1 = region->x1;
    for (int i = 0; i < segment->count; i++) {
        const int a = segment->active[i];
        const int *pair = region->pair + a * region->n_rows;
        const double *ka = region->kernel - region->row[a];
        double *single = singles + 4 * a * width + strip * LANES;
        vec c0 = zero(), c1 = zero(), c2 = zero(), cg = zero();
        for (int row = segment->begin; row < segment->end; row++) {
            const double *w = weights + 3 * LANES * row;
            vec t = load(w + LANES) * ka[row];
            c0 += t;
            c1 += t * x1[4 * row];
            c2 += t * x1[4 * row + 1];
            cg += load(w + 2 * LANES) * ka[row];
        }
        accumulate(single, c0);
        accumulate(single + width, c1);
        accumulate(single + 2 * width, c2);
        accumulate(single + 3 * width, cg);
        for (int j = i; j < segment->count; j += 4) {
            const int *other = segment->active + j;
            switch (MIN(4, segment->count - j)) {
            case 1: CONTRACT(1)
            case 2: CONTRACT(2)
            case 3: CONTRACT(3)
            default: CONTRACT(4)
            }
        }
    }
}

/* The rows of a segment: adds to the totals and moments, and stores the weights to contract. */
#define SEGMENT_ROWS(DEFORMATION)                                                          \
    for (int row = segment->begin; row < segment->end; row++) {                            \
        const double *x1 = region->x1 + 4 * row;                                           \
        double constant = q[0] + q[1] * x1[0] + q[3] * x1[1], slope = q[2] + q[4] * x1[0]; \
        double *w = weights + 3 * LANES * row;                                             \
        vec inverse = load(region->inverse + offset + row * LANES), gi, hi;                \
        vec s = curved + slope * x + constant + inverse * (DEFORMATION);                   \
        logistic(load(region->y + offset + row * LANES), s, &totals, &gi, &hi);            \
        g[0] += gi;                                                                        \
        g[1] += gi * x1[0];                                                                \
        g[2] += gi * x1[1];                                                                \
        h[0] += hi;                                                                        \
        h[1] += hi * x1[0];                                                                \
        h[2] += hi * x1[1];                                                                \
        h[3] += hi * x1[2];                                                                \
        h[4] += hi * x1[3];                                                                \
        hi = hi * inverse;                                                                 \
        store(w, hi * inverse);                                                            \
        store(w + LANES, hi);                                                              \
        store(w + 2 * LANES, gi * inverse);                                                \
    }

/* The same where the number of active centre rows is known to the compiler. */
#define FEW_ROWS(N)                                                                                  \
    {                                                                                                \
        vec active[N];                                                                               \
        const double *kernel[N];                                                                     \
        for (int m = 0; m < N; m++) {                                                                \
            active[m] = load(t + (size_t)segment->active[m] * region->width + strip * LANES);        \
            kernel[m] = region->kernel - region->row[segment->active[m]];                            \
        }                                                                                            \
        SEGMENT_ROWS(SUM_##N)                                                                        \
    }                                                                                                \
    break;
#define SUM_3 active[0] * kernel[0][row] + active[1] * kernel[1][row] + active[2] * kernel[2][row]
#define SUM_4 SUM_3 + active[3] * kernel[3][row]
#define SUM_5 SUM_4 + active[4] * kernel[4][row]

/* Deformable model: q as above, and t = for each centre row the deformation over the columns (n_rows x width).
 * With `pairs` and `singles` (zeroed by the caller), weights are contracted as well; `weights` is scratch memory. */
CLONES static void surface_pass(const Region *region, const double *q, const double *t, Moments *moments,
                                double *weights, double *pairs, double *singles) {
    Totals totals = no_totals();
    for (int strip = 0; strip < region->n_strips; strip++) {
        const vec x = load(region->x2 + strip * LANES), curved = q[5] * x * x;
        const size_t offset = (size_t)strip * region->height * LANES;
        vec g[3] = {zero(), zero(), zero()}, h[5] = {zero(), zero(), zero(), zero(), zero()};
        for (int i = region->first_segment[strip]; i < region->first_segment[strip + 1]; i++) {
            const Segment *segment = region->segment + i;
            switch (segment->count) {
            case 3: FEW_ROWS(3)
            case 4: FEW_ROWS(4)
            case 5: FEW_ROWS(5)
            default:
                for (int row = segment->begin; row < segment->end; row++) store(weights + 3 * LANES * row, zero());
                for (int m = 0; m < segment->count; m++) {
                    const vec active = load(t + (size_t)segment->active[m] * region->width + strip * LANES);
                    const double *kernel = region->kernel - region->row[segment->active[m]];
                    for (int row = segment->begin; row < segment->end; row++)
                        accumulate(weights + 3 * LANES * row, active * kernel[row]);
                }
                SEGMENT_ROWS(load(w))
            }
            normalise(&totals.product);
            if (pairs) contract_rows(region, segment, strip, weights, pairs, singles);
        }
        add_strip(&totals, g, h, x);
    }
    finish(&totals, region->zeros, moments);
}

/* The surface s at all pixels, in strips; t == NULL: its polynomial part; not normalised without `inverse`. */
CLONES static void surface_values(const Region *region, const double *q, const double *t, double *s) {
    for (int strip = 0; strip < region->n_strips; strip++) {
        const vec x = load(region->x2 + strip * LANES), curved = q[5] * x * x;
        const size_t offset = (size_t)strip * region->height * LANES;
        for (int row = region->top[strip]; row < region->bottom[strip]; row++) {
            const double *x1 = region->x1 + 4 * row;
            double constant = q[0] + q[1] * x1[0] + q[3] * x1[1], slope = q[2] + q[4] * x1[0];
            store(s + offset + row * LANES, curved + slope * x + constant);
        }
        if (!t) continue;
        for (int i = region->first_segment[strip]; i < region->first_segment[strip + 1]; i++) {
            const Segment *segment = region->segment + i;
            for (int row = segment->begin; row < segment->end; row++) {
                double *to = s + offset + row * LANES;
                vec deformation = zero();
                for (int m = 0; m < segment->count; m++) {
                    const int a = segment->active[m];
                    const double *active = t + (size_t)a * region->width + strip * LANES;
                    deformation += load(active) * region->kernel[row - region->row[a]];
                }
                if (region->inverse) deformation *= load(region->inverse + offset + row * LANES);
                store(to, load(to) + deformation);
            }
        }
    }
}

/* t[centre row][column] = sum over the centres of the row of xi * kernel(column - centre); xi == NULL: all 1. */
CLONES static void expand_columns(const Region *region, const double *xi, double *t) {
    memset(t, 0, sizeof(double) * region->n_rows * region->width);
    for (int a = 0; a < region->n_rows; a++)
        for (int i = region->first[a]; i < region->first[a + 1]; i++) {
            const int centre = region->column[i];
            const double *kernel = region->kernel - centre;
            double *to = t + (size_t)a * region->width;
            int begin = MAX(0, centre - region->half), end = MIN(region->width - LANES, centre + region->half + 1);
            for (int c = begin; c < end; c += LANES) accumulate(to + c, load(kernel + c) * splat(xi ? xi[i] : 1.0));
        }
}

/* Second half of the contraction: gradient and Hessian with respect to xi. `hessian` has rows of length n_xi + 6 (its
 * lower triangle is written, rows n_xi .. n_xi + 5 belong to q), `gradient` n_xi entries; `weighted` is scratch. */
CLONES static void contract_columns(const Region *region, const double *pairs, const double *singles, double *weighted,
                                    double *gradient, double *hessian) {
    const int n_xi = region->first[region->n_rows], stride = n_xi + 6, half = region->half;
    const int last = region->width - LANES - 1;
    const size_t width = (size_t)region->width;
    for (int a = 0; a < region->n_rows; a++)
        for (int i = region->first[a]; i < region->first[a + 1]; i++) {
            const int ci = region->column[i], begin = MAX(0, ci - half), end = MIN(last, ci + half);
            const double *ki = region->kernel - ci, *z = singles + 4 * a * width;
            vec m[7];
            for (int k = 0; k < 7; k++) m[k] = zero();
            for (int c = begin; c <= end; c += LANES) {
                vec k = load(ki + c), x = load(region->x2 + c), kx = k * x;
                m[0] += k * load(z + c);
                m[1] += k * load(z + width + c);
                m[2] += kx * load(z + c);
                m[3] += k * load(z + 2 * width + c);
                m[4] += kx * load(z + width + c);
                m[5] += kx * x * load(z + c);
                m[6] += k * load(z + 3 * width + c);
            }
            for (int k = 0; k < 6; k++) hessian[(size_t)(n_xi + k) * stride + i] = sum(m[k]);
            gradient[i] = sum(m[6]);
            for (int b = a; b < region->n_rows; b++) {
                const int pair = region->pair[a * region->n_rows + b];
                if (pair < 0) continue;
                for (int c = begin; c <= end; c += LANES)
                    store(weighted + c, load(ki + c) * load(pairs + pair * width + c));
                for (int j = b == a ? i : region->first[b]; j < region->first[b + 1]; j++) {
                    const int cj = region->column[j], from = MAX(begin, cj - half), to = MIN(end, cj + half);
                    const double *kj = region->kernel - cj;
                    vec dot = zero();
                    /* Vectors begin where those of `weighted` do; the kernel is zero beyond its ends. */
                    for (int c = begin + (from - begin) / LANES * LANES; c <= to; c += LANES)
                        dot += load(kj + c) * load(weighted + c);
                    hessian[(size_t)j * stride + i] = from <= to ? sum(dot) : 0.0;
                }
            }
        }
}

#endif
