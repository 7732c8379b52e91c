/* The surface itself. */

/* s at all pixels, in strips; expanded == NULL: its polynomial part; not normalised without `centres->inverse`. `lines` has
 * room for `height` lines. */
static void surface_values(const Pixels *pixels, const Centres *centres, const double *q, const double *expanded,
                           double *s, Line *lines) {
    fill_lines(pixels, q, 1, lines);
    for (int strip = 0; strip < pixels->n_strips; strip++)
        for (int lane = 0; lane < STRIP; lane += LANES) {
            const size_t offset = (size_t)strip * pixels->height * STRIP + lane;
            const Polynomial surface = polynomial(q, lines, pixels->x2 + strip * STRIP + lane);
            double *to = s + offset;
            for (int row = pixels->top[strip]; row < pixels->bottom[strip]; row++)
                store(to + row * STRIP, polynomial_at(&surface, row));
            if (!expanded) continue;
            for (int i = centres->first_segment[strip]; i < centres->first_segment[strip + 1]; i++) {
                const Segment *segment = centres->segment + i;
                for (int row = segment->begin; row < segment->end; row++) {
                    vec deformation = zero();
                    for (int m = 0; m < segment->count; m++) {
                        const int a = segment->active[m];
                        const double *t = expanded + (size_t)a * pixels->width + strip * STRIP + lane;
                        deformation = madd(load(t), splat(kernel_of(centres, a)[row]), deformation);
                    }
                    if (centres->inverse) deformation = mul(deformation, load(centres->inverse + offset + row * STRIP));
                    accumulate(to + row * STRIP, deformation);
                }
            }
        }
}
