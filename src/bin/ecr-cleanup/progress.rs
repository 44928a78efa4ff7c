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
pub(crate) struct Progress {
    bar: ProgressBar,
}

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
    /// Returns progress that is never shown.
    pub(crate) fn hidden() -> Self {
        Self {
            bar: ProgressBar::hidden(),
        }
    }

    /// Returns progress that is shown if stderr is a terminal.
    pub(crate) fn on_terminal() -> Self {
        let bar = ProgressBar::new_spinner();
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        Self { bar }
    }

    /// Returns the layer of the log that updates the line. `None` if it is hidden.
    pub(crate) fn layer(&self) -> Option<Box<dyn Layer<Registry> + Send + Sync>> {
        let counter = || Counter {
            bar: self.bar.clone(),
            counts: Mutex::default(),
        };
        (!self.bar.is_hidden()).then(|| counter().boxed())
    }

    /// Shows the line until `work` is done.
    pub(crate) async fn show_while<T>(&self, work: impl Future<Output = T>) -> T {
        if self.bar.is_hidden() {
            return work.await;
        }
        self.bar.reset();
        self.bar.enable_steady_tick(TICK);
        let result = work.await;
        self.bar.finish_and_clear();
        result
    }

    /// Sets the text of the line.
    pub(crate) fn set_message(&self, message: String) {
        self.bar.set_message(message);
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
