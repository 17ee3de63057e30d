/* One step of a cell for LANES units, and its gradient: the formula of core/spec.py with its flags.
 * Inlined with constant flags for the vanilla cell, with a variable for all others. */
#ifndef RECURRA_CELL_H
#define RECURRA_CELL_H

#include "functions.h"
#include "recurra.h"

/* Gates and cell state from the sums z; `peephole` points at slot 0, slots are `slot` floats apart. */
INLINE vf cell_gates(const int flags, vf z[4], vf c_prev, const float *peephole, i64 slot)
{
    vf one = splat(1.0f);
    if (flags & CELL_PEEPHOLE) {
        z[0] = madd(load(peephole), c_prev, z[0]);
        z[1] = madd(load(peephole + slot), c_prev, z[1]);
    }
    vf i = (flags & CELL_NO_INPUT_GATE) ? one : sigmoid(z[0]);
    vf f = (flags & CELL_COUPLED) ? one - i : (flags & CELL_NO_FORGET_GATE) ? one : sigmoid(z[1]);
    vf g = (flags & CELL_NO_INPUT_ACTIVATION) ? z[2] : hyperbolic_tangent(z[2]);
    vf c = madd(f, c_prev, i * g);
    if (flags & CELL_PEEPHOLE) z[3] = madd(load(peephole + 3 * slot), c, z[3]);
    vf o = (flags & CELL_NO_OUTPUT_GATE) ? one : sigmoid(z[3]);
    z[0] = i;
    z[1] = f;
    z[2] = g;
    z[3] = o;
    return c;
}

/* y = tanh(m): what the output gate lets out. m is c, or c normalised. */
INLINE vf cell_squash(const int flags, vf m)
{
    return (flags & CELL_NO_OUTPUT_ACTIVATION) ? m : hyperbolic_tangent(m);
}

/* dm from dh; `o` and `y` as in the forward pass. */
INLINE vf cell_squash_backward(const int flags, vf dh, vf o, vf y)
{
    vf dy = dh * o;
    return (flags & CELL_NO_OUTPUT_ACTIVATION) ? dy : dy * (1.0f - y * y);
}

/* Pull back to the sums. `gate` holds i f g o and becomes their sums' gradients; `dc` is complete but
 * for the peephole of the output gate; dgate [4] is what full gate recurrence adds. Returns dc'. */
INLINE vf cell_gates_backward(
    const int flags, vf gate[4], vf c_prev, vf dc, vf d_o, const vf dgate[4],
    const float *peephole, i64 slot)
{
    vf i = gate[0], f = gate[1], g = gate[2], o = gate[3];
    vf dz_o = (flags & CELL_NO_OUTPUT_GATE) ? zero() : d_o * o * (1.0f - o);
    if (flags & CELL_PEEPHOLE) dc = madd(dz_o, load(peephole + 3 * slot), dc);
    vf dc_prev = dc * f;
    vf df = dc * c_prev, di = dc * g, dg = dc * i;
    if (flags & CELL_FULL_GATE_RECURRENCE) {
        df = df + dgate[1];
        di = di + dgate[0];
    }
    vf dz_g = (flags & CELL_NO_INPUT_ACTIVATION) ? dg : dg * (1.0f - g * g);
    vf dz_f = zero(), dz_i = zero();
    if (flags & CELL_COUPLED) {
        di = di - df;
    } else if (!(flags & CELL_NO_FORGET_GATE)) {
        dz_f = df * f * (1.0f - f);
        if (flags & CELL_PEEPHOLE) dc_prev = madd(dz_f, load(peephole + slot), dc_prev);
    }
    if (!(flags & CELL_NO_INPUT_GATE)) {
        dz_i = di * i * (1.0f - i);
        if (flags & CELL_PEEPHOLE) dc_prev = madd(dz_i, load(peephole), dc_prev);
    }
    gate[0] = dz_i;
    gate[1] = dz_f;
    gate[2] = dz_g;
    gate[3] = dz_o;
    return dc_prev;
}

/* A GRU's step: sums r z n_x q in, r z n q out (gru.py of the reference). Returns h. */
INLINE vf gru_gates(vf z[4], vf h_prev)
{
    vf r = sigmoid(z[0]), u = sigmoid(z[1]), q = z[3];
    vf n = hyperbolic_tangent(madd(r, q, z[2]));
    z[0] = r;
    z[1] = u;
    z[2] = n;
    return madd(u, h_prev - n, n);
}

/* r z n q in, gradients of r z n_x q out. Returns what goes back along the update gate. */
INLINE vf gru_gates_backward(vf gate[4], vf h_prev, vf dh)
{
    vf r = gate[0], u = gate[1], n = gate[2], q = gate[3];
    vf dn = dh * (1.0f - u) * (1.0f - n * n);
    gate[0] = dn * q * r * (1.0f - r);
    gate[1] = dh * (h_prev - n) * u * (1.0f - u);
    gate[2] = dn;
    gate[3] = dn * r;
    return dh * u;
}

#endif
