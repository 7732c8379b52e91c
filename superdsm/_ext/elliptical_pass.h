/* Energy and derivatives of the elliptical model: s = F q. */

/* A part of a strip; looks at every `stride`-th row. */
INLINE void elliptical_strip(const Pixels *pixels, const Polynomial *surface, int stride, int strip, int lane,
                             Totals *totals) {
    const double *y = pixels->y + (size_t)strip * pixels->height * STRIP + lane;
    const int bottom = pixels->bottom[strip];
    int row = (pixels->top[strip] + stride - 1) / stride * stride;
    RowMoments moments = no_row_moments();
    Energy energy = totals->energy;
    while (row < bottom) {
        const int end = MIN(bottom, row + CHUNK * stride);
        for (; row < end; row += stride) {
            const Powers *x1 = pixels->x1 + row;
            vec g, h;
            logistic(load(y + row * STRIP), polynomial_at(surface, row), &energy, &g, &h);
            add_row(&moments, g, h, x1);
        }
        normalise(&energy.product);
    }
    totals->energy = energy;
    add_strip(totals, &moments, surface->x2);
}

/* The pixels of every `stride`-th row with coefficients q; `lines` has room for `height` lines. */
static void elliptical_pass(const Pixels *pixels, const double *q, int stride, Moments *moments, Line *lines) {
    Totals totals[PARTS];
    fill_lines(pixels, q, stride, lines);
    for (int part = 0; part < PARTS; part++) totals[part] = no_totals();
    for (int strip = 0; strip < pixels->n_strips; strip++)
        for (int part = 0; part < PARTS; part++) {
            const Polynomial surface = polynomial(q, lines, pixels->x2 + strip * STRIP + part * LANES);
            elliptical_strip(pixels, &surface, stride, strip, part * LANES, totals + part);
        }
    finish(totals, pixels->zeros / stride, moments);
}
