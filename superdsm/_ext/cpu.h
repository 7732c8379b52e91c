/* Which of the kernels this machine can run. */
#ifndef SUPERDSM_CPU_H
#define SUPERDSM_CPU_H

#include "kernels.h"

#if defined(MACHINE_X86) && defined(_MSC_VER)
#include <intrin.h>

/* Whether the processor has these features, and the system saves the registers (bits of XCR0) that they use. */
static int has_features(unsigned leaf1, unsigned leaf7, unsigned saved) {
    int first[4], seventh[4];
    __cpuid(first, 1);
    __cpuidex(seventh, 7, 0);
    if (((unsigned)first[2] & leaf1) != leaf1 || ((unsigned)seventh[1] & leaf7) != leaf7) return 0;
    return ((unsigned)_xgetbv(0) & saved) == saved;
}

/* In the first: FMA, OSXSAVE, AVX; in the second: BMI1, AVX2, BMI2, and of AVX-512 F, DQ, CD, BW, VL. */
#define LEAF1 (1u << 12 | 1u << 27 | 1u << 28)
#define LEAF7 (1u << 3 | 1u << 5 | 1u << 8)
#define LEAF7_AVX512 (LEAF7 | 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31)
static int has_avx2(void) { return has_features(LEAF1, LEAF7, 0x6); }
static int has_avx512(void) { return has_features(LEAF1, LEAF7_AVX512, 0xe6); }

#elif defined(MACHINE_X86)
static int has_avx2(void) {
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") && __builtin_cpu_supports("bmi") &&
           __builtin_cpu_supports("bmi2");
}
static int has_avx512(void) {
    return has_avx2() && __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512cd") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vl");
}
#endif

#define MAX_TABLES 4

/* The tables of kernels that this machine can run, the fastest first; returns how many. */
static int supported_kernels(const Kernels *tables[MAX_TABLES]) {
    int n = 0;
#if defined(MACHINE_X86)
    if (has_avx512()) tables[n++] = &kernels_avx512;
    if (has_avx2()) tables[n++] = &kernels_avx2;
    tables[n++] = &kernels_sse2;
#elif defined(MACHINE_ARM64)
    tables[n++] = &kernels_neon;
#endif
    tables[n++] = &kernels_scalar;
    return n;
}

#endif
