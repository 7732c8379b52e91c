/* Seconds of a clock that nobody sets, so that a jump of the time of day ends no fit. */
#ifndef SUPERDSM_CLOCK_H
#define SUPERDSM_CLOCK_H

#ifdef _WIN32
#include <windows.h>
static inline double monotonic_seconds(void) {
    LARGE_INTEGER ticks, per_second;
    QueryPerformanceCounter(&ticks);
    QueryPerformanceFrequency(&per_second);
    return (double)ticks.QuadPart / (double)per_second.QuadPart;
}
#else
#include <time.h>
static inline double monotonic_seconds(void) {
    struct timespec at;
    clock_gettime(CLOCK_MONOTONIC, &at);
    return (double)at.tv_sec + 1e-9 * (double)at.tv_nsec;
}
#endif

#endif
