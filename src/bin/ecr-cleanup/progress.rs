//! A progress line on a terminal, made from the events that the program logs.

use std::{sync::Mutex, time::Duration};

use indicatif::{ProgressBar, ProgressStyle};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::{
    Registry,
    layer::{Context, Layer},
};

/// Time between two frames of the spinner.
const TICK: Duration = Duration::from_millis(120);

/// A progress line on stderr.
pub(crate) struct Progress(ProgressBar);

/// Counts what was read and deleted, and shows the counts.
struct Counter {
    bar: ProgressBar,
    counts: Mutex<Counts>,
}

#[derive(Default)]
struct Counts {
    repositories: u64,
    images: u64,
    sources: u64,
    deleted: u64,
}

impl Progress {
    /// Returns progress that is shown if it is wanted and stderr is a terminal.
    pub(crate) fn new(wanted: bool) -> Self {
        let bar = if wanted {
            ProgressBar::new_spinner()
        } else {
            ProgressBar::hidden()
        };
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Self(bar)
    }

    /// Returns the layer of the log that updates the line. `None` if it is hidden.
    pub(crate) fn layer(&self) -> Option<Box<dyn Layer<Registry> + Send + Sync>> {
        let counter = || Counter {
            bar: self.0.clone(),
            counts: Mutex::default(),
        };
        (!self.0.is_hidden()).then(|| counter().boxed())
    }

    /// Shows the line until `work` is done.
    pub(crate) async fn show_while<T>(&self, work: impl Future<Output = T>) -> T {
        if self.0.is_hidden() {
            return work.await;
        }
        self.0.reset();
        self.0.enable_steady_tick(TICK);
        let result = work.await;
        self.0.finish_and_clear();
        result
    }

    /// Sets the text of the line.
    pub(crate) fn set_message(&self, message: String) {
        self.0.set_message(message);
    }
}

impl<S: Subscriber> Layer<S> for Counter {
    fn on_event(&self, event: &Event<'_>, _context: Context<'_, S>) {
        let mut fields = Fields::default();
        event.record(&mut fields);
        let Ok(mut counts) = self.counts.lock() else {
            return;
        };
        match fields.event.as_str() {
            "repository_read" => {
                counts.repositories += 1;
                counts.images += fields.images;
            }
            "source_read" => counts.sources += 1,
            "image_deleted" | "image_archived" => counts.deleted += 1,
            _ => return,
        }
        let read = format!(
            "read {} images in {} repositories",
            counts.images, counts.repositories
        );
        self.bar.set_message(match counts.deleted {
            0 => format!("{read}, {} usage sources", counts.sources),
            deleted => format!("{read}; deleted or archived {deleted} images"),
        });
    }
}

#[derive(Default)]
struct Fields {
    event: String,
    images: u64,
}

impl Visit for Fields {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "event" {
            value.clone_into(&mut self.event);
        }
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        if field.name() == "images" {
            self.images = value;
        }
    }

    fn record_debug(&mut self, _field: &Field, _value: &dyn std::fmt::Debug) {}
}
