//! The report as one HTML page that needs nothing else: no server, no network, no other file.
//!
//! Everything in it that comes from outside is data in one JSON document, in which no character can
//! end the element that holds it; the script only ever sets text. The page runs no other script and
//! loads nothing (its Content-Security-Policy).

mod data;
mod exclusive;
mod fit;
mod images;
mod reasons;
#[cfg(test)]
mod tests;

use base64::{Engine, prelude::BASE64_STANDARD};
use sha2::{Digest as _, Sha256};

use super::{Answer, escape::html};
use crate::{evidence::UsageIndex, plan::Plan, registry::Outcome, state::History};
pub use exclusive::ExclusiveBytes;

/// The most bytes of a page.
const MAX_BYTES: usize = 1_000_000;

const TEMPLATE: &str = include_str!("template.html");
const STYLE: &str = include_str!("report.css");
const SCRIPT: &str = concat!(
    include_str!("script/elements.js"),
    include_str!("script/model.js"),
    include_str!("script/treemap.js"),
    include_str!("script/result.js"),
    include_str!("script/storage.js"),
    include_str!("script/images.js"),
    include_str!("script/details.js"),
    include_str!("script/main.js"),
);

/// What a page shows.
#[derive(Clone, Copy)]
pub(crate) struct Page<'a> {
    pub(crate) plan: &'a Plan,
    pub(crate) usage: &'a UsageIndex,
    pub(crate) answer: &'a Answer,
    /// What became of the candidates, if the plan was applied.
    pub(crate) outcome: Option<&'a Outcome>,
    /// Bytes that only images of one reason need, if layers were read.
    pub(crate) exclusive: Option<&'a ExclusiveBytes>,
    /// Earlier runs; `None` if nothing remembers them.
    pub(crate) history: Option<&'a History>,
}

impl Page<'_> {
    /// Returns the page as HTML, of at most [`MAX_BYTES`]; what does not fit is counted in it.
    pub(crate) fn to_html(self) -> String {
        let (policy, summary) = (policy(), html(&self.answer.summary));
        let texts = [TEMPLATE, STYLE, SCRIPT, &policy, &summary];
        let used: usize = texts.iter().map(|text| text.len()).sum();
        let data = self.data(MAX_BYTES.saturating_sub(used));
        let (mut page, mut rest) = (String::with_capacity(used + data.len()), TEMPLATE);
        for (place, content) in [
            ("{{policy}}", policy.as_str()),
            ("{{style}}", STYLE),
            ("{{summary}}", &summary),
            ("{{data}}", &data),
            ("{{script}}", SCRIPT),
        ] {
            let (before, after) = rest.split_once(place).unwrap_or((rest, ""));
            page += before;
            page += content;
            rest = after;
        }
        page + rest
    }
}

/// Returns the Content-Security-Policy: one style and one script, known by their hashes.
fn policy() -> String {
    let hash = |text: &str| format!("'sha256-{}'", BASE64_STANDARD.encode(Sha256::digest(text)));
    let (style, script) = (hash(STYLE), hash(SCRIPT));
    format!(
        "default-src 'none'; style-src {style}; script-src {script}; base-uri 'none'; form-action 'none'"
    )
}
