/* A job from its sizes to its results: checks first, then phases that meet at barriers. */
#include "functions.h"
#include "job.h"
#include "pack.h"
#include "threads.h"
#include "tiles.h"
#include "window.h"

int64_t recurra_abi(void) { return RECURRA_ABI; }
int64_t recurra_job_size(void) { return (int64_t)sizeof(RecurraJob); }
int64_t recurra_lanes(void) { return LANES; }

int64_t recurra_parameters(const int64_t *description, int64_t length, int64_t *table)
{
    Net net;
    i64 refused = net_read(&net, description, length);
    if (refused) return refused;
    if (table) net_table(&net, table);
    return net.params;
}

int64_t recurra_packed_size(const int64_t *description, int64_t length)
{
    Net net;
    i64 refused = net_read(&net, description, length);
    return refused ? refused : net.packed;
}

int64_t recurra_state_size(const int64_t *description, int64_t length, int64_t batch)
{
    Net net;
    i64 refused = net_read(&net, description, length), size = 0;
    if (refused) return refused;
    if (batch < 1 || batch > MOST_BATCH) return REFUSED_SIZE;
    for (i64 k = 0; k < net.layers; k++) size += batch * layer_state(&net, k);
    return size;
}

int64_t recurra_function(int64_t which, const float *x, float *y, int64_t count)
{
    if (which < 0 || which > 2) return REFUSED_OPTION;
    for (i64 n = 0; n < count; n += LANES) {
        float at[LANES] = {0};
        i64 size = least(LANES, count - n);
        copy(at, x + n, size);
        vf v = load(at);
        v = which == 0 ? exponential(v) : which == 1 ? sigmoid(v) : hyperbolic_tangent(v);
        store(at, v);
        copy(y + n, at, size);
    }
    return 0;
}

int64_t recurra_workspace_size(const RecurraJob *job)
{
    Net net;
    Window w;
    i64 refused = job_check(job, &net);
    /* `net` lies in no workspace: 64 layers fit the stack. One line of cache aligns the base. */
    return refused ? refused : window_lay_out(&w, job, &net, 0) + 64;
}

/* Serial and cheap: what every thread reads. */
static void prepare(Window *w)
{
    const RecurraJob *job = w->job;
    double total = 0.0;
    if (job->mode == MODE_GENERATE) return;
    for (i64 r = 0; r < w->rows; r++) {
        if (w->keep) w->keep[r] = job->resets[r] ? 0.0f : 1.0f;
        total += job->weights ? job->weights[r] : 1.0f;
    }
    if (!job->targets) return;
    double scale = 1.0 / (total > 1e-30 ? total : 1e-30);
    for (i64 t = 0; t < w->time; t++) {
        w->active[t] = 0;
        for (i64 r = t * w->batch; r < (t + 1) * w->batch; r++) {
            w->share[r] = (float)((job->weights ? job->weights[r] : 1.0f) * scale);
            w->active[t] |= w->share[r] != 0;
        }
    }
    if (job->report) job->report[3] = total;
}

/* Gradients of the outputs as they were given, for steps t0 .. t1-1. */
static void given_gradient(Window *w, i64 t0, i64 t1, i64 b0, i64 b1)
{
    const Net *net = w->net;
    i64 top = net->layers - 1;
    for (i64 t = t0; t < t1; t++) {
        i64 row = t * w->batch + b0;
        if (!net->outputs) {
            i64 units = net->layer[top].units;
            for (i64 r = row; r < row + b1 - b0; r++) {
                float *dy = dy_of(w, top) + r * w->wide_row;
                clear(dy, w->wide_row);
                copy(dy, w->job->doutputs + r * units, units);
            }
            continue;
        }
        float *logits = w->logits + ((t - t0) * w->batch + b0) * net->logit_stride;
        for (i64 b = 0; b < b1 - b0; b++) {
            float *to = logits + b * net->logit_stride;
            copy(to, w->job->doutputs + (row + b) * net->outputs, net->outputs);
            clear(to + net->outputs, net->logit_stride - net->outputs);
            head_gradient_row(net, to);
        }
        head_pull(w, t, logits, b0, b1);
    }
}

/* Loss or given gradients, and with several rounds of logits the head's gradient with each. */
static void run_head(Window *w, i64 b0, i64 b1, i64 thread, i64 threads, void *pool)
{
    i64 step = w->head_times ? w->head_times : w->time;
    for (i64 t0 = 0; t0 < w->time; t0 += step) {
        i64 t1 = least(w->time, t0 + step);
        if (w->job->doutputs) given_gradient(w, t0, t1, b0, b1);
        else head_loss(w, t0, t1, b0, b1);
        if (!w->learns || step >= w->time) continue;
        pool_barrier(pool, threads);
        head_gradient(w, w->logits, t0, t1, t0 > 0, thread, threads);
        pool_barrier(pool, threads);
    }
}

static void run_backward(Window *w, i64 b0, i64 b1)
{
    const Net *net = w->net;
    const RecurraJob *job = w->job;
    for (i64 k = net->layers - 1; k >= 0; k--) {
        const Layer *l = &net->layer[k];
        layer_backward(w, k, b0, b1, k > 0 || net->input == INPUT_EMBEDDING || job->dinputs);
        if (!job->dstate) continue;
        StatePart part = state_part(net, job->dstate, w->batch, k);
        for (i64 b = b0; b < b1; b++) {
            copy(part.h + b * l->units, w->dh + b * w->wide_row, l->units);
            if (part.c) copy(part.c + b * l->units, w->dc + b * w->wide_row, l->units);
            if (part.gates) {
                copy(part.gates + b * l->gg.width, w->dgates + b * w->gates_row, l->gg.width);
            }
        }
    }
    for (i64 t = 0; t < w->time && job->dinputs; t++) {
        for (i64 r = t * w->batch + b0; r < t * w->batch + b1; r++) {
            copy(job->dinputs + r * net->features, dx_of(w, 0) + r * w->wide_row, net->features);
        }
    }
}

