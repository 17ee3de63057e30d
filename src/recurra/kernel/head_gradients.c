/* Gradients of the weights of the head and of the embedding, from the tapes.
 *
 * Threads share the outputs or tokens, not the positions that are summed over, as in gradients.c.
 */
#include "gradients.h"

/* grads[v][h] += sum over rows of d[r][v] out[r][h], and the bias's, for outputs v0 .. v1-1; `d` and
 * `top` are the first rows of the gradients and of what the head reads. */
static void add_head_rows(Window *w, const float *d, i64 row, i64 rows, i64 v0, i64 v1, i64 thread)
{
    const Net *net = w->net;
    const Tape *top = &w->tape[net->layers - 1];
    i64 units = net->layer[net->layers - 1].units, stride = net->layer[net->layers - 1].stride;
    int half = head_kind_of(net) == HALF;
    float *scratch = w->scratch + thread * w->scratch_floats, *bias = w->job->grads + net->head_bias;
    const void *x = half ? (const void *)(top->out_half + row * stride)
                         : (const void *)(top->out + row * stride);
    pack_rows(x, stride, rows, units, half, scratch);
    Product p = {.a = d + v0, .a_row = 1, .a_k = net->logit_stride, .depth = depth_of(rows, half),
                 .blocks = 1, .b = scratch, .c_row = net->head_stride, .add = 1,
                 .c = w->job->grads + net->head_weight + v0 * net->head_stride};
    if (!half) {
        product_panels(&p, FULL, v1 - v0, units);
        for (i64 r = 0; r < rows; r++) {
            for (i64 v = v0; v < v1; v++) bias[v] += d[r * net->logit_stride + v];
        }
        return;
    }
    /* Pairs of rows, for some outputs at a time. */
    float *block = scratch + w->scratch_floats - GRADIENT_DEPTH * PANEL;
    for (i64 v = v0; v < v1; v += PANEL, p.c += PANEL * net->head_stride) {
        i64 width = least(PANEL, v1 - v);
        pack_rows((const uint16_t *)d + v, 2 * net->logit_stride, rows, width, 1, block);
        i64 pitch = round_up(width, LANES);
#ifdef TILES
        p.a = block + GRADIENT_DEPTH / 2 * PANEL;
        p.a_row = p.depth;
        p.a_k = 1;
        turn_pairs(block, pitch, p.depth, pitch, (float *)p.a);
#else
        p.a = block;
        p.a_k = pitch;
#endif
        product_panels(&p, HALF, width, units);
        for (i64 k = 0; k < p.depth; k++) {
            for (i64 j = 0; j < width; j++) {
                union { uint32_t bits; float value; } low, high;
                low.bits = ((const uint32_t *)block)[k * pitch + j];
                high.bits = low.bits & 0xffff0000u;
                low.bits <<= 16;
                bias[v + j] += low.value;
                bias[v + j] += high.value;
            }
        }
    }
}

void head_gradient(
    Window *w, const float *dlogits, i64 t0, i64 t1, int add, i64 thread, i64 threads)
{
    const Net *net = w->net;
    /* Strips of outputs, a multiple of the tile high so that threads cut at its edges. */
    i64 share = round_up((net->outputs + threads - 1) / threads, 2 * TILE_ROWS);
    i64 v0 = least(net->outputs, thread * share), v1 = least(net->outputs, v0 + share);
    if (!add) {
        clear(w->job->grads + net->head_bias + v0, v1 - v0);
        for (i64 v = v0; v < v1; v++) {
            clear(w->job->grads + net->head_weight + v * net->head_stride, net->head_stride);
        }
    }
    for (i64 t = t0; t < t1; t++) {
        if (w->job->targets && !w->active[t]) continue;
        /* Steps that lie together are summed together. */
        i64 steps = 1;
        while (t + steps < t1 && (steps + 1) * w->batch <= GRADIENT_DEPTH &&
               (!w->job->targets || w->active[t + steps])) {
            steps++;
        }
        for (i64 b = 0; b < steps * w->batch; b += GRADIENT_DEPTH) {
            i64 rows = least(GRADIENT_DEPTH, steps * w->batch - b);
            const float *d = dlogits + ((t - t0) * w->batch + b) * net->logit_stride;
            add_head_rows(w, d, t * w->batch + b, rows, v0, v1, thread);
        }
        t += steps - 1;
    }
}

void embedding_gradient(Window *w, const float *dx, i64 thread, i64 threads)
{
    const Net *net = w->net;
    i64 share = net->tied ? round_up((net->outputs + threads - 1) / threads, 2 * TILE_ROWS)
                          : (net->tokens + threads - 1) / threads;
    i64 v0 = least(net->tokens, thread * share), v1 = least(net->tokens, v0 + share);
    float *grads = w->job->grads + net->embedding;
    if (!net->tied) clear(grads + v0 * net->feature_stride, (v1 - v0) * net->feature_stride);
    for (i64 r = 0; r < w->rows; r++) {
        i64 token = w->job->tokens[r];
        if (token < v0 || token >= v1) continue;
        float *to = grads + token * net->feature_stride;
        for (i64 n = 0; n < net->features; n++) to[n] += dx[r * w->wide_row + n];
    }
}
