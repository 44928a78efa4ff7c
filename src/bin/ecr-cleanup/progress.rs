//! A line of progress on a terminal, from what the program logs anyway.

use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use tracing::{
    Event, Subscriber,
    field::{Field, Visit},
};
use tracing_subscriber::layer::{Context, Layer};

/// Counts what has been read and deleted so far.
pub(crate) struct Progress {
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
    /// A spinner on stderr, shown by `bar`.
    pub(crate) fn new(bar: ProgressBar) -> Self {
        if let Ok(style) = ProgressStyle::with_template("{spinner} {msg}") {
            bar.set_style(style);
        }
        bar.enable_steady_tick(std::time::Duration::from_millis(120));
        Self {
            bar,
            counts: Mutex::default(),
        }
    }
}

impl<S: Subscriber> Layer<S> for Progress {
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
            0 => format!("{read}; {} sources of use", counts.sources),
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
