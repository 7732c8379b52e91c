/* Runs the kernels of all widths that this machine can run on the same region, and prints a digest of the bits of each
 * result; with an argument, microseconds of each kernel instead. Used by cross_check.py. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "cpu.h"

enum { HEIGHT = 150, N_STRIPS = 12, WIDTH = (N_STRIPS + 1) * STRIP, HALF = 16, SPACING = 16, MOST = 64, N = 4096 };

static uint64_t digest(const void *data, size_t size) { /* FNV-1a */
    const unsigned char *bytes = data;
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < size; i++) hash = (hash ^ bytes[i]) * UINT64_C(0x100000001b3);
    return hash;
}

static uint64_t state; /* of the random numbers */

static double uniform(void) {
    state ^= state << 13, state ^= state >> 7, state ^= state << 17;
    return (double)(state >> 11) / 9007199254740992.0 - 0.5;
}

static void *zeros(size_t n, size_t size) {
    void *memory = calloc(n * size + 64, 1);
    if (!memory) exit(1);
    return (void *)(((uintptr_t)memory + 63) / 64 * 64);
}

/* An ellipse with noise and holes. */
static Pixels region(void) {
    double *y = zeros(N_STRIPS * HEIGHT * STRIP, sizeof *y), *x2 = zeros(WIDTH, sizeof *x2);
    Powers *x1 = zeros(HEIGHT, sizeof *x1);
    int *top = zeros(N_STRIPS, sizeof *top), *bottom = zeros(N_STRIPS, sizeof *bottom);
    state = UINT64_C(2463534242);
    double outside = N_STRIPS * HEIGHT * STRIP;
    for (int row = 0; row < HEIGHT; row++) {
        const double x = 2.0 * row / HEIGHT - 1;
        x1[row] = (Powers){x, x * x, x * x * x, x * x * x * x};
    }
    for (int c = 0; c < N_STRIPS * STRIP; c++) x2[c] = 1.3 * c / (N_STRIPS * STRIP) - 0.65;
    for (int strip = 0; strip < N_STRIPS; strip++) {
        bottom[strip] = HEIGHT;
        for (int i = 0; i < HEIGHT * STRIP; i++) {
            const double u = x1[i / STRIP].x, v = x2[strip * STRIP + i % STRIP];
            if (u * u + 2 * v * v > 1 || uniform() > 0.48) continue;
            y[strip * HEIGHT * STRIP + i] = (2.3 * u * u + 4 * v * v < 1 ? 0.6 : -0.4) + 0.4 * uniform();
            outside--;
        }
    }
    return (Pixels){HEIGHT, N_STRIPS, WIDTH, y, x1, x2, top, bottom, outside};
}

