/* What a job has to be before anything of it is done. */
#include "job.h"

enum { MOST_ROWS = 1 << 26 };

i64 job_check(const RecurraJob *job, Net *net)
{
    if (!job || job->abi != RECURRA_ABI) return REFUSED_VERSION;
    i64 refused = net_read(net, job->description, job->description_length);
    if (refused) return refused;
    if (job->mode < 0 || job->mode > MODE_GENERATE) return REFUSED_OPTION;
    i64 time = job->mode == MODE_GENERATE ? 1 : job->time;
    if (time < 1 || job->batch < 1 || job->batch > MOST_BATCH || time > MOST_ROWS ||
        time * job->batch > MOST_ROWS || job->threads < 1 || job->threads > MAX_THREADS ||
        job->count < 0 || job->count > MOST_ROWS) {
        return REFUSED_SIZE;
    }
    if (!(job->dropout >= 0 && job->dropout < 1) ||
        !(job->recurrent_dropout >= 0 && job->recurrent_dropout < 1)) {
        return REFUSED_OPTION;
    }
    int learns = job->mode >= MODE_BACKWARD && job->mode <= MODE_TRAIN;
    if (learns && kind_of(net) == BYTE) return REFUSED_OPTION;
    int scored = job->mode == MODE_EVALUATE || job->mode >= MODE_GRADIENTS;
    if (scored && net->outputs < 1) return REFUSED_OPTION;
    if (job->mode == MODE_TRAIN &&
        (job->rule < RULE_SGD || job->rule > RULE_ADAMW || job->parts < 1 || job->part < 0 ||
         job->part >= job->parts || job->step < 1 || !(job->rate >= 0))) {
        return REFUSED_OPTION;
    }
    if (job->mode == MODE_GENERATE &&
        ((!job->greedy && !(job->temperature > 0)) || job->top_k < 0 || !(job->top_p > 0) ||
         net->input == INPUT_VECTOR || net->tokens < net->outputs)) {
        return REFUSED_OPTION;
    }
    return 0;
}

int job_is_foreign(const RecurraJob *job)
{
    return (job->mode == MODE_GRADIENTS || job->mode == MODE_TRAIN) &&
           (job->outputs || job->doutputs);
}

i64 job_check_arrays(const RecurraJob *job, const Net *net)
{
    int mode = (int)job->mode;
    int learns = mode >= MODE_BACKWARD && mode <= MODE_TRAIN;
    int missing = !job->params || !job->packed || !job->workspace || !job->state_in;
    missing |= net->input == INPUT_VECTOR ? !job->vectors : !job->tokens;
    missing |= (mode == MODE_EVALUATE || mode == MODE_GRADIENTS || mode == MODE_TRAIN) &&
               ((!job->targets && !job_is_foreign(job)) || !job->report);
    missing |= job_is_foreign(job) && job->outputs && job->doutputs;
    missing |= mode == MODE_BACKWARD && !job->doutputs;
    missing |= learns && !job->grads;
    missing |= mode == MODE_TRAIN && job->parts > 1 && !job->gathered;
    missing |= mode == MODE_TRAIN && job->rule != RULE_SGD && !job->second;
    missing |= mode == MODE_TRAIN && (job->rule >= RULE_ADAM) && !job->first;
    missing |= mode == MODE_GENERATE &&
               (!job->lanes || !job->drawn || !job->log_probs || !job->state_out);
    return missing ? REFUSED_MEMORY : 0;
}

i64 job_check_tokens(const RecurraJob *job, const Net *net)
{
    i64 rows = (job->mode == MODE_GENERATE ? 1 : job->time) * job->batch;
    int scored = job->mode == MODE_EVALUATE || job->mode == MODE_GRADIENTS || job->mode == MODE_TRAIN;
    for (i64 r = 0; r < rows; r++) {
        if (net->input != INPUT_VECTOR && (uint64_t)job->tokens[r] >= (uint64_t)net->tokens) {
            return REFUSED_TOKEN;
        }
        if (scored && !job_is_foreign(job) && (uint64_t)job->targets[r] >= (uint64_t)net->outputs) {
            return REFUSED_TOKEN;
        }
    }
    return 0;
}
