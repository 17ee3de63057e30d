/* Layer normalisation (Ba et al. 2016): one row of sums, or of the cell state, at a time.
 *
 * normalise(x) = (x - mean) / sqrt(variance + 1e-5) over the G*H sums of a layer (eq. 20) or its H
 * cell states (eq. 22). Rows lie in unit blocks whose padding is masked out.
 */
#include "cell.h"
#include "products.h"
#include "window.h"

/* A row of `blocks` times `width` numbers, `step` floats from block to block. */
typedef struct { i64 blocks, width, step; } Shape;

INLINE vf mask_at(const float *mask, i64 n) { return mask ? load(mask + n) : splat(1.0f); }

/* Sums of x and of x * y over a row. Padding of x or mask is zero. */
static void moments(Shape s, const float *x, const float *y, const float *mask, double sums[2])
{
    vf sum = zero(), along = zero();
    for (i64 u = 0; u < s.blocks; u++) {
        for (i64 n = 0; n < s.width; n += LANES) {
            vf v = load(x + u * s.step + n) * mask_at(mask, u * s.width + n);
            sum = sum + v;
            if (y) along = madd(v, load(y + u * s.step + n), along);
        }
    }
    sums[0] = sum_lanes(sum);
    sums[1] = sum_lanes(along);
}

/* x becomes normalise(x); returns 1 / the root. `mask` is 1 on real numbers, `count` of them. */
static float normalise(Shape s, float *x, const float *mask, i64 count)
{
    double sums[2];
    moments(s, x, 0, mask, sums);
    float mean = (float)(sums[0] / (double)count);
    for (i64 u = 0; u < s.blocks; u++) {
        for (i64 n = 0; n < s.width; n += LANES) {
            float *at = x + u * s.step + n;
            store(at, (load(at) - mean) * load(mask + u * s.width + n));
        }
    }
    moments(s, x, x, 0, sums);
    float inverse = 1.0f / __builtin_sqrtf((float)(sums[1] / (double)count) + 1e-5f);
    for (i64 u = 0; u < s.blocks; u++) {
        for (i64 n = 0; n < s.width; n += LANES) {
            store(x + u * s.step + n, load(x + u * s.step + n) * inverse);
        }
    }
    return inverse;
}

/* d (gradient of y = normalise(x), padding zero) becomes that of x. */
static void normalise_back(
    Shape s, float *d, const float *y, float inverse, const float *mask, i64 count)
{
    double sums[2];
    moments(s, d, y, 0, sums);
    float mean = (float)(sums[0] / (double)count), along = (float)(sums[1] / (double)count);
    for (i64 u = 0; u < s.blocks; u++) {
        for (i64 n = 0; n < s.width; n += LANES) {
            float *at = d + u * s.step + n;
            vf yn = load(y + u * s.step + n);
            store(at, (load(at) - mean - yn * along) * inverse * load(mask + u * s.width + n));
        }
    }
}

static Shape sums_of(const Window *w, const Layer *l)
{
    return (Shape){l->blocks, PANEL, w->rows * PANEL};
}

/* v = W x becomes normalise(W x), g = gain v + b. */
void norm_input(Window *w, i64 k, i64 row, i64 count)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    const float *gain = w->packed + l->packed_norm_ih, *bias = w->packed + l->packed_bias;
    for (i64 r = row; r < row + count; r++) {
        float *v = tape->v + r * PANEL, *g = tape->g + r * PANEL;
        tape->v_inverse[r] = normalise(sums_of(w, l), v, w->packed + l->packed_mask,
                                       w->net->gates * l->units);
        for (i64 u = 0; u < l->blocks; u++) {
            for (i64 n = 0; n < PANEL; n += LANES) {
                i64 at = u * w->rows * PANEL + n, e = u * PANEL + n;
                store(g + at, madd(load(v + at), load(gain + e), load(bias + e)));
            }
        }
    }
}

