/* Cholesky factorisation within an envelope: row i of the lower triangle is zero before column first[i].
 *
 * Not LAPACK's: its result depends on its number of threads, and it cannot make use of the envelope. */
#ifndef SUPERDSM_CHOLESKY_H
#define SUPERDSM_CHOLESKY_H

#include "simd.h"

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

/* Replace the lower triangle of a (n x n) by its factor. A variable without curvature is frozen: its pivot becomes huge. */
static void factorise(double *a, const int *first, double *inverse_diagonal, int n) {
    for (int i = 0; i < n; i++) {
        double *row = a + (size_t)i * n;
        for (int j = first[i]; j < i; j++) {
            const int begin = first[i] > first[j] ? first[i] : first[j];
            row[j] = (row[j] - dot(row + begin, a + (size_t)j * n + begin, j - begin)) * inverse_diagonal[j];
        }
        const double pivot = row[i] - dot(row + first[i], row + first[i], i - first[i]);
        inverse_diagonal[i] = pivot > 1e-14 * row[i] ? 1.0 / sqrt(pivot) : 1e-150;
    }
}

/* Solve with the factor, in place. */
static void solve(const double *a, const int *first, const double *inverse_diagonal, int n, double *x) {
    for (int i = 0; i < n; i++)
        x[i] = (x[i] - dot(a + (size_t)i * n + first[i], x + first[i], i - first[i])) * inverse_diagonal[i];
    for (int i = n - 1; i >= 0; i--) {
        const double *row = a + (size_t)i * n;
        x[i] *= inverse_diagonal[i];
        for (int j = first[i]; j < i; j++) x[j] = madd_one(-row[j], x[i], x[j]);
    }
}

#endif
