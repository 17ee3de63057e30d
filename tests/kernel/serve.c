/* The kernel as a program that answers on standard input and output, so that a build for another
 * processor runs under an emulator: tests/kernel/emulated.py is the other side.
 *
 * A request: {operation, a, b, workspace bytes, number of buffers}, then for each buffer {its
 * address there, bytes}, then their bytes. An answer: {result}, then the bytes of every buffer.
 * Buffers lie as far from a multiple of 64 as they do there. A workspace and a pool stay here. */
#include "recurra.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PARAMETERS, PACKED, STATE, WORKSPACE, RUN, POOL_SIZE, POOL_START, FUNCTION, FACTS };
enum { BUFFERS = 64, TABLE = 4 * 4096 };

typedef struct { uint64_t address; int64_t bytes; char *at, *raw; } Buffer;

#define FIELD(name) offsetof(RecurraJob, name##_address)
static const size_t fields[] = {
    FIELD(description), FIELD(params), FIELD(packed), FIELD(tokens), FIELD(vectors),
    FIELD(targets), FIELD(weights), FIELD(resets), FIELD(state_in), FIELD(state_out),
    FIELD(outputs), FIELD(doutputs), FIELD(log_probs), FIELD(report), FIELD(grads),
    FIELD(gathered), FIELD(dinputs), FIELD(dstate), FIELD(trace), FIELD(first), FIELD(second),
    FIELD(lanes), FIELD(drawn)};

static char *workspace;
static int64_t workspace_bytes;
/* Pools by their addresses there; the oldest makes room for a seventeenth. */
static struct { uint64_t address; void *pool; char *raw; } pools[16];
static int newest;

/* `bytes` bytes in place `offset` after a multiple of 64, every bit set: no number may count on
 * zeros. */
static char *room(int64_t bytes, int64_t offset, char **raw)
{
    *raw = aligned_alloc(64, (size_t)((bytes + offset + 127) / 64 * 64));
    if (!*raw) exit(3);
    memset(*raw, 0xff, (size_t)(bytes + offset));
    return *raw + offset;
}

static void take(void *to, int64_t bytes)
{
    if (fread(to, 1, (size_t)bytes, stdin) != (size_t)bytes) exit(0);
}

/* Give the job the addresses of here. What was not sent stays: it must not be touched. */
static void translate(RecurraJob *job, const Buffer *buffers, int64_t count)
{
    for (size_t k = 0; k < sizeof fields / sizeof *fields; k++) {
        uint64_t *field = (uint64_t *)((char *)job + fields[k]);
        for (int64_t n = 0; n < count && *field; n++) {
            if (buffers[n].address == *field) {
                *field = (uint64_t)(uintptr_t)buffers[n].at;
                break;
            }
        }
    }
    for (int k = 0; k < 16 && job->pool; k++) {
        if (pools[k].address == job->pool_address) {
            job->pool = pools[k].pool;
            break;
        }
    }
}

static int64_t answer(const int64_t *request, Buffer *buffers, int64_t count)
{
    const int64_t a = request[1], b = request[2];
    const int64_t *description = count ? (const int64_t *)buffers[0].at : 0;
    static int64_t table[TABLE];
    switch (request[0]) {
    case PARAMETERS: {
        if (!b) return recurra_parameters(description, a, 0);
        int64_t found = recurra_parameters(description, a, table);
        memcpy(buffers[1].at, table, (size_t)buffers[1].bytes);
        return found;
    }
    case PACKED: return recurra_packed_size(description, a);
    case STATE: return recurra_state_size(description, a, b);
    case WORKSPACE:
    case RUN: {
        RecurraJob *job = (RecurraJob *)buffers[0].at;
        RecurraJob here = *job;
        translate(&here, buffers + 1, count - 1);
        if (request[0] == WORKSPACE) return recurra_workspace_size(&here);
        if (request[3]) {
            static char *raw;
            if (request[3] > workspace_bytes) {
                free(raw);
                workspace = room(workspace_bytes = request[3], 0, &raw);
            }
            here.workspace = workspace;
        }
        return recurra_run(&here);
    }
    case POOL_SIZE: return recurra_pool_size(a);
    case POOL_START: {
        if (!b) return recurra_pool_start(0, a);
        int64_t size = recurra_pool_size(a);
        if (size < 0) return size;
        newest = (newest + 1) % 16;
        if (pools[newest].pool) {
            recurra_pool_stop(pools[newest].pool);
            free(pools[newest].raw);
        }
        for (int k = 0; k < 16; k++) {
            if (pools[k].address == (uint64_t)b) pools[k].address = 0;
        }
        pools[newest].address = (uint64_t)b;
        pools[newest].pool = room(size, 0, &pools[newest].raw);
        return recurra_pool_start(pools[newest].pool, a);
    }
    case FUNCTION:
        return recurra_function(a, (float *)buffers[0].at, (float *)buffers[1].at, b);
    case FACTS: {
        const int64_t facts[] = {recurra_abi(), recurra_job_size(), recurra_lanes(),
                                 recurra_processor()};
        return facts[a];
    }
    default: exit(4);
    }
}

int main(void)
{
    int64_t request[5];
    static Buffer buffers[BUFFERS];
    for (;;) {
        take(request, sizeof request);
        int64_t count = request[4];
        if (count < 0 || count > BUFFERS) return 5;
        for (int64_t n = 0; n < count; n++) {
            take(&buffers[n].address, 8);
            take(&buffers[n].bytes, 8);
        }
        for (int64_t n = 0; n < count; n++) {
            Buffer *one = &buffers[n];
            one->at = room(one->bytes, (int64_t)(one->address % 64), &one->raw);
            take(one->at, one->bytes);
        }
        int64_t result = answer(request, buffers, count);
        fwrite(&result, 1, 8, stdout);
        for (int64_t n = 0; n < count; n++) {
            fwrite(buffers[n].at, 1, (size_t)buffers[n].bytes, stdout);
            free(buffers[n].raw);
        }
        fflush(stdout);
    }
}
