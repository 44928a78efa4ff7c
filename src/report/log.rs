//! Logs: lines of JSON with timestamp and level, or text for people.
//!
//! Lambda sets `AWS_LAMBDA_LOG_FORMAT` and `AWS_LAMBDA_LOG_LEVEL`. It takes a line without a
//! timestamp as INFO, whatever its level is, so every line has one.

use std::{
    env,
    io::{stderr, stdout},
};

use tracing::level_filters::LevelFilter;
use tracing_subscriber::{
    Layer, Registry,
    filter::{FilterExt, Targets},
    fmt,
    layer::SubscriberExt,
    util::SubscriberInitExt,
};

use super::escape::Line;

/// The format of a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// One JSON object a line, on stdout.
    Json,
    /// Text, on stderr.
    Text,
}

/// Returns the level of a filter for a level of Lambda.
fn lambda_level(level: &str) -> &'static str {
    match level.to_ascii_uppercase().as_str() {
        "TRACE" => "trace",
        "DEBUG" => "debug",
        "WARN" => "warn",
        "ERROR" | "FATAL" => "error",
        _ => "info",
    }
}

/// Returns the filter of `RUST_LOG` if it is valid, else one that logs this program from `level`
/// and the errors of its dependencies.
fn filter(rust_log: Option<&str>, level: &str) -> Targets {
    let written = rust_log.filter(|directives| !directives.is_empty());
    let written = written.and_then(|directives| directives.parse().ok());
    written.unwrap_or_else(|| {
        let level = level.parse().unwrap_or(LevelFilter::INFO);
        let others = Targets::new().with_default(LevelFilter::ERROR);
        others.with_target("ecr_cleanup", level)
    })
}

/// Returns the filter that nothing gets past: at lower levels the SDK and the HTTP stack log
/// requests and answers, which hold session tokens, signatures and credentials.
fn cap() -> Targets {
    let others = Targets::new().with_default(LevelFilter::INFO);
    others.with_target("ecr_cleanup", LevelFilter::TRACE)
}

/// Starts logging in a Lambda function, as its environment variables say.
pub fn start_in_function() {
    let format = match env::var("AWS_LAMBDA_LOG_FORMAT") {
        Ok(format) if format.eq_ignore_ascii_case("text") => Format::Text,
        _ => Format::Json,
    };
    let level = lambda_level(&env::var("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default());
    start(format, level, None);
}

/// Starts logging.
///
/// `RUST_LOG` takes precedence over `level`, but for what other crates log below `info`. `extra`
/// receives every event as well.
pub fn start(format: Format, level: &str, extra: Option<Box<dyn Layer<Registry> + Send + Sync>>) {
    let filter = filter(env::var("RUST_LOG").ok().as_deref(), level).and(cap());
    let lines = fmt::layer().with_target(false).with_ansi(false);
    let lines = match format {
        Format::Json => lines
            .json()
            .flatten_event(true)
            .with_current_span(true)
            .with_span_list(false)
            .with_writer(|| Line(stdout()))
            .with_filter(filter)
            .boxed(),
        Format::Text => lines
            .with_writer(|| Line(stderr()))
            .with_filter(filter)
            .boxed(),
    };
    // A subscriber that is already set, such as that of a test, is kept.
    let _ = tracing_subscriber::registry()
        .with(extra)
        .with(lines)
        .try_init();
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn every_level_of_lambda_is_understood() {
        let levels = ["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", ""].map(lambda_level);
        assert_eq!(levels.join(" "), "trace debug info warn error error info");
    }

    #[test]
    fn other_crates_never_log_what_they_send() {
        for (target, level, expected) in [
            ("ecr_cleanup::aws", Level::TRACE, true),
            ("aws_sigv4::http_request", Level::TRACE, false),
            ("aws_smithy_runtime::client", Level::DEBUG, false),
            ("hyper_util::client", Level::DEBUG, false),
            ("rustls", Level::DEBUG, false),
            ("aws_config", Level::WARN, true),
        ] {
            let logged = cap().would_enable(target, &level);
            assert_eq!(logged, expected, "{target} {level}");
        }
    }

    #[test]
    fn the_variable_wins_over_the_level_if_it_can_be_understood() {
        let logged = |rust_log: Option<&str>, level: &str| {
            let filter = filter(rust_log, level);
            let own = |level| filter.would_enable("ecr_cleanup::run", &level);
            let other = filter.would_enable("hyper", &Level::WARN);
            [own(Level::INFO), own(Level::DEBUG), other]
        };
        for invalid in [None, Some(""), Some("ecr_cleanup=loud")] {
            assert_eq!(logged(invalid, "info"), [true, false, false], "{invalid:?}");
        }
        assert_eq!(logged(None, "debug"), [true, true, false]);
        let directives = Some("ecr_cleanup=debug,warn");
        assert_eq!(logged(directives, "error"), [true, true, true]);
        assert_eq!(logged(Some("error"), "trace"), [false, false, false]);
    }
}
