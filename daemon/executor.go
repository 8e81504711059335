package daemon

import "sync"

// executor runs jobs that may block, such as netlink calls and the opening of devices: in order
// within one queue, in parallel across queues, and a bounded number at a time.
type executor struct {
	running sync.WaitGroup // workers, and jobs without a queue

	mu      sync.Mutex
	ready   []*queue // queues with jobs, none of which is running
	workers int
}

// parallel is the largest number of workers: enough to hide the kernel's waits, and few enough not
// to starve the loops.
const parallel = 32

func newExecutor() *executor { return &executor{} }

// run runs one job outside of all queues.
func (e *executor) run(job func()) { e.running.Go(job) }

// wait returns when all jobs are done.
func (e *executor) wait() { e.running.Wait() }

// queue is a sequence of jobs that run one after another.
type queue struct {
	executor *executor
	jobs     []func()
	busy     bool // it is in executor.ready, or one of its jobs is running
}

// add appends a job. It does not block.
func (q *queue) add(job func()) {
	e := q.executor
	e.mu.Lock()
	defer e.mu.Unlock()
	q.jobs = append(q.jobs, job)
	if q.busy {
		return
	}
	q.busy = true
	e.ready = append(e.ready, q)
	if e.workers < parallel {
		e.workers++
		e.running.Go(e.work)
	}
}

// work runs one job of each ready queue in turn until no queue is ready.
func (e *executor) work() {
	e.mu.Lock()
	defer e.mu.Unlock()
	for len(e.ready) > 0 {
		q := e.ready[0]
		e.ready[0] = nil
		e.ready = e.ready[1:]
		job := q.jobs[0]
		q.jobs[0] = nil
		q.jobs = q.jobs[1:]

		e.mu.Unlock()
		job()
		e.mu.Lock()

		if len(q.jobs) > 0 {
			e.ready = append(e.ready, q)
		} else {
			q.busy, q.jobs = false, nil
		}
	}
	e.workers--
}
