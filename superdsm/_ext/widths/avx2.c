/* AVX2 and FMA (of x86-64-v3): registers of four doubles. */
#include "kernels.h"

#ifdef MACHINE_X86
#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,fma,bmi,bmi2,lzcnt,popcnt"))), apply_to = function)
#elif defined(__GNUC__)
#pragma GCC target("avx2,fma,bmi,bmi2,lzcnt,popcnt")
#endif
#define SIMD_AVX2
#include "widths/table.h"

const Kernels kernels_avx2 = TABLE("avx2");

#if defined(__clang__)
#pragma clang attribute pop
#endif
#endif
