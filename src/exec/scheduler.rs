//! A fair scheduler: one fixed set of threads, one queue of small tasks.
//!
//! A lane of a query runs one step (a block or a few), then goes back to the end of the queue if others wait in
//! it, so that a long query never starves short ones. Steps never block: a lane whose output is full is
//! parked and queued again when somebody has read from it.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;

use base::{Error, Result, catch_panic};
use parking_lot::{Condvar, Mutex};

type Task = Box<dyn FnOnce() + Send>;

/// The threads and their queue.
pub struct Scheduler {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
}

#[derive(Default)]
struct Queue {
    tasks: VecDeque<Task>,
    closed: bool,
}

/// What a lane's step came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step {
    /// There is more to do.
    Again,
    /// Something was put out for who waits; there is more to do.
    Gave,
    /// The lane is at its end.
    Done,
    /// The lane waits until it is woken.
    Park,
}

impl Scheduler {
    /// Starts so many threads.
    pub fn new(threads: usize) -> Result<Scheduler> {
        let shared =
            Arc::new(Shared { queue: Mutex::new(Queue::default()), ready: Condvar::new() });
        let mut handles = Vec::with_capacity(threads);
        for number in 0..threads.max(1) {
            let shared = shared.clone();
            let handle = std::thread::Builder::new()
                .name(format!("worker-{number}"))
                .stack_size(8 << 20)
                .spawn(move || work(&shared))
                .map_err(|e| {
                    base::error!(CannotAllocateMemory, "Cannot start a worker thread: {e}")
                })?;
            handles.push(handle);
        }
        Ok(Scheduler { shared, threads: handles })
    }

    /// The number of threads.
    pub fn threads(&self) -> usize {
        self.threads.len()
    }

    /// Puts a task at the end of the queue.
    pub(crate) fn submit(&self, task: Task) {
        self.shared.queue.lock().tasks.push_back(task);
        self.shared.ready.notify_one();
    }

    /// Whether tasks wait for a thread.
    fn is_busy(&self) -> bool {
        !self.shared.queue.lock().tasks.is_empty()
    }

    /// Starts lanes; `step` is called on each again and again until it is done.
    pub(crate) fn start<L: Send + 'static>(
        self: &Arc<Self>,
        lanes: Vec<L>,
        step: impl Fn(&mut L) -> Result<Step> + Send + Sync + 'static,
    ) -> Arc<Run<L>> {
        let run = Arc::new(Run {
            scheduler: self.clone(),
            step: Box::new(step),
            state: Mutex::new(State {
                running: lanes.len(),
                parked: Vec::new(),
                done: Vec::with_capacity(lanes.len()),
                error: None,
            }),
            changed: Condvar::new(),
        });
        for lane in lanes {
            Run::queue(&run, lane);
        }
        run
    }

    /// Runs lanes to their end and gives them back.
    ///
    /// # Errors
    /// The first error of any lane; the others stop at their next step.
    pub(crate) fn run<L: Send + 'static>(
        self: &Arc<Self>,
        lanes: Vec<L>,
        step: impl Fn(&mut L) -> Result<Step> + Send + Sync + 'static,
    ) -> Result<Vec<L>> {
        let run = self.start(lanes, step);
        run.wait()
    }
}

impl Drop for Scheduler {
    fn drop(&mut self) {
        self.shared.queue.lock().closed = true;
        self.shared.ready.notify_all();
        let own = std::thread::current().id();
        for thread in self.threads.drain(..) {
            if thread.thread().id() != own {
                // A worker's panic was caught and reported as its query's error.
                drop(thread.join());
            }
        }
    }
}

fn work(shared: &Shared) {
    loop {
        let task = {
            let mut queue = shared.queue.lock();
            loop {
                if let Some(task) = queue.tasks.pop_front() {
                    break task;
                }
                if queue.closed {
                    return;
                }
                shared.ready.wait(&mut queue);
            }
        };
        task();
    }
}

type StepOf<L> = Box<dyn Fn(&mut L) -> Result<Step> + Send + Sync>;

/// Lanes that are running.
pub(crate) struct Run<L> {
    scheduler: Arc<Scheduler>,
    step: StepOf<L>,
    state: Mutex<State<L>>,
    changed: Condvar,
}

struct State<L> {
    running: usize,
    parked: Vec<L>,
    done: Vec<L>,
    error: Option<Error>,
}

impl<L: Send + 'static> Run<L> {
    fn queue(run: &Arc<Run<L>>, lane: L) {
        let own = run.clone();
        run.scheduler.submit(Box::new(move || Run::advance(own, lane)));
    }

    /// Runs a lane until others wait for the thread or it has no more to do.
    fn advance(run: Arc<Run<L>>, mut lane: L) {
        let outcome = loop {
            match Run::step(&run, &mut lane) {
                Ok(step @ (Step::Again | Step::Gave)) => {
                    // Waking who waits costs more than many a step, so it is done for what he waits for.
                    if step == Step::Gave {
                        run.changed.notify_all();
                    }
                    if run.scheduler.is_busy() {
                        return Run::queue(&run, lane);
                    }
                }
                other => break other,
            }
        };
        {
            let mut state = run.state.lock();
            match outcome {
                Ok(Step::Park) => state.parked.push(lane),
                Ok(_) => state.done.push(lane),
                Err(error) => {
                    state.error.get_or_insert(error);
                }
            }
            state.running -= 1;
        }
        run.changed.notify_all();
    }

    fn step(run: &Run<L>, lane: &mut L) -> Result<Step> {
        if run.state.lock().error.is_some() {
            return Ok(Step::Done);
        }
        catch_panic("a worker", || (run.step)(lane))
    }

    /// Queues all parked lanes again.
    pub(crate) fn wake(run: &Arc<Run<L>>) {
        let parked = {
            let mut state = run.state.lock();
            let parked = std::mem::take(&mut state.parked);
            state.running += parked.len();
            parked
        };
        for lane in parked {
            Run::queue(run, lane);
        }
    }

    /// Whether no lane is running or parked.
    pub(crate) fn is_over(&self) -> bool {
        let state = self.state.lock();
        state.running == 0 && (state.parked.is_empty() || state.error.is_some())
    }

    /// The first error, if there was one.
    pub(crate) fn error(&self) -> Option<Error> {
        self.state.lock().error.clone()
    }

    /// Blocks until all lanes are done.
    fn wait(&self) -> Result<Vec<L>> {
        let mut state = self.state.lock();
        while state.running > 0 {
            self.changed.wait(&mut state);
        }
        match state.error.take() {
            Some(error) => Err(error),
            None => Ok(std::mem::take(&mut state.done)),
        }
    }

    /// Blocks until something has changed or a short time has passed.
    pub(crate) fn pause(&self) {
        let mut state = self.state.lock();
        if state.running > 0 {
            self.changed.wait_for(&mut state, std::time::Duration::from_millis(20));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::{Scheduler, Step};

    #[test]
    fn lanes_run_to_their_end_and_errors_stop_all() {
        let scheduler = Arc::new(Scheduler::new(2).unwrap());
        let lanes = scheduler
            .run(vec![0u32, 10], |lane| {
                *lane += 1;
                Ok(if *lane % 7 == 0 { Step::Done } else { Step::Again })
            })
            .unwrap();
        assert_eq!(lanes.iter().sum::<u32>(), 7 + 14);
        let failed = scheduler.run(vec![1u32, 2], |lane| match *lane {
            1 => panic!("boom"),
            _ => Ok(Step::Again),
        });
        assert!(failed.unwrap_err().message().contains("boom"));
    }
}
