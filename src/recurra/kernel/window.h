/* What a job keeps between its passes: tapes of every layer, laid out in the caller's workspace.
 *
 * Rows are (time, sequence): row t * B + b. A thread owns a range of sequences and touches only
 * their rows until the weights' gradients are made; nothing depends on where the range is cut.
 */
#ifndef RECURRA_WINDOW_H
#define RECURRA_WINDOW_H

#include "network.h"

/* One layer's tape. R = T * B rows; "state" arrays have B rows more, those before the window. */
typedef struct {
    float *g;          /* [unit block][R][slot][lane]: gates, then the gradients of their sums */
    float *h, *c;      /* [R + B][stride] states */
    float *y;          /* [R][stride] the squashed cell: h = o * y */
    float *h_in;       /* [R][stride] what the products read: h unless reset or dropped out */
    float *out;        /* [R][stride] what the next layer reads */
    uint8_t *kept;     /* [R][stride] dropout: 1 where kept; or null */
    float *mask;       /* [B][stride] recurrent dropout; or null */
    uint16_t *h_in_half, *out_half;    /* copies of h_in and out (HALF, SPLIT) */
    uint8_t *h_in_byte, *out_byte;     /* 8-bit copies (BYTE), and the steps of their rows */
    float *h_in_step, *out_step;
    float *v, *u, *dv, *du;            /* as g: normalised sums and gradients (layer norm) */
    float *v_inverse, *u_inverse, *m_inverse; /* [R] */
    float *m, *dm, *dm_scaled; /* [R][stride] the normalised cell state; see norm.c */
    float *gates_in;   /* [R][gg.stride] gates of the step before (full gate recurrence) */
} Tape;

typedef struct {
    const RecurraJob *job;
    const Net *net;
    float *packed;
    i64 time, batch, rows;
    int learns;            /* whether a backward pass follows */
    float *keep;           /* [R] 0 where the state is reset before the step, else 1; or null */
    float *x;              /* [R][feature_stride] embedded or given vectors; null when one-hot */
    uint16_t *x_half;
    uint8_t *x_byte;
    float *x_step;
    Tape tape[MAX_LAYERS];
    i64 wide_row, gates_row, dz_row; /* floats from row to row of what all layers share */
    float *dy[2];          /* [R][wide_row] gradients of a layer's output and input, in turns */
    float *dh, *dc;        /* [B][wide_row] along time */
    float *dgates;         /* [B][gates_row] */
    float *dz;             /* SPLIT: [B][dz_row] of gradients of a step's sums */
    float *logits;         /* [head_rows][logit_stride] logits, then their gradients */
    i64 head_times;        /* steps of time that `logits` holds */
    float *share;          /* [R] each position's share of the mean loss */
    uint8_t *active;       /* [T] whether any share of that step is not 0 */
    double *scores;        /* [3][R] weighted loss, hit, posterior */
    float *sums;           /* [widest layer's blocks][PANEL] of bias gradients, see gradients.c */
    float *token_sums;     /* [bottom layer's blocks][V][PANEL], or null */
    double *squares;       /* partial sums of squares, one a chunk of the gradient */
    float *scratch;        /* [threads][scratch_floats] */
    i64 scratch_floats;
    i64 threads;
    i64 next;    /* the step at which threads that draw together meet, see generate.c */
    int parting; /* whether they part after it */
} Window;

enum { CHUNK_ROWS = 128 }; /* rows whose products are made at once: they stay in the cache */
enum { GRADIENT_DEPTH = 256, SQUARES_CHUNK = 4096, MOST_TOKEN_SUMS = 1 << 20 };

/* A row of copies, of rows `stride` numbers wide. */
INLINE uint16_t *copied_row(const Net *net, uint16_t *copies, i64 row, i64 stride)
{
    return copies + 2 * row * words(stride, kind_of(net));
}

/* A row of numbers into its copy, what pads a line included. */
INLINE void copy_row(const Net *net, uint16_t *copies, i64 row, i64 stride, const float *from)
{
    uint16_t *to = copied_row(net, copies, row, stride);
    for (i64 n = 0; n < stride; n += LANES) {
        if (split_of(net)) store_copy(SPLIT, to, n, load(from + n));
        else store_half(to + n, load(from + n));
    }
    if (split_of(net) && stride % LINE) store_copy(SPLIT, to, stride, zero());
}

/* A row of numbers as bytes; `count` is a multiple of LANES. */
INLINE void quantise(const float *row, i64 count, uint8_t *to, float *step)
{
    *step = byte_step(row, count);
    store_bytes(row, count, *step, to);
}

/* Lay out the tapes of `job` at `base` (which may be 0); return the bytes that they take. */
COLD i64 window_lay_out(Window *w, const RecurraJob *job, const Net *net, uint8_t *base);

