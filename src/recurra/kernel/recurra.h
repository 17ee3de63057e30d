/* The kernel's public face: one LSTM network, trained and run on float32 arrays.
 *
 * Everything a caller sees is here. There is no global state, no allocation and no input or output:
 * the caller owns every array, asks a function for the size of what it does not know, and passes
 * memory in. Sizes are int64. Whatever does not make sense is refused with a negative code before
 * a pointer is touched.
 *
 * A network is described by an array of int64 (fields D_*), as core/spec.py describes it in Python.
 * Its weights are one flat array of float32: the tensors of core/parameters.py in their order, each
 * row of a matrix padded with zeros to a multiple of 16 numbers. `recurra_parameters` tells where
 * each one lies. The optimiser's moments and the gradients have the same form.
 *
 * A state is one flat array too: for each layer h [B, H], then c [B, H] (not for a GRU), then gates
 * [B, P*H] (full gate recurrence only), as in `state_shapes` of engines/base.py.
 */
#ifndef RECURRA_H
#define RECURRA_H

#include <stdint.h>

#define RECURRA_ABI 1

#if defined(_WIN32)
#define RECURRA_PUBLIC __declspec(dllexport)
#else
#define RECURRA_PUBLIC __attribute__((visibility("default")))
#endif

/* Fields of a description. D_SIZES is the first of D_LAYERS numbers. */
enum {
    D_ABI, D_INPUT, D_TOKENS, D_FEATURES, D_OUTPUTS, D_TIED, D_FLAGS, D_RESIDUAL, D_PRECISION,
    D_LAYERS, D_SIZES
};
enum { INPUT_ONE_HOT, INPUT_EMBEDDING, INPUT_VECTOR };
/* Of the factors of matrix products. PRECISION_INT8 runs and draws, but does not learn.
 * PRECISION_SPLIT is float32 by other means, as exact as PRECISION_FLOAT32 and faster with many
 * sequences; only builds with AMX have it. */
enum { PRECISION_FLOAT32, PRECISION_BFLOAT16, PRECISION_INT8, PRECISION_SPLIT };
enum {
    CELL_COUPLED = 1, CELL_PEEPHOLE = 2, CELL_NO_INPUT_GATE = 4, CELL_NO_FORGET_GATE = 8,
    CELL_NO_OUTPUT_GATE = 16, CELL_NO_INPUT_ACTIVATION = 32, CELL_NO_OUTPUT_ACTIVATION = 64,
    CELL_FULL_GATE_RECURRENCE = 128, CELL_LAYER_NORM = 256, CELL_GRU = 512
};
enum { MAX_LAYERS = 64, MAX_THREADS = 64 };

/* What a function returns when it refuses. */
enum {
    REFUSED_VERSION = -1,     /* made for another version of this file */
    REFUSED_DESCRIPTION = -2, /* a field out of its range, or fields that do not go together */
    REFUSED_SIZE = -3,        /* time, batch, count or threads out of range, or the product is */
    REFUSED_MEMORY = -4,      /* a workspace or an array is missing or too small */
    REFUSED_TOKEN = -5,       /* a token or target outside the vocabulary */
    REFUSED_OPTION = -6       /* a mode, rate or rule that does not exist */
};

/* What a job asks for. */
enum {
    MODE_FORWARD,   /* outputs [T, B, V] (or the top layer [T, B, H] without a head) */
    MODE_EVALUATE,  /* log-probability of each target, and the report */
    MODE_BACKWARD,  /* gradients of sum(outputs * doutputs) */
    MODE_GRADIENTS, /* loss and its gradients */
    MODE_TRAIN,     /* loss, gradients, clipping, one update of the weights */
    /* Both learn from any other loss in two halves: with `outputs` and no `doutputs` they run
     * forward, write the outputs, and stop; the same job with `doutputs` in place of `outputs`,
     * and the workspace as it was left, goes on from there. Targets and weights are not read. */
    MODE_GENERATE   /* draw `count` tokens a sequence */
};
enum { RULE_SGD, RULE_ADAGRAD, RULE_RMSPROP, RULE_ADAM, RULE_ADAMW };

/* Every field takes eight bytes on every machine, so that one layout serves C, Python and
 * JavaScript: pointers stand in the lower half where they are shorter. */
#define POINTER(type, name) union { type *name; uint64_t name##_address; }

