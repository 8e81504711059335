package daemon

import "sync"

// executor carries out what may block, such as netlink calls and the opening of devices: in order
// within one queue, and in parallel across queues, a bounded number at a time.
type executor struct {
	running sync.WaitGroup // workers, and what is done later

	mu      sync.Mutex
	ready   []*queue // that have jobs, of which none is under way
	workers int
}

// parallel bounds the calls under way: enough to hide the kernel's waits, few enough not to starve
// the loops.
const parallel = 32

func newExecutor() *executor { return &executor{} }

// later carries out one job in no order.
func (e *executor) later(job func()) { e.running.Go(job) }

// wait returns when all that was queued is done.
func (e *executor) wait() { e.running.Wait() }

// queue is a line of jobs that are done one after another.
type queue struct {
	executor *executor
	jobs     []func()
	busy     bool // it is ready, or a job of it is under way
}

// add puts a job at the end of the line. It does not block.
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

// work does jobs of one ready queue after another, until there is none.
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
