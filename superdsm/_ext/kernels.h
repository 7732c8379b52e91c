/* The kernels that are compiled for several widths of registers: what they work on, and a table of them for each width.
 *
 * A kernel is written once, over the registers of simd.h, and compiled by each of the files in widths/. Which table is
 * used is decided when the package is imported (see simd.pyx). */
#ifndef SUPERDSM_KERNELS_H
#define SUPERDSM_KERNELS_H

#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) || defined(_M_X64)
#define MACHINE_X86
#include <immintrin.h>
#elif defined(__aarch64__) || defined(_M_ARM64)
#define MACHINE_ARM64
#include <arm_neon.h>
#endif

#if defined(__GNUC__) || defined(__clang__)
#define INLINE static inline __attribute__((always_inline, unused))
#else
#define INLINE static __forceinline
#endif

#define STRIP 8   /* columns of a strip of pixels, and lanes of a sum, on all machines */
#define CHUNK 512 /* rows after which the product of the energy is normalised; segments are not longer */
#define TILE 8    /* rows and columns that a filter works on together */
#define WAVES 16  /* lanes of a sum of products in single precision */
#define BLOCK 64  /* columns of determinants that are skipped together */

#define MIN(a, b) ((a) < (b) ? (a) : (b))
#define MAX(a, b) ((a) > (b) ? (a) : (b))

/* Rows of two arrays whose elements are contiguous within a row: intensities, and whether a pixel is in the region. */
typedef struct {
    const double *y;
    ptrdiff_t y_stride; /* in elements */
    const uint8_t *omega;
    ptrdiff_t omega_stride;
    int height, width;
} Source;

typedef struct {
    int top, bottom; /* rows [top, bottom) of the strip hold pixels of the region */
    int foreground;  /* its pixels with y > 0 */
} StripCounts;

/* Powers of a coordinate. */
typedef struct {
    double x, x2, x3, x4;
} Powers;

/* A polynomial along a row: constant + slope x2 + ... */
typedef struct {
    double constant, slope;
} Line;

/* The pixels of a region, without its empty rows and columns, in strips of STRIP columns. */
typedef struct {
    int height, n_strips;
    int width;               /* of arrays over columns: those of the strips, and STRIP zeros */
    const double *y;         /* n_strips x height x STRIP; 0 outside the region */
    const Powers *x1;        /* height: row coordinate */
    const double *x2;        /* width: column coordinate */
    const int *top, *bottom; /* n_strips: as in StripCounts */
    double zeros;            /* lanes of these rows that do not belong to the region */
} Pixels;

/* Rows [begin, end) of a strip in which the same centre rows (rows that hold centres) matter. */
typedef struct {
    int begin, end, count;
    const int *active; /* `count` indices of centre rows, ascending */
} Segment;

/* The Gaussians of the deformation. */
typedef struct {
    const double *kernel;     /* at its middle; `half` values on either side, and STRIP zeros beyond */
    int half;
    int n, n_rows;            /* number of centres and of centre rows */
    const int *row;           /* n_rows: position */
    const int *first;         /* n_rows + 1: its centres are column[first[i]] .. column[first[i + 1] - 1] */
    const int *column;        /* n: position of each centre */
    const int *pair;          /* n_rows x n_rows: index of the contraction of two centre rows (a <= b), or -1 */
    int n_pairs;
    const int *first_segment; /* n_strips + 1 */
    const Segment *segment;
    const double *inverse;    /* n_strips x height x STRIP: 1 / sum of the row of G, 0 if no centre reaches the pixel */
} Centres;

/* Sums over pixels; powers of (row, column) are in the order 1, x1, x2, x1^2, x1 x2, x2^2, x1^3, ..., by total degree. */
typedef struct {
    double energy;
    double gradient[6];
    double hessian[15];
} Moments;

/* Arrays over the columns of a region, of `width` numbers each. */
typedef struct {
    double *expanded; /* n_rows: the deformation of each centre row */
    double *pairs;    /* n_pairs: contraction of the weights with two centre rows */
    double *singles;  /* n_rows x 4: contraction with one centre row, see SingleSums in deformable_pass.h */
    double *weights;  /* 3 x height x STRIP: scratch */
    double *weighted; /* one, and STRIP more numbers: scratch */
    Line *lines;      /* height: scratch */
} Contractions;

typedef struct {
    const double *data; /* rows x stride; columns from `width` on repeat the last one */
    ptrdiff_t height, width, stride;
} Integral;

typedef struct {
    const char *name;

    /* region_layout.h */
    int (*mark_columns)(const uint8_t *omega, int width, uint8_t *used);
    StripCounts (*fill_strip)(const Source *source, const int *rows, int height, const int *columns, int lanes,
                              double *strip);
    void (*threshold_strip)(const Source *source, const int *rows, int height, const int *columns, int lanes,
                            const double *strip, uint8_t *mask);

    /* model_passes.h and the files that it includes */
    void (*logistic_terms)(const double *y, const double *s, size_t n, double *energy, double *g, double *h);
    void (*elliptical_pass)(const Pixels *pixels, const double *q, int stride, Moments *moments, Line *lines);
    void (*deformable_pass)(const Pixels *pixels, const Centres *centres, const double *q, int derivatives,
                            Moments *moments, const Contractions *work);
    void (*surface_values)(const Pixels *pixels, const Centres *centres, const double *q, const double *expanded,
                           double *s, Line *lines);
    void (*expand_columns)(const Pixels *pixels, const Centres *centres, const double *xi, double *expanded);
    void (*contract_columns)(const Pixels *pixels, const Centres *centres, const Contractions *work, double *gradient,
                             double *hessian, const ptrdiff_t *row);

    /* cholesky.h */
    void (*factorise)(double *a, const ptrdiff_t *row, const int *first, double *inverse_diagonal, int n);
    void (*solve)(const double *a, const ptrdiff_t *row, const int *first, const double *inverse_diagonal, int n,
                  double *x);

    /* filters.h */
    void (*filter_tile)(double *out, ptrdiff_t stride, ptrdiff_t columns, const double *lines, ptrdiff_t n,
                        const double *weights, ptrdiff_t radius, const char *wanted);
    void (*subtract_row)(double *y, const double *clipped, const double *unclipped, const double *squared, double sigma,
                         double least, ptrdiff_t n);

    /* blobs.h */
    void (*integrate)(double *out, double *columns, const double *image, ptrdiff_t height, ptrdiff_t width,
                      ptrdiff_t stride);
    void (*possible_blocks)(char *possible, const Integral *image, ptrdiff_t r, ptrdiff_t length, ptrdiff_t reach,
                            double least);
    void (*determinant_row)(double *out, char *active, const char *possible, const Integral *image, ptrdiff_t r,
                            ptrdiff_t length, double least);
    double (*log_at)(const double *image, ptrdiff_t height, ptrdiff_t width, ptrdiff_t r, ptrdiff_t c, const double *k0,
                     const double *k2, ptrdiff_t radius, double *line);
    float (*dot_single)(const float *a, const float *b, ptrdiff_t n);
} Kernels;

extern const Kernels kernels_avx512, kernels_avx2, kernels_sse2, kernels_neon, kernels_scalar;

#endif
