/* Gradients of the layers' weights, from the tapes, for the whole window.
 *
 * Threads share the rows of each gradient, not the positions that they are summed over, so every
 * element is summed in one order whatever the number of threads, and nothing is reduced afterwards.
 */
#include "gradients.h"

/* A unit block's gradients of some rows, slot by slot: [slot][row][lane]; with `half`, pairs of rows.
 * In the tape the lines of a slot would share few sets of the first cache. */
static void pack_block(const float *dz, i64 rows, int half, float *to)
{
    for (int s = 0; s < 4; s++) {
        for (i64 r = 0; r < rows; r += half ? 2 : 1, to += LANES) {
            if (!half) {
                store(to, load(dz + r * PANEL + s * LANES));
                continue;
            }
            const uint16_t *x = (const uint16_t *)(dz + r * PANEL) + s * LANES;
            vh low = *(const vh_any *)x, high = {0};
            if (r + 1 < rows) high = *(const vh_any *)(x + 2 * PANEL);
            store(to, pair_halves(low, high));
        }
        i64 padding = (depth_of(rows, half) - words(rows, half)) * LANES;
        clear(to, padding);
        to += padding;
    }
}

#ifdef TILES
/* Each slot of a packed block of pairs in place, from [pair][lane] to [lane][pair]. */
static void turn_block(float *block, i64 depth)
{
    float turned[GRADIENT_DEPTH / 2 * LANES] __attribute__((aligned(64)));
    for (int s = 0; s < 4; s++, block += depth * LANES) {
        turn_pairs(block, LANES, depth, LANES, turned);
        copy(block, turned, depth * LANES);
    }
}
#endif

/* What a matrix of a layer multiplied, and the gradients of its products. */
typedef struct {
    const Matrix *matrix;
    const float *dz;
    const void *x;
    float *packed; /* rows of x, as pack_rows makes them */
} Factor;

/* grads[n][k] (+)= sum over rows r of dz[r][n] x[r][k], for the units of block u. */
static void block_gradient(Window *w, const Layer *l, const Factor *f, const float *block, i64 rows,
                           int kind, i64 u, int add)
{
    const Matrix *m = f->matrix;
    i64 depth = depth_of(rows, kind), units = least(LANES, l->units - u * LANES);
    for (int s = 0; s < 4; s++) {
        if (m->row_of_slot[s] < 0) continue;
        i64 row = m->row_of_slot[s] * l->units + u * LANES, count = units;
        Product p = {.a = block + s * depth * LANES, .a_row = 1, .a_k = LANES, .depth = depth,
                     .blocks = 1, .b = f->packed, .c = w->job->grads + m->weight + row * m->stride,
                     .c_row = m->stride, .add = add};
#ifdef TILES
        if (kind != FULL) {
            p.a_row = depth;
            p.a_k = 1;
            /* Two slots make a tall tile: they lie together in the block, not in the gradient. */
            if (s % 2 == 0 && units == LANES && m->row_of_slot[s + 1] >= 0) {
                i64 apart = (m->row_of_slot[s + 1] - m->row_of_slot[s]) * l->units - LANES;
                p.c_jump = apart * m->stride;
                count = 2 * LANES;
                s++;
            }
        }
#endif
        product_panels(&p, kind, count, m->width);
    }
}

/* One entry's vector of a row of gradients. */
INLINE vf entry(const float *row, int s, int half)
{
    return half ? load_half((const uint16_t *)row + s * LANES) : load(row + s * LANES);
}

/* sums [slot][lane] += a block as pack_block has packed it, row by row. */
INLINE void add_block(const float *block, i64 rows, const int half, float *sums)
{
    i64 depth = depth_of(rows, half);
    for (int s = 0; s < 4; s++, block += depth * LANES) {
        vf sum = load(sums + s * LANES);
        for (i64 k = 0; k < depth; k++) {
            vf x = load(block + k * LANES);
            if (half) {
                sum = sum + (vf)((vu)x << 16);
                x = (vf)((vu)x & 0xffff0000u);
            }
            sum = sum + x;
        }
        store(sums + s * LANES, sum);
    }
}

/* sums [slot][lane] += rows of gradients as the tape has them. */
static void add_rows(const float *dz, i64 rows, int half, float *sums)
{
    for (i64 r = 0; r < rows; r++, dz += PANEL) {
        UNROLL for (int s = 0; s < 4; s++) {
            store(sums + s * LANES, load(sums + s * LANES) + entry(dz, s, half));
        }
    }
}

/* sums [token][slot][lane] += the rows of gradients of one-hot inputs. */
INLINE void add_tokens(const i64 *tokens, const float *dz, i64 rows, const int half, float *sums)
{
    for (i64 r = 0; r < rows; r++) {
        float *sum = sums + tokens[r] * PANEL;
        UNROLL for (int s = 0; s < 4; s++) {
            store(sum + s * LANES, load(sum + s * LANES) + entry(dz + r * PANEL, s, half));
        }
    }
}