void norm_forward(Window *w, i64 k, i64 t, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    int flags = w->net->flags;
    i64 first = t * w->batch + b0, after = w->batch * l->stride, units = l->blocks * LANES;
    for (i64 u = 0; u < l->blocks; u++) {
        Product p = {.a = tape->h_in + first * l->stride, .a_row = l->stride, .a_k = 1,
                     .depth = l->units, .blocks = 1, .b_row = PANEL, .c_row = PANEL,
                     .b = w->packed + l->hh.ahead + u * l->units * PANEL,
                     .c = tape->u + (u * w->rows + first) * PANEL};
        product(&p, 0, b1 - b0, 4);
        if (!l->gg.width) continue;
        p.a = tape->gates_in + first * l->gg.stride;
        p.a_row = l->gg.stride;
        p.depth = l->gg.width;
        p.b = w->packed + l->gg.ahead + u * l->gg.width * PANEL;
        p.c = tape->g + (u * w->rows + first) * PANEL;
        p.add = 1;
        product(&p, 0, b1 - b0, 4);
    }
    for (i64 row = first; row < first + b1 - b0; row++) {
        float *u_row = tape->u + row * PANEL, keep = w->keep ? w->keep[row] : 1.0f;
        float *m = tape->m + row * l->stride;
        tape->u_inverse[row] = normalise(sums_of(w, l), u_row, w->packed + l->packed_mask,
                                         w->net->gates * l->units);
        for (i64 u = 0; u < l->blocks; u++) {
            i64 n = row * l->stride + u * LANES;
            float *g = tape->g + (u * w->rows + row) * PANEL;
            vf z[4];
            for (int j = 0; j < 4; j++) {
                vf gain = load(w->packed + l->packed_norm_hh + u * PANEL + j * LANES);
                z[j] = madd(gain, load(u_row + u * w->rows * PANEL + j * LANES),
                            load(g + j * LANES));
            }
            vf c = cell_gates(flags, z, load(tape->c + n) * keep,
                              w->packed + l->packed_peephole + u * LANES, units);
            for (int j = 0; j < 4; j++) store(g + j * LANES, z[j]);
            store(tape->c + after + n, c);
            store(m + u * LANES, c);
        }
        Shape s = {l->blocks, LANES, LANES};
        i64 tail = l->units - (l->blocks - 1) * LANES;
        for (i64 j = tail; j < LANES; j++) m[(l->blocks - 1) * LANES + j] = 0.0f;
        double sums[2];
        moments(s, m, 0, 0, sums);
        float mean = (float)(sums[0] / (double)l->units);
        for (i64 n = 0; n < l->units; n++) m[n] -= mean;
        moments(s, m, m, 0, sums);
        float inverse =
            1.0f / __builtin_sqrtf((float)(sums[1] / (double)l->units) + 1e-5f);
        tape->m_inverse[row] = inverse;
        for (i64 u = 0; u < l->blocks; u++) {
            i64 n = row * l->stride + u * LANES;
            vf mn = load(m + u * LANES) * inverse;
            store(m + u * LANES, mn);
            vf y = cell_squash(flags, madd(mn, load(w->packed + l->packed_norm_c + u * LANES),
                                           load(w->packed + l->packed_norm_c + units + u * LANES)));
            const float *g = tape->g + (u * w->rows + row) * PANEL;
            store(tape->y + n, y);
            store(tape->h + after + n, load(g + 3 * LANES) * y);
        }
    }
}

/* Leave in dm what reaches c through its normalisation, and in dm_scaled the gradient of gain * m +
 * bias, which the gains' own gradients are made from. */
void norm_backward(Window *w, i64 k, i64 t, i64 b0, i64 b1)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    int flags = w->net->flags;
    i64 units = l->blocks * LANES;
    for (i64 b = b0; b < b1; b++) {
        i64 row = t * w->batch + b, at = row * l->stride;
        float *dm = tape->dm + at, *scaled = tape->dm_scaled + at;
        for (i64 u = 0; u < l->blocks; u++) {
            const float *g = tape->g + (u * w->rows + row) * PANEL;
            vf dh = incoming(w, k, row, b, u * LANES);
            vf d = cell_squash_backward(flags, dh, load(g + 3 * LANES), load(tape->y + at + u * LANES));
            store(scaled + u * LANES, d);
            store(dm + u * LANES, d * load(w->packed + l->packed_norm_c + u * LANES));
        }
        double sums[2];
        Shape s = {l->blocks, LANES, LANES};
        moments(s, dm, tape->m + at, 0, sums);
        float mean = (float)(sums[0] / (double)l->units), along = (float)(sums[1] / (double)l->units);
        for (i64 n = 0; n < units; n += LANES) {
            store(dm + n, (load(dm + n) - mean - load(tape->m + at + n) * along) *
                              tape->m_inverse[row]);
        }
        for (i64 n = l->units; n < units; n++) dm[n] = 0.0f;
    }
}

/* du and dv from the gates' gradients. */
void norm_input_backward(Window *w, i64 k, i64 row, i64 count)
{
    const Layer *l = &w->net->layer[k];
    Tape *tape = &w->tape[k];
    const float *mask = w->packed + l->packed_mask;
    i64 real = w->net->gates * l->units;
    for (i64 r = row; r < row + count; r++) {
        for (i64 u = 0; u < l->blocks; u++) {
            for (i64 n = 0; n < PANEL; n += LANES) {
                i64 at = (u * w->rows + r) * PANEL + n, e = u * PANEL + n;
                vf d = load(tape->g + at);
                store(tape->du + at, d * load(w->packed + l->packed_norm_hh + e));
                store(tape->dv + at, d * load(w->packed + l->packed_norm_ih + e));
            }
        }
        Shape s = sums_of(w, l);
        normalise_back(s, tape->du + r * PANEL, tape->u + r * PANEL, tape->u_inverse[r], mask, real);
        normalise_back(s, tape->dv + r * PANEL, tape->v + r * PANEL, tape->v_inverse[r], mask, real);
    }
}
