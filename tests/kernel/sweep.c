/* Largest errors of exp, sigmoid and tanh over stretches of the 2^32 float32 patterns, for
 * tests/kernel/sweep.py. What is right is computed once for all builds: by the C library in double
 * where a function bends, by a few terms of its series where |x| is small (their error, below
 * 1e-12, is that far below what is measured), and by its limit where float32 has reached it. */
#include <math.h>
#include <stdint.h>
#include <string.h>

enum { EXP, SIGMOID, TANH, FUNCTIONS };
#define TOP 1.6516362549940018e38 /* exp(88) */
enum { BLOCK = 1 << 14, BUILDS = 8 };

typedef int64_t Function(int64_t which, const float *x, float *y, int64_t count);

static double series(int64_t which, double x)
{
    double z = x * x;
    if (which == EXP) return 1.0 + x * (1.0 + x * (0.5 + x * (1.0 / 6.0 + x / 24.0)));
    if (which == SIGMOID) return 0.5 + x * (0.25 - z * (1.0 / 48.0 - z / 480.0));
    return x * (1.0 - z * (1.0 / 3.0 - z * (2.0 / 15.0 - z * 17.0 / 315.0)));
}

static double limit(int64_t which, double x)
{
    if (which == EXP) return x > 0.0 ? TOP : 0.0;
    if (which == SIGMOID) return x > 0.0;
    return x > 0.0 ? 1.0 : -1.0;
}

static double whole(int64_t which, double x)
{
    if (which == EXP) return exp(x < 88.0 ? x : 88.0);
    return which == SIGMOID ? 1.0 / (1.0 + exp(-x)) : tanh(x);
}

/* What counts as the error: relative for exp where its result is no subnormal, and for tanh, of
 * which a subnormal is taken relative to the smallest normal number; absolute for sigmoid. */
static double scale(int64_t which, double x, double want)
{
    if (which == SIGMOID) return 1.0;
    if (which == EXP) return x >= -87.33 ? 1.0 / want : 0.0;
    return 1.0 / fmax(fabs(want), 0x1p-126);
}

/* Over patterns first, first + stride, ... below last: the largest error of each build and the x at
 * which it is. Returns how many finite numbers there were. */
int64_t sweep(int64_t which, uint64_t first, uint64_t last, uint64_t stride, int64_t builds,
              Function *const *functions, double *worst, float *where)
{
    static _Thread_local float x[BLOCK], y[BLOCK];
    static _Thread_local double want[BLOCK], scales[BLOCK];
    int64_t numbers = 0;
    for (int64_t b = 0; b < builds; b++) worst[b] = 0.0;
    for (uint64_t at = first; at < last;) {
        int64_t count = 0;
        for (; count < BLOCK && at < last; at += stride) {
            uint32_t bits = (uint32_t)at;
            if ((bits & 0x7f800000u) == 0x7f800000u) continue;
            memcpy(x + count++, &bits, 4);
        }
        /* Neighbours in the patterns are neighbours in size: one way for a whole block. */
        double low = INFINITY, high = 0.0;
        for (int64_t k = 0; k < count; k++) {
            low = fmin(low, fabsf(x[k]));
            high = fmax(high, fabsf(x[k]));
        }
        if (high < 0x1p-8) {
            for (int64_t k = 0; k < count; k++) want[k] = series(which, x[k]);
        } else if (low > 120.0) {
            for (int64_t k = 0; k < count; k++) want[k] = limit(which, x[k]);
        } else {
            for (int64_t k = 0; k < count; k++) want[k] = whole(which, x[k]);
        }
        for (int64_t k = 0; k < count; k++) scales[k] = scale(which, x[k], want[k]);
        for (int64_t b = 0; b < builds; b++) {
            functions[b](which, x, y, count);
            int64_t larger = 0;
            for (int64_t k = 0; k < count; k++) {
                /* A NaN is larger, too. */
                larger += !(fabs(y[k] - want[k]) * scales[k] <= worst[b]);
            }
            for (int64_t k = 0; k < count && larger; k++) {
                double error = fabs(y[k] - want[k]) * scales[k];
                if (!(error <= worst[b])) worst[b] = error, where[b] = x[k];
            }
        }
        numbers += count;
    }
    return numbers;
}
