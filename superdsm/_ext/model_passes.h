/* Passes over the pixels of a region: energy and derivatives of the deformable shape model.
 *
 * With F = (1, x1, x2, x1^2, x1 x2, x2^2) at a pixel, the surface, the energy and its derivatives are
 *
 *     s = F q + G xi,   nu = sum log(1 + exp(-y s)),   g = d nu / d s = -y p,   h = d2 nu / d s2 = y^2 p (1 - p)
 *
 * with p = 1 / (1 + exp(y s)), one g and h for each pixel, and
 *
 *     d nu / d q = sum g F,   d2 nu / d q2 = sum h F F',   and so on with columns of G in the place of F.
 *
 * Sums with F alone are moments: sums of g x1^i x2^j up to degree 2, and of h x1^i x2^j up to degree 4. Sums with G are
 * contractions, see deformable_pass.h. Both are summed over the rows of a strip first, lane by lane. A register holds
 * LANES columns of a strip; its PARTS registers are worked on one after the other, so that sums fit into registers. */
#ifndef SUPERDSM_MODEL_PASSES_H
#define SUPERDSM_MODEL_PASSES_H

#include "simd.h"

#define LOG2 0.69314718055994530942

/* Sums over pixels, for a part of a strip: terms of the energy, which are (|z| - z) / 2 and a factor. */
typedef struct {
    vec linear;
    Product product;
} Energy;

/* Moments over the rows of a strip: g x1^i for i = 0, 1, 2, and h x1^i for i = 0, ..., 4. */
typedef struct {
    vec g[3], h[5];
} RowMoments;

/* The energy, and moments over both coordinates in the order of `Moments`. */
typedef struct {
    Energy energy;
    vec g[6], h[15];
} Totals;

/* The polynomial in a part of a strip: F q = (q0 + q1 x1 + q3 x1^2) + (q2 + q4 x1) x2 + q5 x2^2. */
typedef struct {
    const Line *lines; /* its constant and its slope in each row */
    vec x2, curved;    /* column coordinate, and q5 x2^2 */
} Polynomial;

/* Constant and slope of every `stride`-th row. */
INLINE void fill_lines(const Pixels *pixels, const double *q, int stride, Line *lines) {
    for (int row = 0; row < pixels->height; row += stride) {
        const Powers *x1 = pixels->x1 + row;
        lines[row].constant = madd_one(q[3], x1->x2, madd_one(q[1], x1->x, q[0]));
        lines[row].slope = madd_one(q[4], x1->x, q[2]);
    }
}

INLINE Polynomial polynomial(const double *q, const Line *lines, const double *x2) {
    Polynomial p;
    p.lines = lines;
    p.x2 = load(x2);
    p.curved = mul(mul(splat(q[5]), p.x2), p.x2);
    return p;
}

/* F q at a row. */
INLINE vec polynomial_at(const Polynomial *p, int row) {
    return add(madd(splat(p->lines[row].slope), p->x2, p->curved), splat(p->lines[row].constant));
}

INLINE Energy no_energy(void) {
    Energy energy;
    energy.linear = zero();
    energy.product = one();
    return energy;
}

INLINE RowMoments no_row_moments(void) {
    RowMoments moments;
    for (int i = 0; i < 3; i++) moments.g[i] = zero();
    for (int i = 0; i < 5; i++) moments.h[i] = zero();
    return moments;
}

INLINE Totals no_totals(void) {
    Totals totals;
    totals.energy = no_energy();
    for (int i = 0; i < 6; i++) totals.g[i] = zero();
    for (int i = 0; i < 15; i++) totals.h[i] = zero();
    return totals;
}

/* Add the energy of pixels, and compute g and h.
 *
 * With z = y s and e = exp(-|z|) <= 1, log(1 + exp(-z)) = (|z| - z) / 2 + log(1 + e), and p is 1 / (1 + e) for negative z
 * and e / (1 + e) for others. */