/* Pointers to a layer's part of a flat state. */
typedef struct { float *h, *c, *gates; } StatePart;
StatePart state_part(const Net *net, float *state, i64 batch, i64 k);

/* place.c: the states, masks and inputs of sequences b0 .. b1-1, from the job to the tapes; their
 * outputs and the trace of what their cells did, from the tapes to the job. */
void window_place(Window *w, i64 b0, i64 b1);
void window_outputs(Window *w, i64 b0, i64 b1);
COLD void window_trace(Window *w, i64 b0, i64 b1);

/* place.c: one row of what the bottom layer reads, from where `input_row` finds it. */
void place_input(Window *w, i64 row, const float *from);
const float *input_row(const Window *w, i64 row, i64 token);

/* generate.c: draw tokens for sequences b0 .. b1-1, which no other thread touches; or for the only
 * one, all threads together, each with some unit blocks of every layer. The threads' number does not
 * show in the results. `shares_steps` says whether the latter pays. */
void generate(Window *w, i64 b0, i64 b1, i64 thread);
void generate_together(Window *w, i64 thread, i64 threads, void *pool);
int shares_steps(const Window *w);

/* layer.c, backward.c: run a layer over the window, for sequences b0 .. b1-1; and back through it.
 * `tokens` is null but for a one-hot bottom layer, `n` counts the tokens drawn. The backward pass
 * reads the gradient of the layer's output at dy_of and, with want_dx, leaves that of its input at
 * dx_of. */
void layer_forward(Window *w, i64 k, const i64 *tokens, i64 n, i64 b0, i64 b1);
void layer_start(Window *w, i64 k, i64 b0, i64 b1); /* what layer_forward does first, unless drawing */
/* A step of one sequence, unit blocks u0 .. u1-1; and, when all are there, its 8-bit copies. */
void layer_blocks(Window *w, i64 k, const i64 *tokens, i64 n, i64 u0, i64 u1);
void layer_bytes(Window *w, i64 k);
void layer_backward(Window *w, i64 k, i64 b0, i64 b1, int want_dx);

INLINE float *dy_of(const Window *w, i64 k) { return w->dy[(w->net->layers - 1 - k) & 1]; }
INLINE float *dx_of(const Window *w, i64 k) { return w->dy[(w->net->layers - k) & 1]; }

/* What inverted dropout multiplies by, from bytes that say what is kept. Rates are multiples of
 * 2^-16, as in core/random.py. */
INLINE vf kept_scale(const Window *w, const uint8_t *kept)
{
    double dropped = (double)(i64)(w->job->dropout * 65536.0 + 0.5);
    return __builtin_convertvector(*(const vb_any *)kept, vf) * (float)(65536.0 / (65536.0 - dropped));
}

/* All that reaches h of a row, from above and from the step after: units n .. n + LANES - 1. */
INLINE vf incoming(const Window *w, i64 k, i64 row, i64 b, i64 n)
{
    vf dh = load(dy_of(w, k) + row * w->wide_row + n);
    const uint8_t *kept = w->tape[k].kept;
    if (kept) dh = dh * kept_scale(w, kept + row * w->net->layer[k].stride + n);
    return dh + load(w->dh + b * w->wide_row + n);
}

/* norm.c: the same for one step of a layer with layer normalisation. */
void norm_input(Window *w, i64 k, i64 row, i64 count);
void norm_forward(Window *w, i64 k, i64 t, i64 b0, i64 b1);
void norm_backward(Window *w, i64 k, i64 t, i64 b0, i64 b1);
void norm_input_backward(Window *w, i64 k, i64 row, i64 count);

/* head.c: logits of `rows` rows of the window, from row `first`; the loss and its gradient for steps
 * t0 .. t1-1. */
void head_logits(const Window *w, i64 first, i64 rows, float *logits);
void head_loss(Window *w, i64 t0, i64 t1, i64 b0, i64 b1);
/* A row of the gradient of logits as the products read it: with HALF, in place, the front half. */
void head_gradient_row(const Net *net, float *row);
void head_pull(Window *w, i64 t, const float *dlogits, i64 b0, i64 b1);

/* gradients.c, head_gradients.c: this thread's share of the weights' gradients. */
void head_gradient(
    Window *w, const float *dlogits, i64 t0, i64 t1, int add, i64 thread, i64 threads);
void layer_gradients(Window *w, i64 k, i64 thread, i64 threads);
void embedding_gradient(Window *w, const float *dx, i64 thread, i64 threads);

/* optimiser.c: squares of chunks of a flat array; one update of this thread's chunks. */
void sum_squares(Window *w, const float *grads, i64 thread, i64 threads);
double total_squares(const Window *w);
void scale_and_clip(
    const Window *w, float *grads, double scale, double limit, i64 thread, i64 threads);
void update_weights(
    Window *w, const float *grads, double scale, i64 thread, i64 threads);

#endif
