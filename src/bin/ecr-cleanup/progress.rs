//! Progress, made from the events that the program logs: a bar on a terminal, else a line now and
//! then.

mod counts;

use std::{
    convert::Infallible,
    io::Write,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

use indicatif::{ProgressBar, ProgressStyle};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Registry,
    filter::{LevelFilter, Targets},
    layer::{Context, Layer},
};

use crate::{output, terminal::Terminal};
use counts::Counts;

/// Time between two frames of the bar.
const TICK: Duration = Duration::from_millis(120);
/// Time between two lines where there is no terminal.
const LINE_EVERY: Duration = Duration::from_secs(30);

/// Progress on stderr.
#[derive(Clone)]
pub(crate) struct Progress {
    shown: Shown,
    counts: Arc<Mutex<Counts>>,
}

#[derive(Clone)]
enum Shown {
    Nothing,
    Lines,
    Bar(ProgressBar),
}

impl Progress {
    /// Returns progress that is shown if it is wanted.
    pub(crate) fn new(wanted: bool) -> Self {
        let terminal = Terminal::of_stderr();
        let shown = match (wanted, terminal.pages) {
            (false, _) => Shown::Nothing,
            (true, false) => Shown::Lines,
            (true, true) => Shown::Bar(bar(terminal)),
        };
        let counts = Arc::default();
        Self { shown, counts }
    }

    /// Returns the layer of the log that counts. `None` if nothing is shown.
    pub(crate) fn layer(&self) -> Option<Box<dyn Layer<Registry> + Send + Sync>> {
        let own = Targets::new().with_target("ecr_cleanup", LevelFilter::TRACE);
        let counter = || Counter(self.clone()).with_filter(own).boxed();
        (!matches!(self.shown, Shown::Nothing)).then(counter)
    }

    /// Says from now on what is being done: `Reading`.
    pub(crate) fn set_message(&self, doing: String) {
        self.counts().doing = doing;
    }

    /// Shows it until `work` is done.
    pub(crate) async fn show_while<T>(&self, work: impl Future<Output = T>) -> T {
        self.counts().begin();
        match &self.shown {
            Shown::Nothing => work.await,
            Shown::Lines => {
                let tick = async || tokio::time::sleep(LINE_EVERY).await;
                let line = || self.say(&self.counts().text(Instant::now()));
                lines_while(work, tick, line).await
            }
            Shown::Bar(bar) => {
                bar.reset();
                self.draw();
                bar.enable_steady_tick(TICK);
                let result = work.await;
                bar.finish_and_clear();
                result
            }
        }
    }

    /// Prints a line beside it.
    pub(crate) fn say(&self, text: &str) {
        // Nothing is left to do if that cannot be written.
        let print = || drop(writeln!(output::stderr(), "{text}"));
        match &self.shown {
            Shown::Bar(bar) => bar.suspend(print),
            Shown::Nothing | Shown::Lines => print(),
        }
    }

    fn counts(&self) -> MutexGuard<'_, Counts> {
        self.counts.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Brings the bar up to date.
    fn draw(&self) {
        let Shown::Bar(bar) = &self.shown else { return };
        let counts = self.counts();
        let now = Instant::now();
        let (done, of) = counts.share(now);
        bar.set_length(of);
        bar.set_position(done);
        bar.set_message(counts.text(now));
    }
}

/// Returns a bar for a terminal. It is as long as what takes longest.
fn bar(terminal: Terminal) -> ProgressBar {
    let bar = ProgressBar::new(0);
    let (frames, filled) = if terminal.ascii {
        ("|/-\\ ", "#>-")
    } else {
        (
            "\u{280b}\u{2819}\u{2838}\u{2834}\u{2826}\u{2807} ",
            "\u{2501}\u{2578} ",
        )
    };
    if let Ok(style) = ProgressStyle::with_template("{spinner} {bar:16} {wide_msg}") {
        bar.set_style(style.tick_chars(frames).progress_chars(filled));
    }
    bar
}

/// Prints a line after every tick, until `work` is done.
async fn lines_while<T>(
    work: impl Future<Output = T>,
    tick: impl AsyncFnMut(),
    line: impl Fn(),
) -> T {
    tokio::select! {
        biased;
        result = work => result,
        never = lines(tick, line) => match never {},
    }
}

async fn lines(mut tick: impl AsyncFnMut(), line: impl Fn()) -> Infallible {
    loop {
        tick().await;
        line();
    }
}

/// Counts what is done, and shows it.
struct Counter(Progress);

impl<S: Subscriber> Layer<S> for Counter {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        if fields.is_progress {
            let Fields {
                counted,
                expected,
                done,
                ..
            } = fields;
            self.0
                .counts()
                .add(&counted, expected, done, Instant::now());
            self.0.draw();
        }
    }
}

#[derive(Default)]
struct Fields {
    is_progress: bool,
    counted: String,
    expected: u64,
    done: u64,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "event" => self.is_progress = value == "progress",
            "counted" => value.clone_into(&mut self.counted),
            _ => {}
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        match field.name() {
            "expected" => self.expected = value,
            "done" => self.done = value,
            _ => {}
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use tokio::sync::Notify;

    use super::*;

    #[tokio::test]
    async fn where_there_is_no_terminal_it_is_a_line_for_each_tick() {
        let (done, ticks, lines) = (Notify::new(), Cell::new(0), Cell::new(0));
        let tick = async || {
            ticks.set(ticks.get() + 1);
            if ticks.get() > 3 {
                done.notify_one();
                std::future::pending::<()>().await;
            }
        };
        let line = || lines.set(lines.get() + 1);
        let result = lines_while(async { done.notified().await }, tick, line).await;
        assert_eq!((result, lines.get()), ((), 3));
    }
}
