/* SSE2, which every x86-64 has: registers of two doubles. */
#include "kernels.h"

#ifdef MACHINE_X86
#define SIMD_SSE2
#include "widths/table.h"

const Kernels kernels_sse2 = TABLE("sse2");
#endif
