/* One layer through time, forward; backward.c goes back.
 *
 * A register tile holds the four gates of a unit block for some sequences: the products of
 * the input and of the state before are summed there, and become the new state before they leave the
 * registers. (8-bit inputs are multiplied some steps at once, for their sums are scaled apart, and so
 * are all inputs with layer normalisation.)
 */
#include "cell.h"
#include "products.h"
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

/* What the recurrent product reads, in words of a kind. */
INLINE const float *state_of(const Tape *tape, const int kind)
{
    if (kind == HALF) return (const float *)tape->h_in_half;
    if (kind == BYTE) return (const float *)tape->h_in_byte;
    return tape->h_in;
}

/* A product with a forward panel, into the gates' tape: rows of unit block u. */
static Product ahead(const Window *w, const Matrix *m, const float *a, int kind, i64 u)
{
    i64 depth = words(m->width, kind);
    Product p = {.a = a, .a_row = words(m->stride, kind), .a_k = 1, .depth = depth, .blocks = 1,
                 .b = w->packed + m->ahead + u * depth * PANEL, .b_row = PANEL, .c_row = PANEL,
                 .b_step = w->packed + m->step + u * PANEL,
                 .b_offset = w->packed + m->offset + u * PANEL};
    return p;
}

/* W x + b of steps t0 .. t1-1 into the gates' tape (with layer norm, W x into v). */
static void input_sums(Window *w, i64 k, i64 t0, i64 t1, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    float *into = tape->v ? tape->v : tape->g;
    int whole = b0 == 0 && b1 == w->batch, kind = w->net->kind;
    const float *x = input_of(w, k, kind);
    for (i64 u = 0; u < l->blocks; u++) {
        for (i64 t = t0; t < t1; t += whole ? t1 - t0 : 1) {
            i64 row = t * w->batch + b0, count = whole ? (t1 - t0) * w->batch : b1 - b0;
            Product p = ahead(w, &l->ih, x + row * words(l->ih.stride, kind), kind, u);
            if (kind == BYTE) p.a_step = input_steps(w, k) + row;
            p.bias = tape->v ? 0 : w->packed + l->packed_bias + u * PANEL;
            p.c = into + (u * w->rows + row) * PANEL;
            product(&p, kind, count, 4);
        }
    }
}

/* With layer norm and tokens: rows of the table into v. */
static void input_rows(Window *w, i64 k, const i64 *tokens, i64 row, i64 count)
{
    const Layer *l = &w->net->layer[k];
    for (i64 u = 0; u < l->blocks; u++) {
        const float *table = w->packed + l->ih.ahead + u * l->ih.width * PANEL;
        float *v = w->tape[k].v + u * w->rows * PANEL;
        for (i64 r = row; r < row + count; r++) copy(v + r * PANEL, table + tokens[r] * PANEL, PANEL);
    }
}

/* Make what the products of step t read, where it is not the state itself: reset sequences start
 * from zero, and recurrent dropout takes some units. */
static void prepare_step(Window *w, i64 k, i64 t, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    for (i64 b = b0; b < b1; b++) {
        i64 row = t * w->batch + b, at = row * l->stride;
        float keep = w->keep ? w->keep[row] : 1.0f;
        const float *mask = tape->mask ? tape->mask + b * l->stride : 0;
        for (i64 n = 0; n < l->stride; n += LANES) {
            vf h = load(tape->h + at + n) * keep;
            if (mask) h = h * load(mask + n);
            store(tape->h_in + at + n, h);
            if (w->net->half) store_half(tape->h_in_half + at + n, h);
        }
        if (w->net->kind != BYTE) continue;
        quantise(tape->h_in + at, l->blocks * LANES, tape->h_in_byte + at, tape->h_in_step + row);
    }
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
    if (kind == HALF && tape->h_in == tape->h) store_half(tape->h_in_half + after, h);
}