/* A grid of centres, all rows of which are taken to matter in each segment that they reach. */
static Centres deformation(const Kernels *kernels, const Pixels *pixels, Contractions *work, double *s) {
    double *kernel = zeros(2 * (HALF + STRIP) + 1, sizeof *kernel);
    const int n_rows = (HEIGHT - SPACING / 2) / SPACING + 1, per_row = N_STRIPS * STRIP / SPACING;
    int *row = zeros(n_rows, sizeof *row), *first = zeros(n_rows + 1, sizeof *first);
    int *column = zeros((size_t)n_rows * per_row, sizeof *column), *pair = zeros((size_t)n_rows * n_rows, sizeof *pair);
    int *first_segment = zeros(N_STRIPS + 1, sizeof *first_segment);
    int *active = zeros(MOST * MOST, sizeof *active);
    Segment *segment = zeros(N_STRIPS * MOST, sizeof *segment);
    int n_pairs = 0, n_segments = 0, cut[MOST], n_cuts = 0, *next = active;
    for (int i = -HALF; i <= HALF; i++) kernel[HALF + STRIP + i] = exp(-i * i / 128.0);
    for (int a = 0; a < n_rows; a++) {
        row[a] = SPACING / 2 + a * SPACING;
        first[a + 1] = first[a] + per_row;
        for (int i = 0; i < per_row; i++) column[first[a] + i] = SPACING / 2 + i * SPACING;
        for (int b = 0; b < n_rows; b++) pair[a * n_rows + b] = b >= a && b <= a + 2 * HALF / SPACING ? n_pairs++ : -1;
    }
    for (int r = 0; r <= HEIGHT; r++) { /* segments end where a centre row comes or goes */
        int ends = r == 0 || r == HEIGHT;
        for (int a = 0; a < n_rows; a++) ends |= r == row[a] - HALF || r == row[a] + HALF + 1;
        if (ends) cut[n_cuts++] = r;
    }
    for (int i = 0; i + 1 < n_cuts; i++) {
        segment[i] = (Segment){cut[i], cut[i + 1], 0, next};
        for (int a = 0; a < n_rows; a++)
            if (row[a] - HALF <= cut[i] && cut[i] <= row[a] + HALF) *next++ = a, segment[i].count++;
    }
    n_segments = n_cuts - 1;
    for (int strip = 1; strip < N_STRIPS; strip++) memcpy(segment + strip * n_segments, segment, n_segments * sizeof *segment);
    for (int strip = 0; strip <= N_STRIPS; strip++) first_segment[strip] = strip * n_segments;
    Centres centres = {kernel + HALF + STRIP, HALF, n_rows * per_row, n_rows, row, first, column, pair, n_pairs,
                       first_segment, segment, NULL};
    work->expanded = zeros((size_t)n_rows * WIDTH, sizeof(double));
    work->pairs = zeros((size_t)n_pairs * WIDTH, sizeof(double));
    work->singles = zeros(4 * (size_t)n_rows * WIDTH, sizeof(double));
    work->weights = zeros(3 * HEIGHT * STRIP, sizeof(double));
    work->weighted = zeros(WIDTH + STRIP, sizeof(double));
    work->lines = zeros(HEIGHT, sizeof(Line));
    const double q[6] = {0};
    kernels->expand_columns(pixels, &centres, NULL, work->expanded);
    kernels->surface_values(pixels, &centres, q, work->expanded, s, work->lines);
    for (int i = 0; i < N_STRIPS * HEIGHT * STRIP; i++) s[i] = s[i] > 0 ? 1 / s[i] : 0;
    centres.inverse = s;
    return centres;
}

static int timing;

static void report(const char *width, const char *kernel, const void *data, size_t size) {
    if (!timing) printf("%s\t%s\t%016llx\n", width, kernel, (unsigned long long)digest(data, size));
}

/* Runs `CALL`; when timing, prints the least microseconds of some repeats. */
#define RUN(KERNEL, CALL)                                                        \
    do {                                                                         \
        double least = 1e300;                                                    \
        for (int repeat = 0; repeat < (timing ? 200 : 1); repeat++) {            \
            const clock_t start = clock();                                       \
            for (int i = 0; i < (timing ? 5 : 1); i++) { CALL; }                 \
            least = fmin(least, (double)(clock() - start) / 5);                  \
        }                                                                        \
        if (timing) printf("%s\t%s\t%.2f\n", kernels->name, KERNEL, 1e6 * least / CLOCKS_PER_SEC); \
    } while (0)

