"""The kernels for the width of registers that is in use."""

from libc.stdint cimport uint8_t


cdef extern from "kernels.h" nogil:
    const int STRIP
    const int CHUNK
    const int TILE
    const int WAVES
    const Py_ssize_t BLOCK
    ctypedef struct Source:
        const double* y
        ptrdiff_t y_stride
        const uint8_t* omega
        ptrdiff_t omega_stride
        int height, width
    ctypedef struct StripCounts:
        int top, bottom, foreground
    ctypedef struct Powers:
        double x, x2, x3, x4
    ctypedef struct Line:
        double constant, slope
    ctypedef struct Pixels:
        int height, n_strips, width
        const double* y
        const Powers* x1
        const double* x2
        const int* top
        const int* bottom
        double zeros
    ctypedef struct Segment:
        int begin, end, count
        const int* active
    ctypedef struct Centres:
        const double* kernel
        int half, n, n_rows
        const int* row
        const int* first
        const int* column
        const int* pair
        int n_pairs
        const int* first_segment
        const Segment* segment
        const double* inverse
    ctypedef struct Moments:
        double energy
        double gradient[6]
        double hessian[15]
    ctypedef struct Contractions:
        double* expanded
        double* pairs
        double* singles
        double* weights
        double* weighted
        Line* lines
    ctypedef struct Integral:
        const double* data
        Py_ssize_t height, width, stride
    ctypedef struct Kernels:
        const char* name
        int (*mark_columns)(const uint8_t* omega, int width, uint8_t* used) noexcept nogil
        StripCounts (*fill_strip)(const Source*, const int* rows, int height, const int* columns, int lanes,
                                  double* strip) noexcept nogil
        void (*threshold_strip)(const Source*, const int* rows, int height, const int* columns, int lanes,
                                const double* strip, uint8_t* mask) noexcept nogil
        void (*logistic_terms)(const double* y, const double* s, size_t n, double* energy, double* g,
                               double* h) noexcept nogil
        void (*elliptical_pass)(const Pixels*, const double* q, int stride, Moments*, Line* lines) noexcept nogil
        void (*deformable_pass)(const Pixels*, const Centres*, const double* q, int derivatives, Moments*,
                                const Contractions*) noexcept nogil
        void (*surface_values)(const Pixels*, const Centres*, const double* q, const double* expanded, double* s,
                               Line* lines) noexcept nogil
        void (*expand_columns)(const Pixels*, const Centres*, const double* xi, double* expanded) noexcept nogil
        void (*contract_columns)(const Pixels*, const Centres*, const Contractions*, double* gradient,
                                 double* hessian, const Py_ssize_t* row) noexcept nogil
        void (*factorise)(
            double* a, const Py_ssize_t* row, const int* first, double* inverse_diagonal, int n
        ) noexcept nogil
        void (*solve)(
            const double* a, const Py_ssize_t* row, const int* first, const double* inverse_diagonal, int n, double* x
        ) noexcept nogil
        void (*filter_tile)(double* out, Py_ssize_t stride, Py_ssize_t columns, const double* lines, Py_ssize_t n,
                            const double* weights, Py_ssize_t radius, const char* wanted) noexcept nogil
        void (*subtract_row)(double* y, const double* clipped, const double* unclipped, const double* squared,
                             double sigma, double least, Py_ssize_t n) noexcept nogil
        void (*integrate)(double* out, double* columns, const double* image, Py_ssize_t height, Py_ssize_t width,
                          Py_ssize_t stride) noexcept nogil
        void (*possible_blocks)(char* possible, const Integral*, Py_ssize_t r, Py_ssize_t length, Py_ssize_t reach,
                                double least) noexcept nogil
        void (*determinant_row)(double* out, char* active, const char* possible, const Integral*, Py_ssize_t r,
                                Py_ssize_t length, double least) noexcept nogil
        double (*log_at)(const double* image, Py_ssize_t height, Py_ssize_t width, Py_ssize_t r, Py_ssize_t c,
                         const double* k0, const double* k2, Py_ssize_t radius, double* line) noexcept nogil
        float (*dot_single)(const float* a, const float* b, Py_ssize_t n) noexcept nogil


cdef const Kernels* kernels