/* acc[m] += what integer sums of row m and unit block u of a matrix stand for. */
INLINE void add_byte_sums(
    const Window *w, const Matrix *m, i64 u, float a_step, const vf sum[4], vf acc[4])
{
    const float *b_step = w->packed + m->step + u * PANEL;
    UNROLL for (int j = 0; j < 4; j++) {
        acc[j] = byte_sum(sum[j], a_step, load(b_step + j * LANES), acc[j]);
    }
}

INLINE void start_byte_sums(const Window *w, const Matrix *m, i64 u, vf sum[4])
{
    const float *offset = w->packed + m->offset + u * PANEL;
    UNROLL for (int j = 0; j < 4; j++) sum[j] = load(offset + j * LANES);
}

/* Gates and state of `rows` sequences of a step, from b0 + first, for one unit block. */
INLINE void fused_rows(
    const Step *s, const int flags, const int kind, const int rows, i64 first)
{
    const Window *w = s->w;
    const Layer *l = s->l;
    i64 row = s->t * w->batch + s->b0 + first;
    i64 depth = words(l->units, kind), stride = words(l->stride, kind);
    const float *h = state_of(s->tape, kind) + row * stride;
    const float *b = w->packed + l->hh.ahead + s->u * depth * PANEL;
    vf acc[TILE_ROWS][4];
    UNROLL for (int m = 0; m < rows; m++) {
        if (kind == BYTE) start_byte_sums(w, &l->hh, s->u, acc[m]);
        else start_row(s, s->u, row + m, acc[m]);
    }
    if (s->x && kind != BYTE) {
        i64 width = words(l->ih.width, kind), x_row = words(l->ih.stride, kind);
        tile_steps(kind, rows, 4, s->x + row * x_row, x_row, 1,
                   w->packed + l->ih.ahead + s->u * width * PANEL, PANEL, width, acc);
    }
    tile_steps(kind, rows, 4, h, stride, 1, b, PANEL, depth, acc);
    if (flags & CELL_FULL_GATE_RECURRENCE) {
        tile_steps(FULL, rows, 4, s->tape->gates_in + row * l->gg.stride, l->gg.stride, 1,
                   w->packed + l->gg.ahead + s->u * l->gg.width * PANEL, PANEL, l->gg.width, acc);
    }
    UNROLL for (int m = 0; m < rows; m++) {
        if (kind == BYTE) {
            vf sum[4] = {acc[m][0], acc[m][1], acc[m][2], acc[m][3]};
            start_row(s, s->u, row + m, acc[m]);
            add_byte_sums(w, &l->hh, s->u, s->tape->h_in_step[row + m], sum, acc[m]);
        }
        finish_row(s, flags, kind, s->u, row + m, acc[m]);
    }
}

/* A single sequence: too few rows to fill a tile, so several unit blocks go side by side, each
 * summed in the same order as in a tile. What costs is the way of the weights from the cache. */
#if LANES == 16
enum { SINGLE_BLOCKS = 1 }; /* four sums of 16 lanes are as many as its multiplier has in flight */
#else
enum { SINGLE_BLOCKS = 2 };
#endif

/* acc += the product of one row with unit blocks u .. u + blocks - 1 of a matrix. */
INLINE void single_product(const Window *w, const Matrix *m, const int kind, const int blocks,
                           i64 u, const float *a, float a_step, vf acc[SINGLE_BLOCKS][4])
{
    i64 depth = words(m->width, kind);
    const float *b = w->packed + m->ahead + u * depth * PANEL;
    vf sum[SINGLE_BLOCKS][4];
    UNROLL for (int q = 0; q < blocks; q++) {
        if (kind == BYTE) start_byte_sums(w, m, u + q, sum[q]);
        else UNROLL for (int j = 0; j < 4; j++) sum[q][j] = acc[q][j];
    }
    for (i64 k = 0; k < depth; k++) {
        vf x = splat(a[k]);
        UNROLL for (int q = 0; q < blocks; q++) {
            UNROLL for (int j = 0; j < 4; j++) {
                sum[q][j] = tile_multiply_add(
                    kind, x, load(b + (q * depth + k) * PANEL + j * LANES), sum[q][j]);
            }
        }
    }
    UNROLL for (int q = 0; q < blocks; q++) {
        if (kind == BYTE) add_byte_sums(w, m, u + q, a_step, sum[q], acc[q]);
        else UNROLL for (int j = 0; j < 4; j++) acc[q][j] = sum[q][j];
    }
}

