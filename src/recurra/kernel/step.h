/* One step of one layer, as layer.c asks for it. */
#ifndef RECURRA_STEP_H
#define RECURRA_STEP_H

#include "window.h"

/* What the bottom layer or a layer above it reads, in words of a kind; the steps of its rows. */
INLINE const float *input_of(const Window *w, i64 k, int kind)
{
    if (kind == HALF || kind == SPLIT) {
        return (const float *)(k ? w->tape[k - 1].out_half : w->x_half);
    }
    if (kind == BYTE) return (const float *)(k ? w->tape[k - 1].out_byte : w->x_byte);
    return k ? w->tape[k - 1].out : w->x;
}

INLINE const float *input_steps(const Window *w, i64 k)
{
    return k ? w->tape[k - 1].out_step : w->x_step;
}

typedef struct {
    Window *w;
    const Layer *l;
    Tape *tape;
    const i64 *tokens; /* of a one-hot bottom layer, or null */
    const float *x;    /* input rows still to be multiplied, or null */
    const float *x_step;
    i64 t, u, b0;
    i64 u0, u1;        /* which unit blocks of a single sequence */
    int down;          /* from the last of them to the first: see blocks_down */
    int several;       /* whether more than one tile of rows meets a block's weights: fused_step says */
} Step;

/* Whether step t takes the unit blocks from the last to the first. Every other does: what weights the
 * second cache still holds of the step before are the first to be read again, and not the next to be
 * thrown out. */
INLINE int blocks_down(i64 t) { return t & 1; }

/* The n-th block of `count` in that order. */
INLINE i64 nth_block(const Step *s, i64 n, i64 count) { return s->down ? count - 1 - n : n; }

/* step.c: gates and state of `count` sequences, all unit blocks; of a single one those from u0 to
 * u1 - 1. */
void fused_step(Step *s, i64 count);

/* tiled_step.c: the same of HALF and SPLIT where there are tiles. */
void tiled_step(const Step *s, int flags, i64 count);

#endif
