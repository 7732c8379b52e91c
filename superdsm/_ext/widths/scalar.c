/* Any machine. */
#include "kernels.h"

#define SIMD_SCALAR
#include "widths/table.h"

const Kernels kernels_scalar = TABLE("scalar");
