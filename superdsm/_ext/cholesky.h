/* Cholesky factorisation within an envelope: row i of the lower triangle is zero before column first[i]. Only what is
 * within is stored, row after row; a + row[i] is where column 0 of the row i would be.
 *
 * Not LAPACK's: its result depends on its number of threads, and it cannot make use of the envelope. */
#ifndef SUPERDSM_CHOLESKY_H
#define SUPERDSM_CHOLESKY_H

#include "simd.h"

/* Strips of lanes, and what is left one by one. */
INLINE double dot(const double *a, const double *b, int n) {
    vec sums[PARTS];
    double tail = 0;
    int i = 0;
    for (int part = 0; part < PARTS; part++) sums[part] = zero();
    for (; i + STRIP <= n; i += STRIP)
        for (int part = 0; part < PARTS; part++)
            sums[part] = madd(load(a + i + part * LANES), load(b + i + part * LANES), sums[part]);
    for (; i < n; i++) tail = madd_one(a[i], b[i], tail);
    return sum(sums) + tail;
}

#define FLAT 1e-14    /* a pivot below this part of its diagonal element is rounding: there is no curvature */
#define FROZEN 1e-150 /* inverse pivot of such a variable, which leaves it where it is */

/* Replace the lower triangle a by its factor. */
static void factorise(double *a, const ptrdiff_t *row, const int *first, double *inverse_diagonal, int n) {
    for (int i = 0; i < n; i++) {
        double *ai = a + row[i];
        for (int j = first[i]; j < i; j++) {
            const int begin = first[i] > first[j] ? first[i] : first[j];
            ai[j] = (ai[j] - dot(ai + begin, a + row[j] + begin, j - begin)) * inverse_diagonal[j];
        }
        const double pivot = ai[i] - dot(ai + first[i], ai + first[i], i - first[i]);
        inverse_diagonal[i] = pivot > FLAT * ai[i] ? 1.0 / sqrt(pivot) : FROZEN;
    }
}

/* Solve with the factor, in place. */
static void solve(const double *a, const ptrdiff_t *row, const int *first, const double *inverse_diagonal, int n,
                  double *x) {
    for (int i = 0; i < n; i++)
        x[i] = (x[i] - dot(a + row[i] + first[i], x + first[i], i - first[i])) * inverse_diagonal[i];
    for (int i = n - 1; i >= 0; i--) {
        const double *ai = a + row[i];
        x[i] *= inverse_diagonal[i];
        for (int j = first[i]; j < i; j++) x[j] = madd_one(-ai[j], x[i], x[j]);
    }
}

#endif
