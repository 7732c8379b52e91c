/* Energy and derivatives of the deformable model: s = F q + G xi.
 *
 * G is never stored: its column of the centre i, at row a_i and column c_i, is
 *
 *     G_i(x1, x2) = k(x1 - a_i) k(x2 - c_i) / N(x1, x2)
 *
 * with a kernel k, and N the sum over all centres. So with t_a(x2), the sum of xi_i k(x2 - c_i) over the centres of the
 * centre row a (`expanded`), G xi = 1 / N times the sum of k(x1 - a) t_a(x2) over the centre rows; and with sums over the
 * rows of a column,
 *
 *     P_ab(x2) = sum h / N^2 k(x1 - a) k(x1 - b),   S_aj(x2) = sum h / N k(x1 - a) x1^j,   T_a(x2) = sum g / N k(x1 - a),
 *
 * the derivatives are sums over columns (column_passes.h): of P_ab k(x2 - c_i) k(x2 - c_j) for two centres, of
 * S_aj k(x2 - c_i) x2^l for a centre and a coefficient of q, and of T_a k(x2 - c_i) for the gradient. Along the rows of a
 * segment the same centre rows are within reach. */

/* What is contracted: h / N^2, h / N and g / N of a row of a strip. */
typedef struct {
    double hessian[STRIP], mixed[STRIP], gradient[STRIP];
} Weights;

/* Parts that are contracted together, so that a kernel value is loaded once for all: as many as there are registers for. */
#define GROUP MIN(2, PARTS)

/* The sums with one centre row: S_a0, S_a1, S_a2 and T_a. */
typedef struct {
    double *s0, *s1, *s2, *t;
} SingleSums;

INLINE SingleSums single_sums(double *singles, int a, size_t width) {
    double *first = singles + 4 * a * width;
    return (SingleSums){first, first + width, first + 2 * width, first + 3 * width};
}

/* The kernel of a centre row: at row x1, it is k(x1 - a). */
INLINE const double *kernel_of(const Centres *centres, int a) { return centres->kernel - centres->row[a]; }

/* The number of centre rows that are within reach is `count`, which is known to the compiler wherever it is small; the
 * others have their deformation in `weights`. */
#define FEW 5

/* The rows of a segment: adds to the energy and the moments, and stores the weights. */
INLINE void segment_rows(const Pixels *pixels, const Centres *centres, const Segment *segment, const int count,
                         const Polynomial *surface, const double *expanded, size_t offset, int lane, Energy *energy,
                         RowMoments *moments, Weights *weights) {
    const double *y = pixels->y + offset, *inverse = centres->inverse + offset;
    Energy local = *energy;
    RowMoments rows = *moments;
    vec t[FEW];
    const double *kernel[FEW];
    for (int m = 0; m < MIN(count, FEW); m++) {
        t[m] = load(expanded + (size_t)segment->active[m] * pixels->width);
        kernel[m] = kernel_of(centres, segment->active[m]);
    }
    for (int row = segment->begin; row < segment->end; row++) {
        const Powers *x1 = pixels->x1 + row;
        Weights *w = weights + row;
        const vec inv = load(inverse + row * STRIP);
        vec deformation, g, h;
        if (count > FEW)
            deformation = load(w->hessian + lane);
        else {
            deformation = madd(t[0], splat(kernel[0][row]), mul(t[1], splat(kernel[1][row])));
            for (int m = 2; m < count; m++) deformation = madd(t[m], splat(kernel[m][row]), deformation);
        }
        logistic(load(y + row * STRIP), madd(inv, deformation, polynomial_at(surface, row)), &local, &g, &h);
        add_row(&rows, g, h, x1);
        h = mul(h, inv);
        store(w->hessian + lane, mul(h, inv));
        store(w->mixed + lane, h);
        store(w->gradient + lane, mul(g, inv));
    }
    *energy = local;
    *moments = rows;
}

/* The deformation of the rows of a segment with any number of centre rows, where the weights will be. */
INLINE void segment_deformation(const Pixels *pixels, const Centres *centres, const Segment *segment,
                                const double *expanded, int lane, Weights *weights) {
    for (int row = segment->begin; row < segment->end; row++) store(weights[row].hessian + lane, zero());
    for (int m = 0; m < segment->count; m++) {
        const vec t = load(expanded + (size_t)segment->active[m] * pixels->width);
        const double *kernel = kernel_of(centres, segment->active[m]);
        for (int row = segment->begin; row < segment->end; row++) {
            double *deformation = weights[row].hessian + lane;
            store(deformation, madd(t, splat(kernel[row]), load(deformation)));
        }
    }
}

/* P of the centre row a with `count` others (known to the compiler), over the rows of a segment. */
INLINE void contract_pairs(const Centres *centres, const Segment *segment, const double *ka, const int *other,
                           const int count, const int *pair, const Weights *weights, int lane, double *pairs,
                           size_t width) {
    const double *k[4];
    vec p[4][GROUP];
    for (int m = 0; m < count; m++) {
        k[m] = kernel_of(centres, other[m]);
        for (int i = 0; i < GROUP; i++) p[m][i] = zero();
    }
    for (int row = segment->begin; row < segment->end; row++) {
        const vec kernel = splat(ka[row]);
        vec v[GROUP];
        for (int i = 0; i < GROUP; i++) v[i] = mul(load(weights[row].hessian + lane + i * LANES), kernel);
        for (int m = 0; m < count; m++) {
            const vec factor = splat(k[m][row]);
            for (int i = 0; i < GROUP; i++) p[m][i] = madd(v[i], factor, p[m][i]);
        }
    }
    for (int m = 0; m < count; m++)
        for (int i = 0; i < GROUP; i++) accumulate(pairs + pair[other[m]] * width + i * LANES, p[m][i]);
}