INLINE void single_blocks(const Step *s, const int flags, const int kind, const int blocks, i64 u)
{
    const Window *w = s->w;
    const Layer *l = s->l;
    i64 row = s->t * w->batch + s->b0;
    vf acc[SINGLE_BLOCKS][4];
    UNROLL for (int q = 0; q < blocks; q++) start_row(s, u + q, row, acc[q]);
    if (s->x) {
        single_product(w, &l->ih, kind, blocks, u, s->x + row * words(l->ih.stride, kind),
                       kind == BYTE ? s->x_step[row] : 1.0f, acc);
    }
    single_product(w, &l->hh, kind, blocks, u,
                   state_of(s->tape, kind) + row * words(l->stride, kind),
                   kind == BYTE ? s->tape->h_in_step[row] : 1.0f, acc);
    if (flags & CELL_FULL_GATE_RECURRENCE) {
        single_product(w, &l->gg, FULL, blocks, u, s->tape->gates_in + row * l->gg.stride, 1.0f, acc);
    }
    if (kind == BYTE) {
        /* While the gates are computed, the next block's first weights may come. Wider ones keep the
         * way from the second cache busy by themselves. */
        const Matrix *next = s->x ? &l->ih : &l->hh;
        const float *b = w->packed + next->ahead + (u + blocks) * words(next->width, kind) * PANEL;
        for (int line = 0; line < 32; line++) prefetch(b + line * ROW);
    }
    UNROLL for (int q = 0; q < blocks; q++) finish_row(s, flags, kind, u + q, row, acc[q]);
}

INLINE void single_row(const Step *s, const int flags, const int kind)
{
    i64 u = s->u0;
    for (; u + SINGLE_BLOCKS <= s->u1; u += SINGLE_BLOCKS) {
        single_blocks(s, flags, kind, SINGLE_BLOCKS, u);
    }
    for (; u < s->u1; u++) single_blocks(s, flags, kind, 1, u);
}

/* Constant flags for the vanilla cell, a variable for all others; a constant kind for all. */
#define FUSED(rows) fused_rows(s, 0, FULL, rows, first)
#define FUSED_HALF(rows) fused_rows(s, 0, HALF, rows, first)
#define FUSED_BYTE(rows) fused_rows(s, 0, BYTE, rows, first)
#define FUSED_ANY(rows) fused_rows(s, flags, FULL, rows, first)
#define FUSED_HALF_ANY(rows) fused_rows(s, flags, HALF, rows, first)
#define FUSED_BYTE_ANY(rows) fused_rows(s, flags, BYTE, rows, first)

static void fused_vanilla(const Step *s, i64 count) { FOR_ROW_GROUPS(count, first, FUSED) }
static void fused_half(const Step *s, i64 count) { FOR_ROW_GROUPS(count, first, FUSED_HALF) }
static void fused_byte(const Step *s, i64 count) { FOR_ROW_GROUPS(count, first, FUSED_BYTE) }
static void fused_any(const Step *s, int flags, i64 count)
{
    FOR_ROW_GROUPS(count, first, FUSED_ANY)
}
static void fused_half_any(const Step *s, int flags, i64 count)
{
    FOR_ROW_GROUPS(count, first, FUSED_HALF_ANY)
}
static void fused_byte_any(const Step *s, int flags, i64 count)
{
    FOR_ROW_GROUPS(count, first, FUSED_BYTE_ANY)
}

