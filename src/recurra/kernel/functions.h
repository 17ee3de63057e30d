/* exp, tanh, sigmoid and log, vectorised where they are hot.
 *
 * Errors against float64 are measured over float32 patterns of every exponent by
 * tests/kernel/sweep.py, bounded in tests/kernel/test_functions.py, and listed in
 * docs/performance.md.
 */
#ifndef RECURRA_FUNCTIONS_H
#define RECURRA_FUNCTIONS_H

#include "simd.h"

/* 1 / x for x in [2^-126, 2^126]; elsewhere as the machine's estimate has it. */
INLINE vf reciprocal(vf x)
{
#if LANES == 16
    /* 14 bits of estimate and one Newton step: half the time of a division. */
    vf y = (vf)_mm512_rcp14_ps((__m512)x);
    return madd(y, madd(-x, y, splat(1.0f)), y);
#else
    return 1.0f / x;
#endif
}

/* exp(x), saturating at exp(88), 0 below -87.33 (where the result would be subnormal).
 * x = n ln 2 + r, |r| <= ln 2 / 2; exp(r) by the polynomial of degree 6 with the least error. */
INLINE vf exponential(vf x)
{
    vf top = at_most(x, splat(88.0f));
    vf bounded = at_least(top, splat(-88.0f));
    vf shifted = madd(bounded, splat(1.44269504088896341f), splat(12582912.0f));
    vi n = (vi)shifted - 0x4b400000;
    vf whole = shifted - 12582912.0f;
    vf r = madd(whole, splat(-0.693359375f), bounded);
    r = madd(whole, splat(2.12194440e-4f), r);
    vf p = splat(1.3942159833663436e-3f);
    p = madd(p, r, splat(8.375968226311425e-3f));
    p = madd(p, r, splat(4.1666340142225575e-2f));
    p = madd(p, r, splat(1.6666405302634305e-1f));
    p = madd(p, r, splat(5.000000050018797e-1f));
    p = madd(p, r, splat(1.0f));
    p = madd(p, r, splat(1.0f));
    p = (vf)((vi)p + (n << 23));
    return choose(x < splat(-87.33f), zero(), p);
}

/* 1 / (1 + exp(-x)). */
INLINE vf sigmoid(vf x)
{
    vf bounded = at_most(at_least(x, splat(-86.0f)), splat(86.0f));
    vf shifted = madd(bounded, splat(-1.44269504088896341f), splat(12582912.0f));
    vi n = (vi)shifted - 0x4b400000;
    vf whole = shifted - 12582912.0f;
    vf r = madd(whole, splat(-0.693359375f), -bounded);
    r = madd(whole, splat(2.12194440e-4f), r);
    vf p = splat(8.36986975424596e-3f);
    p = madd(p, r, splat(4.1922561560038395e-2f));
    p = madd(p, r, splat(1.6666498698531396e-1f));
    p = madd(p, r, splat(4.999882339727033e-1f));
    p = madd(p, r, splat(1.0f));
    p = madd(p, r, splat(1.0f));
    p = (vf)((vi)p + (n << 23));
    return reciprocal(1.0f + p);
}

/* tanh(x): x P(x^2) / Q(x^2) on |x| <= 9.02, with the least relative error (2.1e-8 before
 * rounding); beyond, tanh is 1 in float32. */
INLINE vf hyperbolic_tangent(vf x)
{
    vf b = at_most(at_least(x, splat(-9.02f)), splat(9.02f));
    vf u = b * b;
    vf p = splat(1.3319530591176984e-8f);
    p = madd(p, u, splat(2.0583865343239382e-5f));
    p = madd(p, u, splat(3.4940601068995255e-3f));
    p = madd(p, u, splat(1.3379740234796159e-1f));
    p = madd(p, u, splat(9.999999792225892e-1f));
    vf q = splat(7.762223079223144e-7f);
    q = madd(q, u, splat(3.28313307013375e-4f));
    q = madd(q, u, splat(2.587117273787971e-2f));
    q = madd(q, u, splat(4.6713055548964566e-1f));
    q = madd(q, u, splat(1.0f));
    vf y = b * p * reciprocal(q);
    return at_most(at_least(y, splat(-1.0f)), splat(1.0f));
}

/* log(x) of a positive, normal x, in double: x = 2^n m, log m by the series of atanh. */
INLINE double logarithm(double x)
{
    union { double f; uint64_t i; } q = {x};
    int n = (int)(q.i >> 52) - 1023;
    q.i = (q.i & 0xfffffffffffffu) | 0x3ff0000000000000u;
    double m = q.f;
    if (m > 1.4142135623730951) { m *= 0.5; n++; }
    double y = (m - 1.0) / (m + 1.0), z = y * y, s = 0.0;
    for (int k = 21; k >= 1; k -= 2) s = s * z + 1.0 / k;
    return n * 0.6931471805599453 + 2.0 * y * s;
}

#endif
