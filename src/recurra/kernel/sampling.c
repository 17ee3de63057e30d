/* See sampling.h. The rules act in the order temperature, top-k, top-p, min-p; then one draw by
 * inverse transform over probabilities cumulated in double. */
#include "sampling.h"

#include "functions.h"
#include "random.h"

/* Whether token a ranks before b: likelier, or as likely and lower. */
INLINE int before(const float *logits, int32_t a, int32_t b)
{
    return logits[a] > logits[b] || (logits[a] == logits[b] && a < b);
}

static void sift_down(const float *logits, int32_t *heap, i64 at, i64 size)
{
    int32_t token = heap[at];
    for (i64 child; (child = 2 * at + 1) < size; at = child) {
        if (child + 1 < size && before(logits, heap[child + 1], heap[child])) child++;
        if (!before(logits, heap[child], token)) break;
        heap[at] = heap[child];
    }
    heap[at] = token;
}

/* Keep in `probs` only what top-k and top-p leave, likeliest first off a heap. */
static void cut(const RecurraJob *job, const float *logits, i64 count, float *probs, float *kept,
                int32_t *heap)
{
    for (i64 v = 0; v < count; v++) {
        heap[v] = (int32_t)v;
        kept[v] = 0.0f;
    }
    for (i64 at = count / 2 - 1; at >= 0; at--) sift_down(logits, heap, at, count);
    i64 limit = job->top_k ? least(job->top_k, count) : count;
    double sum = 0.0, so_far = 0.0;
    if (job->top_p < 1.0 && !job->top_k) {
        for (i64 v = 0; v < count; v++) sum += probs[v];
    }
    /* Popped tokens gather at the end of the heap, the likeliest last. */
    for (i64 taken = 0; taken < limit; taken++) {
        if (job->top_p < 1.0 && !job->top_k && so_far >= job->top_p * sum) break;
        int32_t token = heap[0];
        heap[0] = heap[count - 1 - taken];
        heap[count - 1 - taken] = token;
        sift_down(logits, heap, 0, count - 1 - taken);
        kept[token] = probs[token];
        so_far += probs[token];
    }
    if (job->top_p < 1.0 && job->top_k) {
        sum = so_far;
        so_far = 0.0;
        for (i64 taken = 0; taken < limit; taken++) {
            int32_t token = heap[count - 1 - taken];
            if (so_far >= job->top_p * sum) kept[token] = 0.0f;
            so_far += probs[token];
        }
    }
    copy(probs, kept, count);
}

/* Sum in double, group by group, each in the same order on every build: probabilities are cumulated
 * in two levels, so that neither sums nor searches wait for one long chain of additions. */
enum { GROUP = 16 };

static double group_sum(const float *probs, i64 first, i64 count)
{
    double lane[8] = {0};
    if (first + GROUP <= count) {
        UNROLL for (int j = 0; j < 8; j++) lane[j] = (double)probs[first + j] + probs[first + 8 + j];
    } else {
        for (i64 v = first; v < count; v++) lane[v % 8] += probs[v];
    }
    return ((lane[0] + lane[4]) + (lane[2] + lane[6])) + ((lane[1] + lane[5]) + (lane[3] + lane[7]));
}

/* Return the sum of all; `sums` takes those of the groups. */
static double sum_groups(const float *probs, i64 count, double *sums)
{
    double total = 0.0;
    for (i64 first = 0; first < count; first += GROUP) {
        sums[first / GROUP] = group_sum(probs, first, count);
        total += sums[first / GROUP];
    }
    return total;
}

/* The first token whose cumulated share exceeds u; it always has a share. */
static i64 invert(const float *probs, i64 count, const double *sums, double total, double u)
{
    double so_far = 0.0, wanted = u * total;
    i64 first = 0, found = count - 1;
    while (first + GROUP < count && so_far + sums[first / GROUP] <= wanted) {
        so_far += sums[first / GROUP];
        first += GROUP;
    }
    for (i64 v = first; v < least(first + GROUP, count); v++) {
        if (probs[v] > 0.0f) found = v;
        so_far += probs[v];
        if (so_far > wanted) break;
    }
    return found;
}

/* The first of the largest. */
static i64 first_of(const float *logits, i64 count, float top)
{
    i64 v = 0;
    while (v < count - 1 && logits[v] != top) v++;
    return v;
}

i64 sample(const RecurraJob *job, const float *logits, i64 count, i64 lane, i64 index,
           float *scratch, double *log_prob)
{
    i64 padded = round_up(count, 16), likeliest = -1;
    float *probs = scratch;
    vf high = load(logits);
    for (i64 v = LANES; v < count; v += LANES) {
        vf next = load(logits + v);
        high = choose(next > high, next, high);
    }
    float top = max_lanes(high);
    if (job->greedy || job->resample) likeliest = first_of(logits, count, top);
    vf sum = zero();
    for (i64 v = 0; v < count; v += LANES) {
        vf e = exponential(load(logits + v) - top);
        store(probs + v, e);
        sum = sum + e;
    }
    double normal = logarithm(sum_lanes(sum));
    i64 token = likeliest;
    if (!job->greedy) {
        if (job->temperature != 1.0) {
            float inverse = (float)(1.0 / job->temperature);
            for (i64 v = 0; v < count; v += LANES) {
                store(probs + v, exponential((load(logits + v) - top) * inverse));
            }
        }
        if (job->top_k || job->top_p < 1.0) {
            cut(job, logits, count, probs, scratch + padded, (int32_t *)(scratch + 2 * padded));
        }
        for (i64 v = 0; job->min_p > 0 && v < count; v++) {
            if (probs[v] < job->min_p) probs[v] = 0.0f; /* the likeliest has 1 */
        }
        double *sums = (double *)(scratch + padded);
        double total = sum_groups(probs, count, sums);
        uint64_t words[4];
        random_block((uint64_t)job->seed, STREAM_SAMPLE, (uint64_t)(job->start + index),
                     (uint64_t)lane, 0, words);
        token = invert(probs, count, sums, total, (double)(words[0] >> 11) * 0x1p-53);
        if (job->resample && token != likeliest) {
            token = invert(probs, count, sums, total, (double)(words[1] >> 11) * 0x1p-53);
        }
    }
    *log_prob = (double)logits[token] - top - normal;
    return token;
}