/* S and T of a centre row, over the rows of a segment. */
INLINE void contract_single(const Pixels *pixels, const Segment *segment, const double *ka, const Weights *weights,
                            int lane, SingleSums sums) {
    vec s0[GROUP], s1[GROUP], s2[GROUP], t[GROUP];
    for (int i = 0; i < GROUP; i++) s0[i] = s1[i] = s2[i] = t[i] = zero();
    for (int row = segment->begin; row < segment->end; row++) {
        const vec k = splat(ka[row]), x = splat(pixels->x1[row].x), x2 = splat(pixels->x1[row].x2);
        for (int i = 0; i < GROUP; i++) {
            const vec v = mul(load(weights[row].mixed + lane + i * LANES), k);
            s0[i] = add(s0[i], v);
            s1[i] = madd(v, x, s1[i]);
            s2[i] = madd(v, x2, s2[i]);
            t[i] = madd(load(weights[row].gradient + lane + i * LANES), k, t[i]);
        }
    }
    for (int i = 0; i < GROUP; i++) {
        accumulate(sums.s0 + i * LANES, s0[i]);
        accumulate(sums.s1 + i * LANES, s1[i]);
        accumulate(sums.s2 + i * LANES, s2[i]);
        accumulate(sums.t + i * LANES, t[i]);
    }
}

/* The sums over the rows of a segment, for a group of parts of a strip; `column`: the first of all columns. */
INLINE void contract_rows(const Pixels *pixels, const Centres *centres, const Segment *segment, int strip, int lane,
                          const Contractions *work) {
    const size_t width = (size_t)pixels->width, column = (size_t)strip * STRIP + lane;
    const Weights *w = (const Weights *)work->weights;
    double *pairs = work->pairs + column;
    for (int i = 0; i < segment->count; i++) {
        const int a = segment->active[i], *pair = centres->pair + a * centres->n_rows;
        const double *ka = kernel_of(centres, a);
        contract_single(pixels, segment, ka, w, lane, single_sums(work->singles + column, a, width));
        for (int j = i; j < segment->count; j += 4) {
            const int *other = segment->active + j;
            switch (segment->count - j) {
            case 1: contract_pairs(centres, segment, ka, other, 1, pair, w, lane, pairs, width); break;
            case 2: contract_pairs(centres, segment, ka, other, 2, pair, w, lane, pairs, width); break;
            case 3: contract_pairs(centres, segment, ka, other, 3, pair, w, lane, pairs, width); break;
            default: contract_pairs(centres, segment, ka, other, 4, pair, w, lane, pairs, width);
            }
        }
    }
}

/* A part of the rows of a segment. */
INLINE void segment_part(const Pixels *pixels, const Centres *centres, const Segment *segment,
                         const Polynomial *surface, int strip, int lane, const Contractions *work, Energy *energy,
                         RowMoments *moments) {
    const size_t offset = (size_t)strip * pixels->height * STRIP + lane;
    const double *t = work->expanded + (size_t)strip * STRIP + lane;
    Weights *w = (Weights *)work->weights;
    switch (segment->count) {
    case 3: segment_rows(pixels, centres, segment, 3, surface, t, offset, lane, energy, moments, w); break;
    case 4: segment_rows(pixels, centres, segment, 4, surface, t, offset, lane, energy, moments, w); break;
    case 5: segment_rows(pixels, centres, segment, 5, surface, t, offset, lane, energy, moments, w); break;
    default:
        segment_deformation(pixels, centres, segment, t, lane, w);
        segment_rows(pixels, centres, segment, FEW + 1, surface, t, offset, lane, energy, moments, w);
    }
    normalise(&energy->product);
}

/* The pixels with coefficients q and the deformation in `work->expanded`. With `derivatives`, the contractions in `work`,
 * which the caller has set to zero, are made as well. */
static void deformable_pass(const Pixels *pixels, const Centres *centres, const double *q, int derivatives,
                            Moments *moments, const Contractions *work) {
    Totals totals[PARTS];
    fill_lines(pixels, q, 1, work->lines);
    for (int part = 0; part < PARTS; part++) totals[part] = no_totals();
    for (int strip = 0; strip < pixels->n_strips; strip++) {
        Polynomial surface[PARTS];
        RowMoments rows[PARTS];
        for (int part = 0; part < PARTS; part++) {
            surface[part] = polynomial(q, work->lines, pixels->x2 + strip * STRIP + part * LANES);
            rows[part] = no_row_moments();
        }
        for (int i = centres->first_segment[strip]; i < centres->first_segment[strip + 1]; i++) {
            const Segment *segment = centres->segment + i;
            for (int part = 0; part < PARTS; part++)
                segment_part(pixels, centres, segment, surface + part, strip, part * LANES, work, &totals[part].energy,
                             rows + part);
            for (int part = 0; derivatives && part < PARTS; part += GROUP)
                contract_rows(pixels, centres, segment, strip, part * LANES, work);
        }
        for (int part = 0; part < PARTS; part++) add_strip(totals + part, rows + part, surface[part].x2);
    }
    finish(totals, pixels->zeros, moments);
}