static void gather(Window *w, i64 thread, i64 threads)
{
    const RecurraJob *job = w->job;
    i64 size = w->net->params, share = round_up((size + threads - 1) / threads, ROW);
    float scale = (float)(1.0 / (double)job->parts);
    for (i64 n = thread * share; n < least(size, (thread + 1) * share); n++) {
        job->gathered[n] = (job->part ? job->gathered[n] : 0.0f) + job->grads[n] * scale;
    }
}

/* Clip and update. Every thread computes the same scale from the same partial sums. */
static void learn(Window *w, i64 thread, i64 threads, void *pool)
{
    const RecurraJob *job = w->job;
    float *grads = job->grads;
    if (job->parts > 1) {
        pool_barrier(pool, threads);
        gather(w, thread, threads);
        if (job->part < job->parts - 1) return;
        grads = job->gathered;
    }
    pool_barrier(pool, threads);
    sum_squares(w, grads, thread, threads);
    pool_barrier(pool, threads);
    double norm = __builtin_sqrt(total_squares(w)), after = norm, scale = 1.0;
    if (job->clip_value > 0) {
        pool_barrier(pool, threads);
        scale_and_clip(w, grads, 1.0, job->clip_value, thread, threads);
        pool_barrier(pool, threads);
        sum_squares(w, grads, thread, threads);
        pool_barrier(pool, threads);
        after = __builtin_sqrt(total_squares(w));
    }
    if (job->clip_norm > 0 && after > job->clip_norm) scale = job->clip_norm / (after + 1e-6);
    update_weights(w, grads, scale, thread, threads);
    if (thread == 0) job->report[4] = norm;
}

static void phases(Window *w, i64 thread, i64 threads, void *pool)
{
    const RecurraJob *job = w->job;
    const Net *net = w->net;
    i64 b0 = w->batch * thread / threads, b1 = w->batch * (thread + 1) / threads;
    int second = job_is_foreign(job) && job->doutputs;
    if (job->pack && !second) {
        pack_weights(net, job->params, w->packed, w->learns ? (job->dinputs ? 2 : 1) : 0, thread,
                     threads);
    }
    if (!second) window_place(w, b0, b1);
    pool_barrier(pool, threads);
    if (job->mode == MODE_GENERATE) {
        if (threads > w->batch) generate_together(w, thread, threads, pool);
        else generate(w, b0, b1, thread);
        return;
    }
    const i64 *tokens = net->input == INPUT_ONE_HOT ? job->tokens : 0;
    for (i64 k = 0; k < net->layers && !second; k++) layer_forward(w, k, k ? 0 : tokens, 0, b0, b1);
    if (job->trace) window_trace(w, b0, b1);
    int first = job->mode == MODE_FORWARD || (job_is_foreign(job) && !second);
    if (first && job->outputs) window_outputs(w, b0, b1);
    if (first) return;
    run_head(w, b0, b1, thread, threads, pool);
    if (!w->learns) return;
    run_backward(w, b0, b1);
    pool_barrier(pool, threads);
    if (net->outputs && w->head_times >= w->time) {
        head_gradient(w, w->logits, 0, w->time, 0, thread, threads);
    }
    if (net->input == INPUT_EMBEDDING) embedding_gradient(w, dx_of(w, 0), thread, threads);
    for (i64 k = 0; k < net->layers; k++) layer_gradients(w, k, thread, threads);
    if (job->mode == MODE_TRAIN) learn(w, thread, threads, pool);
}

static void work(void *context, i64 thread, i64 threads, void *pool)
{
    Window *w = context;
    if (copies_of(w->net)) tiles_start();
    phases(w, thread, threads, pool);
    if (copies_of(w->net)) tiles_stop();
}

/* The means over the window, summed in the order of the rows. */
static void report(const Window *w)
{
    double sums[3] = {0};
    for (i64 r = 0; r < w->rows; r++) {
        for (int k = 0; k < 3; k++) sums[k] += w->scores[3 * r + k];
    }
    for (int k = 0; k < 3; k++) w->job->report[k] = sums[k];
}

int64_t recurra_run(const RecurraJob *job)
{
    Net net;
    Window w;
    i64 refused = job_check(job, &net);
    if (!refused) refused = job_check_arrays(job, &net);
    if (refused) return refused;
    uint64_t base = ((uint64_t)(uintptr_t)job->workspace + 63) & ~(uint64_t)63;
    i64 bytes = window_lay_out(&w, job, &net, (uint8_t *)(uintptr_t)base);
    if (bytes + 64 > job->workspace_bytes) return REFUSED_MEMORY;
    refused = job_check_tokens(job, &net);
    if (refused) return refused;
    if (job->mode == MODE_GENERATE && job->state_out != job->state_in) {
        i64 floats = 0;
        for (i64 k = 0; k < net.layers; k++) floats += w.batch * layer_state(&net, k);
        copy(job->state_out, job->state_in, floats);
    }
    prepare(&w);
    i64 threads = least(job->threads, pool_threads(job->pool));
    if (!shares_steps(&w)) threads = least(threads, w.batch);
    pool_run(job->pool, threads, work, &w);
    if (job->mode == MODE_EVALUATE ||
        (!job_is_foreign(job) && (job->mode == MODE_GRADIENTS || job->mode == MODE_TRAIN))) {
        report(&w);
    }
    return job->mode == MODE_GENERATE ? job->count : 0;
}
