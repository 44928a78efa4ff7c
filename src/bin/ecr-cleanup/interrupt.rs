//! Ctrl-C and SIGTERM: the first ends what is under way, the second ends the command at once (A13).
//!
//! A thread of its own takes the signals, since the second one has to end the command whatever the
//! first thread does. What is to be done about one depends on what is under way.

use std::{
    io, process,
    sync::{LazyLock, Mutex, PoisonError},
    thread,
};

use ecr_cleanup::stop_time::{Interrupter, StopTime};
use futures::future::LocalBoxFuture;
use rustix::process::{Pid, Signal, kill_process};
use signal_hook::{
    consts::{SIGINT, SIGTERM},
    iterator::Signals,
};

use crate::{exit::Exit, progress::Progress};

static INTERRUPTER: LazyLock<Interrupter> = LazyLock::new(Interrupter::default);
static MOMENT: Mutex<Moment> = Mutex::new(Moment::Free);

/// What is under way.
#[derive(Debug, Clone, Copy)]
enum Moment {
    /// Nothing that has to be ended.
    Free,
    /// Work that ends by itself when its time is over.
    Working,
    /// A question to a person, before which nothing was changed.
    Asking,
    /// A pager, which shows the result.
    Paging(Pid),
}

/// The command was interrupted before it changed anything.
#[derive(Debug, thiserror::Error)]
#[error("Nothing was changed.")]
pub(crate) struct Interrupted;

/// Begins to listen for signals. Without it they end the process, as they do by default.
pub(crate) fn listen(progress: &Progress) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    let progress = progress.clone();
    thread::Builder::new().spawn(move || {
        for signal in signals.forever() {
            received(signal, &progress);
        }
    })?;
    Ok(())
}

/// Returns the time that a signal ends.
pub(crate) fn stop_time() -> StopTime {
    INTERRUPTER.stop_time()
}

/// Returns whether a signal came.
pub(crate) fn happened() -> bool {
    INTERRUPTER.has_interrupted()
}

/// Does work that has the stop time, and so ends by itself after a signal.
pub(crate) fn stoppable<'a, T>(work: impl Future<Output = T> + 'a) -> LocalBoxFuture<'a, T> {
    // In a box, since the future is large.
    Box::pin(async {
        let _working = Meanwhile::new(Moment::Working);
        work.await
    })
}

/// Asks a person.
pub(crate) fn asking<T>(ask: impl FnOnce() -> T) -> T {
    let _asking = Meanwhile::new(Moment::Asking);
    ask()
}

/// Waits for a pager.
pub(crate) fn paging<T>(pager: Pid, wait: impl FnOnce() -> T) -> T {
    let _paging = Meanwhile::new(Moment::Paging(pager));
    wait()
}

/// A moment, until it is dropped.
struct Meanwhile;

impl Meanwhile {
    fn new(moment: Moment) -> Self {
        set(moment);
        Self
    }
}

impl Drop for Meanwhile {
    fn drop(&mut self) {
        set(Moment::Free);
    }
}

fn set(moment: Moment) {
    *MOMENT.lock().unwrap_or_else(PoisonError::into_inner) = moment;
}

fn received(signal: i32, progress: &Progress) {
    let moment = MOMENT.lock().unwrap_or_else(PoisonError::into_inner);
    let is_first = !happened();
    INTERRUPTER.interrupt();
    match *moment {
        Moment::Working if is_first => progress
            .say("Interrupted: ending what is under way. Press Ctrl-C again to end at once."),
        Moment::Free | Moment::Working => end(progress, "Interrupted."),
        Moment::Asking => end(progress, &format!("\n{Interrupted}")),
        // The terminal gives it to the pager too, to which it may mean something else.
        Moment::Paging(_) if signal == SIGINT => {}
        Moment::Paging(pager) => {
            // It may have ended already.
            let _ = kill_process(pager, Signal::TERM);
            end(progress, "Interrupted.");
        }
    }
}

/// Ends the command at once.
fn end(progress: &Progress, text: &str) {
    progress.say(text);
    process::exit(Exit::Interrupted as i32);
}