INLINE void logistic(vec y, vec s, Energy *energy, vec *g, vec *h) {
    const vec z = mul(y, s), a = absolute(z);
    const vec e = exp_minus(a), u = add(e, splat(1.0)), r = divide(splat(1.0), u), t = mul(e, r);
    energy->linear = add(energy->linear, sub(a, z));
    energy->product.mantissa = mul(energy->product.mantissa, u);
    *g = mul(negate(y), if_negative(z, r, t));
    *h = mul(mul(y, y), mul(t, r));
}

INLINE void add_row(RowMoments *moments, vec g, vec h, const Powers *x1) {
    moments->g[0] = add(moments->g[0], g);
    moments->g[1] = madd(g, splat(x1->x), moments->g[1]);
    moments->g[2] = madd(g, splat(x1->x2), moments->g[2]);
    moments->h[0] = add(moments->h[0], h);
    moments->h[1] = madd(h, splat(x1->x), moments->h[1]);
    moments->h[2] = madd(h, splat(x1->x2), moments->h[2]);
    moments->h[3] = madd(h, splat(x1->x3), moments->h[3]);
    moments->h[4] = madd(h, splat(x1->x4), moments->h[4]);
}

/* Add the moments over the rows of a strip, times the powers of x2. */
INLINE void add_strip(Totals *totals, const RowMoments *moments, vec x2) {
    int index = 0;
    vec power[5];
    power[0] = splat(1.0);
    for (int i = 1; i < 5; i++) power[i] = mul(power[i - 1], x2);
    for (int degree = 0; degree < 5; degree++)
        for (int column = 0; column <= degree; column++, index++) {
            totals->h[index] = madd(moments->h[degree - column], power[column], totals->h[index]);
            if (degree < 3) totals->g[index] = madd(moments->g[degree - column], power[column], totals->g[index]);
        }
}

/* `zeros`: how many pixels with y = 0, each of which contributed log(2), do not belong to the region. */
INLINE void finish(Totals totals[PARTS], double zeros, Moments *moments) {
    vec lanes[PARTS];
    double mantissa[LANES], energy;
    uint64_t exponent[LANES];
    for (int part = 0; part < PARTS; part++) lanes[part] = totals[part].energy.linear;
    energy = 0.5 * sum(lanes);
    for (int part = 0; part < PARTS; part++) {
        normalise(&totals[part].energy.product);
        store(mantissa, totals[part].energy.product.mantissa);
        memcpy(exponent, &totals[part].energy.product.exponent, sizeof exponent);
        for (int i = 0; i < LANES; i++) {
            energy += log(mantissa[i]);
            zeros -= (double)exponent[i];
        }
    }
    moments->energy = madd_one(-LOG2, zeros, energy);
    for (int i = 0; i < 6; i++) {
        for (int part = 0; part < PARTS; part++) lanes[part] = totals[part].g[i];
        moments->gradient[i] = sum(lanes);
    }
    for (int i = 0; i < 15; i++) {
        for (int part = 0; part < PARTS; part++) lanes[part] = totals[part].h[i];
        moments->hessian[i] = sum(lanes);
    }
}

/* The terms of single pixels (n: a multiple of LANES). */
static void logistic_terms(const double *y, const double *s, size_t n, double *energy, double *g, double *h) {
    for (size_t i = 0; i < n; i += LANES) {
        Energy terms = no_energy();
        double linear[LANES], factor[LANES];
        vec gi, hi;
        logistic(load(y + i), load(s + i), &terms, &gi, &hi);
        store(g + i, gi);
        store(h + i, hi);
        store(linear, terms.linear);
        store(factor, terms.product.mantissa);
        for (int lane = 0; lane < LANES; lane++) energy[i + lane] = 0.5 * linear[lane] + log(factor[lane]);
    }
}

#include "elliptical_pass.h"
#include "deformable_pass.h"
#include "column_passes.h"
#include "surface_pass.h"

#endif
