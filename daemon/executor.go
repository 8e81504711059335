package daemon

import "sync"

// executor carries out what may block, such as netlink calls and the opening of devices: in order within one queue, and
// in parallel across queues, a bounded number at a time.
type executor struct {
	slots   chan struct{}
	running sync.WaitGroup
}

// parallel bounds the calls under way: enough to hide the kernel's waits, few enough not to starve the loops.
const parallel = 32

func newExecutor() *executor {
	return &executor{slots: make(chan struct{}, parallel)}
}

// later carries out one job in no order.
func (e *executor) later(job func()) { e.running.Go(job) }

// wait returns when all that was queued is done.
func (e *executor) wait() { e.running.Wait() }

// queue is a line of jobs that are done one after another.
type queue struct {
	executor *executor

	mu   sync.Mutex
	jobs []func()
	busy bool
}

// add puts a job at the end of the line. It does not block.
func (q *queue) add(job func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.jobs = append(q.jobs, job)
	if !q.busy {
		q.busy = true
		q.executor.running.Go(q.work)
	}
}

func (q *queue) work() {
	for {
		q.mu.Lock()
		if len(q.jobs) == 0 {
			q.busy, q.jobs = false, nil
			q.mu.Unlock()
			return
		}
		job := q.jobs[0]
		q.jobs[0] = nil
		q.jobs = q.jobs[1:]
		q.mu.Unlock()

		q.executor.slots <- struct{}{}
		job()
		<-q.executor.slots
	}
}
