/* Clipping and the update rules, on the flat arrays of weights, gradients and moments.
 * The same formulas as engines/reference/optimisers.py, which names their sources. */
#include "window.h"

/* This thread's chunks are those whose number leaves `thread` when divided by `threads`. */
#define FOR_CHUNKS(w, first, last) \
    for (i64 chunk_ = thread, total_ = (w)->net->params, first = chunk_ * SQUARES_CHUNK, last = 0; \
         last = least(total_, first + SQUARES_CHUNK), first < total_; \
         chunk_ += threads, first = chunk_ * SQUARES_CHUNK)

void sum_squares(Window *w, const float *grads, i64 thread, i64 threads)
{
    FOR_CHUNKS(w, first, last) {
        vf sum = zero();
        for (i64 n = first; n < last; n += LANES) sum = madd(load(grads + n), load(grads + n), sum);
        double total = 0.0;
        for (int j = 0; j < LANES; j++) total += sum[j];
        w->squares[first / SQUARES_CHUNK] = total;
    }
}

double total_squares(const Window *w)
{
    double total = 0.0;
    for (i64 k = 0; k * SQUARES_CHUNK < w->net->params; k++) total += w->squares[k];
    return total;
}

void scale_and_clip(
    const Window *w, float *grads, double scale, double limit, i64 thread, i64 threads)
{
    vf high = splat((float)limit), low = splat((float)-limit);
    FOR_CHUNKS(w, first, last) {
        for (i64 n = first; n < last; n += LANES) {
            vf g = load(grads + n) * (float)scale;
            if (limit > 0) g = at_most(at_least(g, low), high);
            store(grads + n, g);
        }
    }
}

INLINE vf update_vector(
    const RecurraJob *job, const int rule, vf weight, vf g, float *first, float *second, vf rate, float root)
{
    /* Padding has neither gradient nor moment: 0 / 0 must not come of it. */
    vf epsilon = splat(job->epsilon > 1e-30 ? (float)job->epsilon : 1e-30f);
    if (rule == RULE_SGD) {
        if (first) {
            g = madd(load(first), splat((float)job->momentum), g);
            store(first, g);
        }
        return weight - rate * g;
    }
    if (rule == RULE_ADAGRAD || rule == RULE_RMSPROP) {
        vf s = load(second);
        if (rule == RULE_ADAGRAD) s = madd(g, g, s);
        else s = madd(s, splat((float)job->rho), g * g * (float)(1.0 - job->rho));
        store(second, s);
        return weight - rate * g / (square_root(s) + epsilon);
    }
    vf m = madd(load(first), splat((float)job->beta1), g * (float)(1.0 - job->beta1));
    vf s = madd(load(second), splat((float)job->beta2), g * g * (float)(1.0 - job->beta2));
    store(first, m);
    store(second, s);
    return weight - rate * m / (madd(square_root(s), splat(root), epsilon));
}

static double power(double base, i64 exponent)
{
    double result = 1.0;
    for (; exponent > 0; exponent >>= 1, base *= base) {
        if (exponent & 1) result *= base;
    }
    return result;
}

/* Update weights from..to-1, which decay or do not. */
INLINE void update_range(
    const RecurraJob *job, const int rule, const float *grads, float scale, int decays, i64 from, i64 to)
{
    double rate = job->rate, root = 1.0;
    if (rule == RULE_ADAM || rule == RULE_ADAMW) {
        rate /= 1.0 - power(job->beta1, job->step);
        root = 1.0 / __builtin_sqrt(1.0 - power(job->beta2, job->step));
    }
    float shrink = decays && rule == RULE_ADAMW ? (float)(1.0 - job->rate * job->decay) : 1.0f;
    float pull = decays && rule != RULE_ADAMW ? (float)job->decay : 0.0f;
    for (i64 n = from; n < to; n += LANES) {
        vf weight = load(job->params + n), g = load(grads + n) * scale;
        weight = weight * shrink;
        if (pull != 0.0f) g = madd(weight, splat(pull), g);
        store(job->params + n,
              update_vector(job, rule, weight, g, job->first ? job->first + n : 0,
                            job->second ? job->second + n : 0, splat((float)rate), (float)root));
    }
}

static void update_tensor(
    const RecurraJob *job, const float *grads, float scale, int decays, i64 from, i64 to)
{
    switch (job->rule) {
    case RULE_SGD: update_range(job, RULE_SGD, grads, scale, decays, from, to); break;
    case RULE_ADAGRAD: update_range(job, RULE_ADAGRAD, grads, scale, decays, from, to); break;
    case RULE_RMSPROP: update_range(job, RULE_RMSPROP, grads, scale, decays, from, to); break;
    case RULE_ADAM: update_range(job, RULE_ADAM, grads, scale, decays, from, to); break;
    default: update_range(job, RULE_ADAMW, grads, scale, decays, from, to);
    }
}

/* Decay acts on matrices alone, never on biases, peepholes or gains. */
static int decays(const Net *net, i64 offset)
{
    if (offset == net->head_bias && net->outputs) return 0;
    for (i64 k = 0; k < net->layers; k++) {
        const Layer *l = &net->layer[k];
        if (offset == l->bias_ih || offset == l->bias_hh || offset == l->peephole ||
            offset == l->norm_ih || offset == l->norm_hh || offset == l->norm_c) {
            return 0;
        }
    }
    return 1;
}

void update_weights(Window *w, const float *grads, double scale, i64 thread, i64 threads)
{
    i64 table[4 * MAX_TENSORS], count = net_table(w->net, table);
    i64 size = w->net->params, share = round_up((size + threads - 1) / threads, ROW);
    i64 from = thread * share, to = least(size, from + share);
    for (i64 k = 0; k < count; k++) {
        i64 first = table[4 * k], last = first + table[4 * k + 1] * table[4 * k + 3];
        i64 a = most(from, first), b = least(to, last);
        if (a >= b) continue;
        update_tensor(w->job, grads, (float)scale, w->job->decay > 0 && decays(w->net, first), a, b);
    }
}