static void fused_single(const Step *s, int flags, int kind)
{
    switch (2 * kind + (flags != 0)) {
    case 2 * FULL: single_row(s, 0, FULL); break;
    case 2 * HALF: single_row(s, 0, HALF); break;
    case 2 * BYTE: single_row(s, 0, BYTE); break;
    case 2 * FULL + 1: single_row(s, flags, FULL); break;
    case 2 * HALF + 1: single_row(s, flags, HALF); break;
    default: single_row(s, flags, BYTE);
    }
}

/* One step of `count` sequences: all unit blocks. */
static void fused_step(Step *s, i64 count)
{
    int flags = s->w->net->flags, kind = KIND(s->w->net->kind);
    if (count == 1) {
        fused_single(s, flags, kind);
        return;
    }
    for (s->u = 0; s->u < s->l->blocks; s->u++) {
        switch (2 * kind + (flags != 0)) {
        case 2 * FULL: fused_vanilla(s, count); break;
        case 2 * HALF: fused_half(s, count); break;
        case 2 * BYTE: fused_byte(s, count); break;
        case 2 * FULL + 1: fused_any(s, flags, count); break;
        case 2 * HALF + 1: fused_half_any(s, flags, count); break;
        default: fused_byte_any(s, flags, count);
        }
    }
}

/* The gates proper of one row of the tape, in the columns of a state. */
static void gates_of(const Window *w, i64 k, i64 row, float *to)
{
    const Layer *l = &w->net->layer[k];
    for (int s = 0; s < 4; s++) {
        int gate = w->net->gate_of_slot[s];
        for (i64 n = 0; n < l->units && gate >= 0; n++) {
            const float *g = w->tape[k].g + (n / LANES * w->rows + row) * PANEL;
            to[gate * l->units + n] = g[s * LANES + n % LANES];
        }
    }
}

/* Gates of step t - 1 as step t reads them, in the columns of the state. */
static void gates_before(Window *w, i64 k, i64 t, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    for (i64 b = b0; b < b1; b++) {
        i64 row = t * w->batch + b;
        float keep = w->keep ? w->keep[row] : 1.0f;
        float *to = tape->gates_in + row * l->gg.stride;
        if (t == 0) {
            /* While generating, every step is a window of one, and state_out goes along. */
            int goes_on = w->job->mode == MODE_GENERATE;
            StatePart state = state_part(
                w->net, goes_on ? w->job->state_out : (float *)w->job->state_in, w->batch, k);
            for (i64 n = 0; n < l->gg.width; n++) to[n] = state.gates[b * l->gg.width + n] * keep;
        } else {
            gates_of(w, k, row - w->batch, to);
            for (i64 n = 0; n < l->gg.width; n++) to[n] *= keep;
        }
        clear(to + l->gg.width, l->gg.stride - l->gg.width);
    }
}

/* Leave the state after the window in the job's. Before the tape of gates is used again. */
static void state_after(Window *w, i64 k, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    if (!w->job->state_out) return;
    StatePart part = state_part(w->net, w->job->state_out, w->batch, k);
    for (i64 b = b0; b < b1; b++) {
        i64 from = (w->rows + b) * l->stride, last = w->rows - w->batch + b;
        if (w->job->mode != MODE_GENERATE) {
            copy(part.h + b * l->units, tape->h + from, l->units);
            if (part.c) copy(part.c + b * l->units, tape->c + from, l->units);
        }
        if (part.gates) gates_of(w, k, last, part.gates + b * l->gg.width);
    }
}

/* Rows of the new state as bytes, when all unit blocks of it are there. */
static void quantise_state(Window *w, i64 k, i64 row, i64 count)
{
    i64 stride = w->net->layer[k].stride, units = w->net->layer[k].blocks * LANES;
    const Tape *tape = &w->tape[k];
    for (i64 r = row; r < row + count; r++) {
        quantise(tape->h + r * stride, units, tape->h_in_byte + r * stride, tape->h_in_step + r);
    }
}

/* What the next layer reads, where it is not the state itself: dropout, and the residual sum; units
 * n0 .. n1-1 of some rows. */
