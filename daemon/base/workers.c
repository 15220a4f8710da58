#include "base/workers.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <time.h>

#define IDLE_SECONDS 20

struct job {
    struct job *next;
    loop_fn *run;
    loop_fn *done;
    void *arg;
};

struct workers {
    struct loop *loop;
    size_t max;
    pthread_mutex_t lock; /* guards all below */
    pthread_cond_t work;  /* a job came, or ending was set */
    pthread_cond_t ended; /* a thread ended */
    struct job *jobs;
    struct job **tail;
    size_t threads;
    size_t idle;
    bool ending;
};

/* With the lock held: the next job, or NULL when this thread shall end. */
static struct job *next_job(struct workers *w)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += IDLE_SECONDS;
    while (!w->jobs) {
        if (w->ending)
            return NULL;
        w->idle++;
        int r = pthread_cond_timedwait(&w->work, &w->lock, &until);
        w->idle--;
        if (r == ETIMEDOUT && !w->jobs)
            return NULL;
    }
    struct job *job = w->jobs;
    w->jobs = job->next;
    if (!w->jobs)
        w->tail = &w->jobs;
    return job;
}

static void *worker(void *arg)
{
    struct workers *w = arg;
    pthread_mutex_lock(&w->lock);
    for (struct job *job; (job = next_job(w));) {
        pthread_mutex_unlock(&w->lock);
        job->run(job->arg);
        if (job->done)
            loop_post(w->loop, job->done, job->arg);
        free(job);
        pthread_mutex_lock(&w->lock);
    }
    w->threads--;
    pthread_cond_signal(&w->ended);
    pthread_mutex_unlock(&w->lock);
    return NULL;
}

struct workers *workers_new(struct loop *loop, size_t max)
{
    struct workers *w = mem_new(struct workers, 1);
    w->loop = loop;
    w->max = max;
    w->tail = &w->jobs;
    pthread_mutex_init(&w->lock, NULL);
    pthread_condattr_t monotonic;
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    pthread_cond_init(&w->work, &monotonic);
    pthread_cond_init(&w->ended, &monotonic);
    pthread_condattr_destroy(&monotonic);
    return w;
}

void workers_free(struct workers *w)
{
    if (!w)
        return;
    pthread_mutex_lock(&w->lock);
    w->ending = true;
    pthread_cond_broadcast(&w->work);
    while (w->threads)
        pthread_cond_wait(&w->ended, &w->lock);
    pthread_mutex_unlock(&w->lock);
    pthread_cond_destroy(&w->work);
    pthread_cond_destroy(&w->ended);
    pthread_mutex_destroy(&w->lock);
    free(w);
}

/* With the lock held. Signals stay with the loop's thread. */
static void start_thread(struct workers *w)
{
    pthread_attr_t attributes;
    pthread_t thread;
    sigset_t all, old;
    pthread_attr_init(&attributes);
    pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&attributes, 1024 * 1024);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    int r = pthread_create(&thread, &attributes, worker, w);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&attributes);
    if (r == 0)
        w->threads++;
    else if (!w->threads)
        abort(); /* no thread at all: the job would never run */
}

void workers_submit(struct workers *w, loop_fn *run, loop_fn *done, void *arg)
{
    struct job *job = mem_new(struct job, 1);
    *job = (struct job){.run = run, .done = done, .arg = arg};
    pthread_mutex_lock(&w->lock);
    *w->tail = job;
    w->tail = &job->next;
    if (w->idle)
        pthread_cond_signal(&w->work);
    else if (w->threads < w->max)
        start_thread(w);
    pthread_mutex_unlock(&w->lock);
}
