/* The softmax head: logits = W h + b, cross-entropy, and the gradient of both. */
#include "functions.h"
#include "products.h"
#include "window.h"

void head_logits(const Window *w, i64 first, i64 rows, float *logits)
{
    const Net *net = w->net;
    const Layer *l = &net->layer[net->layers - 1];
    const Tape *top = &w->tape[net->layers - 1];
    int kind = head_kind_of(net);
    Product p = {.a = top->out + first * l->stride, .a_row = words(l->stride, kind), .a_k = 1,
                 .depth = words(l->units, kind), .blocks = 1, .b = w->packed + net->packed_head,
                 .bias = w->packed + net->packed_head_bias, .c = logits,
                 .c_row = net->logit_stride};
    if (kind == HALF) p.a = (const float *)(top->out_half + first * l->stride);
    if (kind == BYTE) {
        p.a = (const float *)(top->out_byte + first * l->stride);
        p.a_step = top->out_step + first;
        p.b_step = w->packed + net->packed_head_step;
        p.b_offset = w->packed + net->packed_head_offset;
    }
    product_panels(&p, kind, rows, net->outputs);
}

/* The largest of a row of logits. Its padding holds -1e30. */
INLINE float largest(const float *x, i64 count)
{
    vf top = load(x);
    for (i64 v = LANES; v < count; v += LANES) {
        vf next = load(x + v);
        top = choose(next > top, next, top);
    }
    return max_lanes(top);
}

void head_gradient_row(const Net *net, float *x)
{
    for (i64 v = 0; v < net->outputs && head_kind_of(net) == HALF; v += LANES) {
        store_half((uint16_t *)x + v, load(x + v));
    }
}

/* Score one row, and replace its logits by (softmax - one-hot of the target) * share.
 * loss = log sum exp(x - max) - (x_target - max) */
static void score_row(Window *w, i64 row, float *x, int learns)
{
    i64 count = w->net->outputs, target = w->job->targets[row];
    float share = w->share[row], wanted = x[target], top = largest(x, count);
    vf sum = zero();
    for (i64 v = 0; v < count; v += LANES) {
        vf e = exponential(load(x + v) - top);
        sum = sum + e;
        if (learns) store(x + v, e);
    }
    double total = sum_lanes(sum), log_prob = (double)wanted - top - logarithm(total);
    /* As argmax has it: the first of equals. */
    int hit = wanted == top;
    for (i64 v = 0; hit && v < target; v++) hit = !learns ? x[v] != top : x[v] != 1.0f;
    double *scores = w->scores + 3 * row;
    double posterior;
    vf e = exponential(splat(wanted - top));
    posterior = e[0] / total;
    scores[0] = -log_prob * share;
    scores[1] = hit ? share : 0.0;
    scores[2] = posterior * share;
    if (w->job->log_probs) w->job->log_probs[row] = log_prob;
    if (!learns) return;
    float scale = (float)(share / total);
    for (i64 v = 0; v < count; v += LANES) store(x + v, load(x + v) * scale);
    x[target] -= share;
    for (i64 v = count; v < round_up(count, LANES); v++) x[v] = 0.0f;
    head_gradient_row(w->net, x);
}

/* The gradient of the stack's output at step t: rows of dlogits times W. */
void head_pull(Window *w, i64 t, const float *dlogits, i64 b0, i64 b1)
{
    const Net *net = w->net;
    i64 top = net->layers - 1, units = net->layer[top].units;
    float *dy = dy_of(w, top) + (t * w->batch + b0) * w->wide_row;
    if (!dlogits) {
        clear(dy, (b1 - b0) * w->wide_row);
        return;
    }
    Product p = {.a = dlogits, .a_row = net->logit_stride, .a_k = 1,
                 .depth = words(net->outputs, head_kind_of(net)), .blocks = 1,
                 .b = w->packed + net->packed_head_back, .c = dy, .c_row = w->wide_row};
    product_panels(&p, head_kind_of(net), b1 - b0, units);
}

void head_loss(Window *w, i64 t0, i64 t1, i64 b0, i64 b1)
{
    for (i64 t = t0; t < t1; t++) {
        i64 first = t * w->batch + b0;
        if (!w->active[t] && w->learns) {
            for (i64 n = 3 * first; n < 3 * (first + b1 - b0); n++) w->scores[n] = 0.0;
            head_pull(w, t, 0, b0, b1);
            continue;
        }
        float *logits = w->logits + ((t - t0) * w->batch + b0) * w->net->logit_stride;
        head_logits(w, first, b1 - b0, logits);
        for (i64 b = 0; b < b1 - b0; b++) {
            score_row(w, first + b, logits + b * w->net->logit_stride, w->learns);
        }
        if (w->learns) head_pull(w, t, logits, b0, b1);
    }
}