typedef struct {
    int64_t abi, mode, time, batch, threads;
    int64_t description_length;
    POINTER(const int64_t, description);
    POINTER(float, params);
    POINTER(float, packed);     /* recurra_packed_size floats; written when `pack` is set */
    int64_t pack;               /* 0: `packed` is current; 1: pack what running needs; 2: all */
    POINTER(void, workspace);   /* recurra_workspace_size bytes, aligned to 64 */
    int64_t workspace_bytes;
    POINTER(void, pool);        /* started by recurra_pool_start; null: one thread */
    POINTER(const int64_t, tokens);    /* [T, B] */
    POINTER(const float, vectors);     /* [T, B, F] */
    POINTER(const int64_t, targets);   /* [T, B] */
    POINTER(const float, weights);     /* [T, B] or null: all 1 */
    POINTER(const uint8_t, resets);    /* [T, B] or null: never */
    POINTER(const float, state_in);
    POINTER(float, state_out);         /* or null; may be state_in */
    POINTER(float, outputs);           /* [T, B, V] or null */
    POINTER(const float, doutputs);    /* [T, B, V]; MODE_BACKWARD */
    POINTER(double, log_probs);        /* [T, B] or null; [N, B] when generating */
    POINTER(double, report);           /* [5] loss, accuracy, posterior, positions, norm */
    POINTER(float, grads);             /* flat, as the weights */
    POINTER(float, gathered);          /* flat, or null: parts are summed here */
    POINTER(float, dinputs);           /* [T, B, F] or null */
    POINTER(float, dstate);            /* as a state, or null */
    POINTER(float, trace);             /* per layer each gate, c, h [T, B, H]; or null */
    double dropout, recurrent_dropout;
    int64_t seed, index;               /* dropout masks are a function of these */
    int64_t part, parts;
    int64_t rule;
    double rate, momentum, beta1, beta2, rho, epsilon, decay, clip_norm, clip_value;
    int64_t step;                      /* updates made, this one included */
    POINTER(float, first);             /* momentum or mean; flat, or null */
    POINTER(float, second);            /* square; flat, or null */
    int64_t count, start;              /* MODE_GENERATE */
    POINTER(const int64_t, lanes);     /* [B] */
    POINTER(int64_t, drawn);           /* [N, B] */
    double temperature, top_p, min_p;
    int64_t top_k, resample, greedy;
} RecurraJob;

/* Return RECURRA_ABI; the bytes of a RecurraJob; how many floats a vector of this build has. */
RECURRA_PUBLIC int64_t recurra_abi(void);
RECURRA_PUBLIC int64_t recurra_job_size(void);
RECURRA_PUBLIC int64_t recurra_lanes(void);

/* Return what this processor and its system offer: 1 x86-64-v3, 2 v4, 4 AVX-512 BF16, 8 AVX-512 VNNI,
 * 16 AMX tiles of bfloat16, 32 the system's leave to use them (which this asks for), 64 as many
 * multiply-adds of pairs of bfloat16 as of float32 in a cycle; 0 elsewhere. */
RECURRA_PUBLIC int64_t recurra_processor(void);

/* Return how many floats the flat weights take, or a refusal. `table` is null or takes, for each
 * tensor in order, (offset, rows, columns, floats from row to row). */
RECURRA_PUBLIC int64_t recurra_parameters(
    const int64_t *description, int64_t length, int64_t *table);

/* Return how many floats the packed weights take, or a refusal. */
RECURRA_PUBLIC int64_t recurra_packed_size(const int64_t *description, int64_t length);

/* Return how many floats a state of `batch` sequences takes, or a refusal. */
RECURRA_PUBLIC int64_t recurra_state_size(
    const int64_t *description, int64_t length, int64_t batch);

/* Return how many bytes of workspace a job takes, or a refusal. Pointers are only looked at for
 * being null. */
RECURRA_PUBLIC int64_t recurra_workspace_size(const RecurraJob *job);

/* Do a job, with the pool's threads if it has one. Returns 0 or a refusal; MODE_GENERATE returns
 * the number of draws made. */
RECURRA_PUBLIC int64_t recurra_run(const RecurraJob *job);

/* A pool of threads that sleep between jobs. Start one in `recurra_pool_size` bytes of memory,
 * aligned to 64, that stay until recurra_pool_stop. */
RECURRA_PUBLIC int64_t recurra_pool_size(int64_t threads);
RECURRA_PUBLIC int64_t recurra_pool_start(void *memory, int64_t threads);
RECURRA_PUBLIC void recurra_pool_stop(void *memory);

/* For tests: y = f(x) for 0 exp, 1 sigmoid, 2 tanh. */
RECURRA_PUBLIC int64_t recurra_function(int64_t which, const float *x, float *y, int64_t count);

#endif
