/* NEON, which every arm64 has: registers of two doubles. */
#include "kernels.h"

#ifdef MACHINE_ARM64
#define SIMD_NEON
#include "widths/table.h"

const Kernels kernels_neon = TABLE("neon");
#endif
