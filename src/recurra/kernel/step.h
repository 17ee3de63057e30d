/* One step of one layer, as layer.c asks for it. */
#ifndef RECURRA_STEP_H
#define RECURRA_STEP_H

#include "window.h"

/* What the bottom layer or a layer above it reads, in words of a kind; the steps of its rows. */
INLINE const float *input_of(const Window *w, i64 k, int kind)
{
    if (kind == HALF) return (const float *)(k ? w->tape[k - 1].out_half : w->x_half);
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
} Step;

/* step.c: gates and state of `count` sequences, all unit blocks; of a single one those from u0 to
 * u1 - 1. */
void fused_step(Step *s, i64 count);

#endif
