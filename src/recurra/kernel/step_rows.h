/* How a row of a step begins and ends: its sums before the products, its gates and state after them. */
#ifndef RECURRA_STEP_ROWS_H
#define RECURRA_STEP_ROWS_H

#include "cell.h"
#include "step.h"

/* What the recurrent product reads, in words of a kind. */
INLINE const float *state_of(const Tape *tape, const int kind)
{
    if (kind == HALF || kind == SPLIT) return (const float *)tape->h_in_half;
    if (kind == BYTE) return (const float *)tape->h_in_byte;
    return tape->h_in;
}

/* The sums of a row before the products: bias and the token's row of the table, or W x + b. */
INLINE void start_row(const Step *s, i64 u, i64 row, vf acc[4])
{
    const Window *w = s->w;
    const float *bias = w->packed + s->l->packed_bias + u * PANEL;
    const float *sums = s->tape->g + (u * w->rows + row) * PANEL;
    if (s->tokens) {
        const float *x = w->packed + s->l->ih.ahead + (u * s->l->ih.width + s->tokens[row]) * PANEL;
        UNROLL for (int j = 0; j < 4; j++) acc[j] = load(bias + j * LANES) + load(x + j * LANES);
    } else {
        const float *from = s->x ? bias : sums;
        UNROLL for (int j = 0; j < 4; j++) acc[j] = load(from + j * LANES);
    }
}

/* From a row's sums to its gates and state, on the tape. */
INLINE void finish_row(const Step *s, const int flags, const int kind, i64 u, i64 row, vf acc[4])
{
    const Window *w = s->w;
    const Layer *l = s->l;
    Tape *tape = s->tape;
    i64 n = row * l->stride + u * LANES;
    i64 after = n + w->batch * l->stride; /* the state after the step, n the one before */
    float *g = tape->g + (u * w->rows + row) * PANEL;
    vf h;
    if (flags & CELL_GRU) {
        vf h_prev = load(tape->h + n);
        if (w->keep) h_prev = h_prev * w->keep[row];
        h = gru_gates(acc, h_prev);
    } else {
        vf c_prev = load(tape->c + n);
        if (w->keep) c_prev = c_prev * w->keep[row];
        vf c = cell_gates(flags, acc, c_prev, w->packed + l->packed_peephole + u * LANES,
                          l->blocks * LANES);
        vf y = cell_squash(flags, c);
        h = acc[3] * y;
        store(tape->c + after, c);
        store(tape->y + n, y);
    }
    UNROLL for (int j = 0; j < 4; j++) store(g + j * LANES, acc[j]);
    store(tape->h + after, h);
    if ((kind == HALF || kind == SPLIT) && tape->h_in == tape->h) {
        store_copy(kind, copied_row(w->net, tape->h_in_half, row + w->batch, l->stride), u * LANES, h);
    }
}

#endif