static void run(const Kernels *kernels, const Pixels *pixels) {
    static double terms[3][N], y[N], s[N], image[N], out[N], line[128];
    const double q[6] = {0.7, 0.3, -0.2, -1.9, 0.4, -2.1};
    state = UINT64_C(88172645463325252);
    double *inverse = zeros(N_STRIPS * HEIGHT * STRIP, sizeof *inverse), *surface = zeros(N_STRIPS * HEIGHT * STRIP, sizeof *surface);
    Contractions work;
    Moments moments;
    const Centres centres = deformation(kernels, pixels, &work, inverse);
    const int n = centres.n + 6;
    double *xi = zeros(n, sizeof *xi), *hessian = zeros((size_t)n * n, sizeof *hessian), *copy = zeros((size_t)n * n, sizeof *copy);
    double *gradient = zeros(n, sizeof *gradient), *diagonal = zeros(n, sizeof *diagonal);
    int *first = zeros(n, sizeof *first);
    char active[1], possible[1];
    float single[N], product[4];
    for (int i = 0; i < N; i++) y[i] = 3 * uniform(), s[i] = 300 * uniform(), single[i] = (float)uniform(), image[i] = uniform() + 0.5;
    for (int i = 0; i < n; i++) xi[i] = 4 * uniform();

    RUN("logistic", kernels->logistic_terms(y, s, N, terms[0], terms[1], terms[2]));
    report(kernels->name, "logistic", terms[1], 2 * sizeof terms[1]);
    RUN("elliptical_pass", kernels->elliptical_pass(pixels, q, 1, &moments, work.lines));
    report(kernels->name, "elliptical_pass", moments.gradient, sizeof moments - sizeof moments.energy);
    RUN("expand_columns", kernels->expand_columns(pixels, &centres, xi, work.expanded));
    report(kernels->name, "expand_columns", work.expanded, (size_t)centres.n_rows * WIDTH * sizeof(double));
    RUN("surface_values", kernels->surface_values(pixels, &centres, q, work.expanded, surface, work.lines));
    report(kernels->name, "surface_values", surface, N_STRIPS * HEIGHT * STRIP * sizeof(double));
    RUN("energy", kernels->deformable_pass(pixels, &centres, q, 0, &moments, &work));
    RUN("deformable_pass",
        memset(work.pairs, 0, (size_t)centres.n_pairs * WIDTH * sizeof(double));
        memset(work.singles, 0, 4 * (size_t)centres.n_rows * WIDTH * sizeof(double));
        kernels->deformable_pass(pixels, &centres, q, 1, &moments, &work));
    report(kernels->name, "deformable_pass", moments.gradient, sizeof moments - sizeof moments.energy);
    report(kernels->name, "pairs", work.pairs, (size_t)centres.n_pairs * WIDTH * sizeof(double));
    report(kernels->name, "singles", work.singles, 4 * (size_t)centres.n_rows * WIDTH * sizeof(double));
    RUN("contract_columns", kernels->contract_columns(pixels, &centres, &work, gradient, hessian));
    report(kernels->name, "contract_columns", hessian, (size_t)n * n * sizeof(double));
    for (int i = 0; i < n; i++) hessian[i * n + i] += 10;
    RUN("factorise", memcpy(copy, hessian, (size_t)n * n * sizeof(double)); kernels->factorise(copy, first, diagonal, n));
    report(kernels->name, "factorise", copy, (size_t)n * n * sizeof(double));
    RUN("solve", memcpy(gradient, xi, n * sizeof(double)); kernels->solve(copy, first, diagonal, n, gradient));
    report(kernels->name, "solve", gradient, n * sizeof(double));

    RUN("filter_tile", kernels->filter_tile(out, 256, TILE, y, 256, s, 100, NULL));
    report(kernels->name, "filter_tile", out, 256 * TILE * sizeof(double));
    kernels->subtract_row(out, y, y + 1000, image, 0.8, 0.1, 1000);
    report(kernels->name, "subtract_row", out, 1000 * sizeof(double));
    kernels->integrate(out, terms[0], image, 40, 64, 90);
    report(kernels->name, "integrate", out, 40 * 90 * sizeof(double));
    const Integral integral = {out, 40, 64, 90};
    kernels->possible_blocks(possible, &integral, 20, 9, 0, 0.01);
    kernels->determinant_row(terms[1], active, possible, &integral, 20, 9, 0.01);
    report(kernels->name, "determinant_row", terms[1], 64 * sizeof(double));
    product[0] = (float)kernels->log_at(image, 64, 64, 30, 30, y, s, 11, line);
    product[1] = (float)kernels->log_at(image, 64, 64, 2, 60, y, s, 11, line);
    RUN("log_at", kernels->log_at(image, 64, 64, 30, 30, y, s, 11, line));
    RUN("dot_single", product[2] = kernels->dot_single(single, single + 100, 640));
    report(kernels->name, "log_at, dot_single", product, 3 * sizeof(float));
}

int main(int argc, char **argv) {
    const Kernels *tables[MAX_TABLES];
    const int n = supported_kernels(tables);
    const Pixels pixels = region();
    timing = argc > 1 && argv[1];
    for (int i = 0; i < n; i++) run(tables[i], &pixels);
    return 0;
}