/* A unit block's gradients of some rows in the form that products of this kind read, and their sums
 * over the rows where those are asked for. */
static void pack_block_of(const float *dz, i64 rows, int kind, float *block, float *sums)
{
#ifdef TILES
    if (kind == SPLIT) {
        pack_block_split(dz, rows, block);
        if (sums) add_rows(dz, rows, 0, sums);
        return;
    }
#endif
    pack_block(dz, rows, kind, block);
    if (sums) add_block(block, rows, kind, sums);
#ifdef TILES
    if (kind == HALF) turn_block(block, depth_of(rows, kind));
#endif
}

static void pack_factor(const Factor *f, i64 first, i64 rows, int kind)
{
    i64 stride = f->matrix->stride, width = f->matrix->width;
#ifdef TILES
    if (kind == SPLIT) {
        pack_rows_split((const float *)f->x + first * stride, stride, rows, width, f->packed);
        return;
    }
#endif
    const void *x = kind == HALF ? (const void *)((const uint16_t *)f->x + first * stride)
                                 : (const void *)((const float *)f->x + first * stride);
    pack_rows(x, stride, rows, width, kind == HALF, f->packed);
}

/* The matrices of a layer, rows of the window in rounds that the caches hold: what a round has
 * packed of a block serves every matrix with the same gradients, and their sums over the rows. */
static void matrix_gradients(Window *w, const Layer *l, Factor *factor, int count, int kind,
                             int with_bias, const i64 *tokens, i64 thread, i64 threads)
{
    float *scratch = w->scratch + thread * w->scratch_floats, *next = scratch;
    i64 depth = most(GRADIENT_DEPTH, words(GRADIENT_DEPTH, kind));
    float *block = scratch + w->scratch_floats - depth * PANEL;
    for (int k = 0; k < count; k++) {
        factor[k].packed = next;
        next += depth * round_up(factor[k].matrix->width, LANES);
    }
    for (i64 r0 = 0; r0 < w->rows; r0 += GRADIENT_DEPTH) {
        i64 rows = least(GRADIENT_DEPTH, w->rows - r0);
        for (int k = 0; k < count; k++) pack_factor(&factor[k], r0, rows, kind);
        for (i64 u = thread; u < l->blocks; u += threads) {
            i64 first = (u * w->rows + r0) * PANEL;
            for (int k = 0; k < count; k++) {
                if (k == 0 || factor[k].dz != factor[k - 1].dz) {
                    float *sums = k == 0 && with_bias ? w->sums + u * PANEL : 0;
                    pack_block_of(factor[k].dz + first, rows, kind, block, sums);
                }
                block_gradient(w, l, &factor[k], block, rows, kind, u, r0 > 0);
            }
            if (tokens) {
                float *sums = w->token_sums + u * l->ih.width * PANEL;
                add_tokens(tokens + r0, factor[0].dz + first, rows, kind == HALF, sums);
            }
        }
    }
}

/* One-hot input: column v of the gradient is the sum over the rows whose token is v. */
static void keep_token_sums(Window *w, const Layer *l, i64 u, const float *sums)
{
    const Matrix *m = &l->ih;
    for (int s = 0; s < 4; s++) {
        if (m->row_of_slot[s] < 0) continue;
        for (i64 j = 0; j < least(LANES, l->units - u * LANES); j++) {
            i64 n = m->row_of_slot[s] * l->units + u * LANES + j;
            float *to = w->job->grads + m->weight + n * m->stride;
            for (i64 v = 0; v < m->width; v++) to[v] = sums[v * PANEL + s * LANES + j];
        }
    }
}

/* Block by block, where the vocabulary is too large to keep the sums of all, or with layer norm. */
static void token_gradient(
    Window *w, const Layer *l, const float *dz, int half, i64 thread, i64 threads)
{
    float *sums = w->scratch + thread * w->scratch_floats;
    for (i64 u = thread; u < l->blocks; u += threads) {
        clear(sums, l->ih.width * PANEL);
        add_tokens(w->job->tokens, dz + u * w->rows * PANEL, w->rows, half, sums);
        keep_token_sums(w, l, u, sums);
    }
}

/* Store the real units of a block's vector sum. */
static void keep_sum(Window *w, const Layer *l, i64 offset, i64 u, vf sum)
{
    for (i64 j = 0; j < least(LANES, l->units - u * LANES); j++) {
        w->job->grads[offset + u * LANES + j] = sum[j];
    }
}

