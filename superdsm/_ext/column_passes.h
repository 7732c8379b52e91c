/* Sums over columns, before and after the pass over the pixels (symbols: deformable_pass.h; a part of model_passes.h). */

/* t_a(x2) = sum over the centres of the row a of xi k(x2 - centre); xi == NULL: all 1. */
static void expand_columns(const Pixels *pixels, const Centres *centres, const double *xi, double *expanded) {
    memset(expanded, 0, sizeof(double) * centres->n_rows * pixels->width);
    for (int a = 0; a < centres->n_rows; a++)
        for (int i = centres->first[a]; i < centres->first[a + 1]; i++) {
            const int centre = centres->column[i];
            const double *kernel = centres->kernel - centre;
            double *t = expanded + (size_t)a * pixels->width;
            const vec weight = splat(xi ? xi[i] : 1.0);
            int begin = MAX(0, centre - centres->half), end = MIN(pixels->width - STRIP, centre + centres->half + 1);
            for (int c = begin; c < end; c += LANES) store(t + c, madd(load(kernel + c), weight, load(t + c)));
        }
}

/* Derivatives that belong to the centre i and to q: `hessian` has the rows `row` of q from its column i on. */
INLINE void contract_with_polynomial(const Pixels *pixels, const double *ki, SingleSums z, int begin, int end,
                                     double *gradient, double *hessian, const ptrdiff_t *row) {
    vec m[7][PARTS];
    for (int part = 0; part < PARTS; part++) {
        vec sums[7];
        for (int l = 0; l < 7; l++) sums[l] = zero();
        for (int c = begin + part * LANES; c <= end + part * LANES; c += STRIP) {
            const vec k = load(ki + c), x = load(pixels->x2 + c), kx = mul(k, x);
            sums[0] = madd(k, load(z.s0 + c), sums[0]);
            sums[1] = madd(k, load(z.s1 + c), sums[1]);
            sums[2] = madd(kx, load(z.s0 + c), sums[2]);
            sums[3] = madd(k, load(z.s2 + c), sums[3]);
            sums[4] = madd(kx, load(z.s1 + c), sums[4]);
            sums[5] = madd(mul(kx, x), load(z.s0 + c), sums[5]);
            sums[6] = madd(k, load(z.t + c), sums[6]);
        }
        for (int l = 0; l < 7; l++) m[l][part] = sums[l];
    }
    for (int l = 0; l < 6; l++) hessian[row[l]] = sum(m[l]);
    *gradient = sum(m[6]);
}

/* Sum of products of n numbers; whole strips are read. */
INLINE double sum_products(const double *a, const double *b, int n) {
    vec dot[PARTS];
    for (int part = 0; part < PARTS; part++) dot[part] = zero();
    for (int c = 0; c < n; c += STRIP)
        for (int part = 0; part < PARTS; part++)
            dot[part] = madd(load(a + c + part * LANES), load(b + c + part * LANES), dot[part]);
    return sum(dot);
}

/* Gradient and Hessian with respect to xi. Of the row i of the lower triangle of the Hessian, column 0 would be at
 * hessian + row[i], and those are written at which two centres overlap (rows n to n + 5 belong to q: all); `gradient`
 * has n entries. */
static void contract_columns(const Pixels *pixels, const Centres *centres, const Contractions *work, double *gradient,
                             double *hessian, const ptrdiff_t *row) {
    const int n = centres->n, half = centres->half, last = pixels->width - STRIP - 1;
    const size_t width = (size_t)pixels->width;
    double *weighted = work->weighted;
    for (int a = 0; a < centres->n_rows; a++)
        for (int i = centres->first[a]; i < centres->first[a + 1]; i++) {
            const int ci = centres->column[i], begin = MAX(0, ci - half), end = MIN(last, ci + half);
            const double *ki = centres->kernel - ci;
            contract_with_polynomial(pixels, ki, single_sums(work->singles, a, width), begin, end, gradient + i,
                                     hessian + i, row + n);
            for (int b = a; b < centres->n_rows; b++) {
                const int pair = centres->pair[a * centres->n_rows + b];
                if (pair < 0) continue;
                const double *p = work->pairs + pair * width;
                for (int c = begin; c <= end; c += STRIP)
                    for (int part = c; part < c + STRIP; part += LANES)
                        store(weighted + part, mul(load(ki + part), load(p + part)));
                for (int j = b == a ? i : centres->first[b]; j < centres->first[b + 1]; j++) {
                    const int cj = centres->column[j], from = MAX(begin, cj - half), to = MIN(end, cj + half);
                    /* strips begin where those of `weighted` do; the kernel is zero beyond its ends */
                    const int c = begin + (from - begin) / STRIP * STRIP;
                    if (from <= to)
                        hessian[row[j] + i] = sum_products(centres->kernel - cj + c, weighted + c, to - c + 1);
                }
            }
        }
}
