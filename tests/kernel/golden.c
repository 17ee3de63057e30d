/* A program that runs the kernel on made-up networks and prints what comes out, for comparison
 * between processors: `python -m tests.kernel.emulate`. Everything is a function of the counter. */
#include "recurra.h"

#include <stdio.h>
#include <stdlib.h>

static uint32_t counter;

static float made_up(void)
{
    uint32_t x = ++counter * 2654435761u;
    x ^= x >> 15;
    x *= 2246822519u;
    x ^= x >> 13;
    return (float)(x >> 8) / 16777216.0f - 0.5f;
}

static float *array(int64_t count, float scale)
{
    float *x = aligned_alloc(64, (size_t)((4 * count + 127) / 64 * 64));
    for (int64_t k = 0; k < count; k++) x[k] = scale * made_up();
    return x;
}

static void show(const char *what, const float *x, int64_t count)
{
    double sum = 0.0, along = 0.0;
    for (int64_t k = 0; k < count; k++) {
        sum += x[k];
        along += x[k] * (double)(k % 7 - 3);
    }
    printf("%s %.9g %.9g\n", what, sum, along);
}

/* Weights, with the padding of rows left zero. */
static float *weights(const int64_t *description, int64_t length, int64_t *size)
{
    int64_t table[4 * 64] = {0};
    *size = recurra_parameters(description, length, table);
    float *x = array(*size, 0.0f);
    for (int64_t *t = table; t[1]; t += 4) {
        for (int64_t r = 0; r < t[1]; r++) {
            for (int64_t c = 0; c < t[2]; c++) x[t[0] + r * t[3] + c] = 0.8f * made_up();
        }
    }
    return x;
}

static int run(RecurraJob *job)
{
    job->workspace_bytes = recurra_workspace_size(job);
    job->workspace = aligned_alloc(64, (size_t)((job->workspace_bytes + 63) / 64 * 64));
    int64_t done = recurra_run(job);
    free(job->workspace);
    if (done < 0) printf("refused %d\n", (int)done);
    return done >= 0;
}

static void try(int64_t flags, int64_t input, int64_t precision)
{
    enum { T = 5, B = 7, V = 37 };
    const int64_t description[] = {RECURRA_ABI, input, V, input ? 10 : V, V, 0, flags, 1,
                                   precision, 2, 21, 21};
    const int64_t length = sizeof description / 8;
    int64_t size, tokens[T * B], targets[T * B], drawn[9 * B], lanes[B];
    double report[5] = {0}, log_probs[9 * B];
    counter = 1;
    float *params = weights(description, length, &size);
    int64_t states = recurra_state_size(description, length, B);
    for (int k = 0; k < T * B; k++) tokens[k] = k * 5 % V, targets[k] = k * 11 % V;
    for (int k = 0; k < B; k++) lanes[k] = k;
    printf("flags %d input %d precision %d\n", (int)flags, (int)input, (int)precision);
    RecurraJob job = {.abi = RECURRA_ABI, .time = T, .batch = B, .threads = 3,
                      .description_length = length, .description = description, .params = params,
                      .pack = 1, .tokens = tokens, .targets = targets, .parts = 1, .step = 1,
                      .temperature = 1.0, .top_p = 0.9, .count = 9, .lanes = lanes,
                      .drawn = drawn, .log_probs = log_probs, .report = report, .seed = 5};
    job.packed = array(recurra_packed_size(description, length), 0.0f);
    job.state_in = array(states, 1.0f);
    job.state_out = array(states, 0.0f);
    job.grads = array(size, 0.0f);
    job.pool = aligned_alloc(64, (size_t)(recurra_pool_size(3) + 63) / 64 * 64);
    recurra_pool_start(job.pool, 3);
    float *outputs = job.outputs = array(T * B * V, 0.0f);
    job.mode = MODE_FORWARD;
    if (run(&job)) show("outputs", outputs, T * B * V);
    show("states", job.state_out, states);
    job.outputs = 0;
    job.mode = MODE_GRADIENTS;
    if (precision != PRECISION_INT8 && run(&job)) {
        show("gradients", job.grads, size);
        printf("loss %.9g\n", report[0]);
    }
    job.mode = MODE_GENERATE;
    if (run(&job)) {
        for (int k = 0; k < 9 * B; k++) printf("%d ", (int)drawn[k]);
        printf("\n");
    }
    recurra_pool_stop(job.pool);
}

int main(void)
{
    float x[400], y[400];
    for (int k = 0; k < 400; k++) x[k] = (float)(k - 200) * 0.25f;
    for (int which = 0; which < 3; which++) {
        recurra_function(which, x, y, 400);
        show("function", y, which == 0 ? 240 : 400);
    }
    const int64_t flags[] = {0, CELL_GRU, CELL_COUPLED | CELL_PEEPHOLE, CELL_NO_OUTPUT_ACTIVATION};
    for (int k = 0; k < 4; k++) {
        for (int64_t input = 0; input < 2; input++) {
            for (int64_t precision = 0; precision < 3; precision++) try(flags[k], input, precision);
        }
    }
    return 0;
}