static void output_rows(Window *w, i64 k, i64 row, i64 count, i64 n0, i64 n1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    const float *x = l->residual ? input_of(w, k, FULL) : 0;
    i64 state = w->batch * l->stride;
    int own = tape->out != tape->h + state;
    int own_half = w->net->half && tape->out_half != tape->h_in_half + state;
    if (!own && !own_half) return;
    for (i64 r = row; r < row + count; r++) {
        for (i64 n = r * l->stride + n0; n < r * l->stride + n1; n += LANES) {
            vf y = load(tape->h + state + n);
            if (tape->kept) y = y * kept_scale(w, tape->kept + n);
            if (x) y = y + load(x + n);
            if (own) store(tape->out + n, y);
            if (own_half) store_half(tape->out_half + n, y);
        }
    }
}

/* The same rows, of the state and of the output, as bytes: when all of their units are there. */
static void output_bytes(Window *w, i64 k, i64 row, i64 count)
{
    i64 stride = w->net->layer[k].stride, units = w->net->layer[k].blocks * LANES;
    const Tape *tape = &w->tape[k];
    int own = tape->out_byte != tape->h_in_byte + w->batch * stride;
    if (tape->h_in == tape->h) quantise_state(w, k, row + w->batch, count);
    for (i64 r = row; r < row + count && own; r++) {
        quantise(tape->out + r * stride, units, tape->out_byte + r * stride, tape->out_step + r);
    }
}

void layer_start(Window *w, i64 k, i64 b0, i64 b1)
{
    const Tape *tape = &w->tape[k];
    i64 stride = w->net->layer[k].stride;
    if (tape->h_in != tape->h) return; /* prepare_step makes them */
    for (i64 n = b0 * stride; n < b1 * stride && w->net->half; n += LANES) {
        store_half(tape->h_in_half + n, load(tape->h + n));
    }
    if (w->net->kind == BYTE) quantise_state(w, k, b0, b1 - b0);
}

void layer_blocks(Window *w, i64 k, const i64 *tokens, i64 u0, i64 u1)
{
    const Layer *l = &w->net->layer[k];
    Step s = {w, l, &w->tape[k], tokens, tokens ? 0 : input_of(w, k, w->net->kind), 0,
              0, 0, 0, u0, u1};
    fused_step(&s, 1);
    output_rows(w, k, 0, 1, u0 * LANES, u1 < l->blocks ? u1 * LANES : l->stride);
}

void layer_forward(Window *w, i64 k, const i64 *tokens, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    i64 chunk = most(1, CHUNK_ROWS / most(1, b1 - b0)), count = b1 - b0;
    /* The input's product joins the recurrent one in its tile, where sums may go on: those of bytes
     * are scaled first, unless a sequence is alone, and layer normalisation wants both apart. */
    int joined = !tape->v && (w->net->kind != BYTE || (count == 1 && w->time == 1));
    if (w->job->mode != MODE_GENERATE) layer_start(w, k, b0, b1);
    for (i64 t0 = 0; t0 < w->time; t0 += chunk) {
        i64 t1 = least(w->time, t0 + chunk);
        if (!tokens && !joined) input_sums(w, k, t0, t1, b0, b1);
        for (i64 t = t0; t < t1; t++) {
            i64 row = t * w->batch + b0;
            if (tape->h_in != tape->h) prepare_step(w, k, t, b0, b1);
            if (l->gg.width) gates_before(w, k, t, b0, b1);
            if (tape->v) {
                if (tokens) input_rows(w, k, tokens, row, count);
                norm_input(w, k, row, count);
                norm_forward(w, k, t, b0, b1);
            } else {
                const float *x = joined && !tokens ? input_of(w, k, w->net->kind) : 0;
                Step s = {w, l, tape, tokens, x, input_steps(w, k), t, 0, b0, 0, l->blocks};
                fused_step(&s, count);
            }
            output_rows(w, k, row, count, 0, l->stride);
            if (w->net->kind == BYTE) output_bytes(w, k, row, count);
        }
    }
    state_after(w, k, b0, b1);
}