/* Biases of a unit block: sums over the rows, of what layer normalisation has not touched. */
static void bias_gradients(Window *w, i64 k, i64 u, int half)
{
    const Layer *l = &w->net->layer[k];
    float *sums = w->sums + u * PANEL;
    if (w->tape[k].v) {
        const float *dz = w->tape[k].g + u * w->rows * PANEL;
        add_rows(dz, w->rows, half, sums);
    }
    for (int s = 0; s < 4; s++) {
        int of_ih = l->ih.row_of_slot[s], of_hh = l->hh.row_of_slot[s];
        vf sum = load(sums + s * LANES);
        if (of_ih >= 0) keep_sum(w, l, l->bias_ih + of_ih * l->units, u, sum);
        if (of_hh >= 0 && l->bias_hh >= 0) keep_sum(w, l, l->bias_hh + of_hh * l->units, u, sum);
    }
}

/* Peepholes of a unit block: sum of dz_i c', dz_f c', dz_o c. */
static void peephole_gradients(Window *w, i64 k, i64 u, int half)
{
    const Layer *l = &w->net->layer[k];
    const Tape *tape = &w->tape[k];
    for (int s = 0; s < 4; s++) {
        vf sum = zero();
        if (w->net->gate_of_slot[s] < 0) continue;
        for (i64 r = 0; r < w->rows; r++) {
            vf dz = entry(tape->g + (u * w->rows + r) * PANEL, s, half);
            const float *c = tape->c + r * l->stride + u * LANES;
            vf seen = load(s == 3 ? c + w->batch * l->stride : c);
            if (s < 3 && w->keep) seen = seen * w->keep[r];
            sum = madd(dz, seen, sum);
        }
        keep_sum(w, l, l->peephole + w->net->gate_of_slot[s] * l->stride, u, sum);
    }
}

/* Gains of a unit block, and the bias of the normalised cell state. */
static void norm_gradients(Window *w, i64 k, i64 u)
{
    const Layer *l = &w->net->layer[k];
    const Tape *tape = &w->tape[k];
    for (int s = 0; s < 4; s++) {
        vf ih = zero(), hh = zero();
        int of = l->ih.row_of_slot[s];
        for (i64 r = 0; r < w->rows && of >= 0; r++) {
            i64 at = (u * w->rows + r) * PANEL + s * LANES;
            ih = madd(load(tape->g + at), load(tape->v + at), ih);
            hh = madd(load(tape->g + at), load(tape->u + at), hh);
        }
        if (of < 0) continue;
        keep_sum(w, l, l->norm_ih + of * l->units, u, ih);
        keep_sum(w, l, l->norm_hh + of * l->units, u, hh);
    }
    vf gain = zero(), bias = zero();
    for (i64 r = 0; r < w->rows; r++) {
        vf d = load(tape->dm_scaled + r * l->stride + u * LANES);
        gain = madd(d, load(tape->m + r * l->stride + u * LANES), gain);
        bias = bias + d;
    }
    keep_sum(w, l, l->norm_c, u, gain);
    keep_sum(w, l, l->norm_c + l->stride, u, bias);
}

void layer_gradients(Window *w, i64 k, i64 thread, i64 threads)
{
    const Layer *l = &w->net->layer[k];
    const Tape *tape = &w->tape[k];
    int half = half_of(w->net);
    const float *dv = tape->v ? tape->dv : tape->g, *du = tape->v ? tape->du : tape->g;
    Factor factor[3];
    int count = 0;
    const i64 *tokens = k == 0 && w->net->input == INPUT_ONE_HOT ? w->job->tokens : 0;
    int fused = tokens && w->token_sums && !tape->v;
    for (i64 u = thread; u < l->blocks; u += threads) {
        clear(w->sums + u * PANEL, PANEL);
        if (fused) clear(w->token_sums + u * l->ih.width * PANEL, l->ih.width * PANEL);
    }
    if (tokens) {
        if (!fused) token_gradient(w, l, dv, half, thread, threads);
    } else {
        const void *x = half ? (const void *)(k ? w->tape[k - 1].out_half : w->x_half)
                             : (const void *)(k ? w->tape[k - 1].out : w->x);
        factor[count++] = (Factor){&l->ih, dv, x, 0};
    }
    const void *h = half ? (const void *)tape->h_in_half : (const void *)tape->h_in;
    factor[count++] = (Factor){&l->hh, du, h, 0};
    if (l->gg.width) factor[count++] = (Factor){&l->gg, tape->g, tape->gates_in, 0};
    matrix_gradients(
        w, l, factor, count, kind_of(w->net), !tape->v, fused ? tokens : 0, thread, threads);
    for (i64 u = thread; u < l->blocks; u += threads) {
        if (fused) keep_token_sums(w, l, u, w->token_sums + u * l->ih.width * PANEL);
        bias_gradients(w, k, u, half);
        if (l->peephole >= 0) peephole_gradients(w, k, u, half);
        if (tape->v) norm_gradients(w, k, u);
    }
}
