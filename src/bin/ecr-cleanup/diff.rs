//! `ecr-cleanup diff`

use std::{collections::BTreeMap, io::Write};

use anyhow::{Context, bail};
use ecr_cleanup::{
    aws::decompressed,
    config::{Config, Mode},
    pipeline::Program,
    report::{Changed, Difference, Size, Verdicts, count},
};

use crate::{
    arguments::Output,
    exit::Exit,
    file::File,
    output,
    page::{Look, Page},
    rows::{Rows, literal},
    session::Session,
};

/// The images that are named of each reason, at its beginning and its end.
const NAMED: usize = 3;
/// The report of a run, and its images beside it.
const REPORT: [&str; 2] = ["report.json", "images.jsonl.gz"];

/// Shows what one plan deletes and the other does not.
pub(crate) async fn execute(
    old: &File,
    new: &File,
    exit_code: bool,
    session: &Session,
) -> anyhow::Result<Exit> {
    let (before, after) = (read(old, session).await?, read(new, session).await?);
    // In CI, two plans are compared where there is no AWS.
    let (before, after) = match (before, after) {
        (Compared::Verdicts(before), Compared::Verdicts(after)) => (before, after),
        (before, after) => {
            session.introduce_doing("reads only").await?;
            let before = before.verdicts(old, session).await?;
            (before, after.verdicts(new, session).await?)
        }
    };
    if let (Some(one), Some(other)) = (&before.home, &after.home)
        && one != other
    {
        bail!(
            "`{old}` is of {one}, and `{new}` of {other}\nhint: compare plans of one account and Region"
        );
    }
    let difference = before.difference(&after);
    let mut out = output::stdout();
    match session.output {
        Output::Table => {
            let mut page = session.page();
            add(&mut page, &difference);
            page.show()?;
        }
        Output::Json => output::json(&mut out, &difference)?,
        Output::Jsonl => output::json_lines(&mut out, &difference.changed)?,
        Output::Csv => images(&difference).csv(&mut out)?,
        Output::Markdown => {
            writeln!(out, "**{}**\n", literal(&summary(&difference)))?;
            reasons(&difference).markdown(&mut out)?;
        }
    }
    Ok(if exit_code && !difference.changed.is_empty() {
        Exit::Candidates
    } else {
        Exit::Done
    })
}

/// One side of a comparison.
enum Compared {
    Verdicts(Verdicts),
    Config(Box<Config>),
}

/// Reads a plan, a report or a configuration.
async fn read(file: &File, session: &Session) -> anyhow::Result<Compared> {
    let images = beside(file);
    let file = images.as_ref().unwrap_or(file);
    let bytes = decompressed(file.read(&session.clients).await?);
    let bytes = bytes.with_context(|| format!("failed to decompress `{file}`"))?;
    let read = Verdicts::read(&bytes).with_context(|| format!("`{file}` cannot be compared"))?;
    if let Some(verdicts) = read {
        return Ok(Compared::Verdicts(verdicts));
    }
    let text = String::from_utf8(bytes).with_context(|| format!("`{file}` is no text"))?;
    let config = Config::parse(&text).with_context(|| {
        format!("`{file}` is no saved plan and no report, and as a configuration it is wrong")
    })?;
    Ok(Compared::Config(Box::new(config)))
}

impl Compared {
    /// Returns the verdicts; with a configuration, those of a plan that is made now.
    async fn verdicts(self, file: &File, session: &Session) -> anyhow::Result<Verdicts> {
        let config = match self {
            Self::Verdicts(verdicts) => return Ok(verdicts),
            Self::Config(config) => *config,
        };
        let home = session.clients.identity().await?.registry;
        let program = Program::new(config, session.clients.clone());
        // In a box, since the future is large.
        let planning = Box::pin(program.plan(session.request(Mode::Plan)));
        let planned = session.progress.show_while(planning).await?;
        planned.save_facts().await;
        if let Some(refusal) = planned.refusals().first() {
            let text = format!("with `{file}` a run would be refused: {}", refusal.observed);
            output::warn(&text)?;
        }
        Ok(Verdicts::of(planned.plan(), home))
    }
}

/// Returns the images beside a report.
fn beside(file: &File) -> Option<File> {
    let [report, images] = REPORT;
    let name = file.to_string();
    let folder = name.strip_suffix(report)?;
    let is_whole = folder.is_empty() || folder.ends_with('/');
    let images = format!("{folder}{images}").parse().ok();
    images.filter(|_| is_whole)
}

/// Images of a repository that change for the same reason.
struct Group<'a> {
    images: Vec<&'a Changed>,
}

/// Returns the changes by what changes, repository and reason.
fn groups(difference: &Difference) -> BTreeMap<(bool, &str, String), Group<'_>> {
    let mut groups: BTreeMap<_, Group<'_>> = BTreeMap::new();
    for changed in &difference.changed {
        let key = (!changed.deletes, &*changed.repository, reason(changed));
        let group = groups
            .entry(key)
            .or_insert_with(|| Group { images: Vec::new() });
        group.images.push(changed);
    }
    groups
}

/// Returns what the new plan says of an image, or else that it is not there, and what the old one
/// said.
fn reason(changed: &Changed) -> String {
    if changed.because.is_empty() {
        format!("not in the new one (was: {})", changed.before.join("; "))
    } else {
        changed.because.join("; ")
    }
}

impl Group<'_> {
    fn size(&self) -> Size {
        Size(self.images.iter().map(|it| it.bytes).sum())
    }

    /// Returns the names of the first and the last images.
    fn names(&self) -> Vec<String> {
        let names = self.images.iter().map(|it| match &it.tags[..] {
            [] => it.digest.short(),
            tags => tags.join(" "),
        });
        let mut names: Vec<String> = names.collect();
        let between = NAMED..names.len().saturating_sub(NAMED);
        if between.len() > 1 {
            let more = format!("{} more", between.len());
            names.splice(between, [more]);
        }
        names
    }
}

/// Adds what both say, a paragraph for each reason.
fn add(page: &mut Page, difference: &Difference) {
    for ((spares, repository, reason), group) in groups(difference) {
        let (look, sign) = if spares {
            (Look::InUse, "-")
        } else {
            (Look::Delete, "+")
        };
        let images = count(group.images.len() as u64, "image", "images");
        let text = format!("{repository}: {images}, {}: {reason}", group.size());
        page.paragraph((look, &format!("{sign} ")), 2, Look::Plain, &text);
        page.list(4, Look::Dim, &group.names());
    }
    page.gap();
    page.paragraph((Look::Plain, ""), 0, Look::Strong, &summary(difference));
}

/// Returns every image that one of both deletes.
fn images(difference: &Difference) -> Rows {
    let columns = ["change", "repository", "digest", "tags", "bytes", "because"];
    let rows = difference.changed.iter().map(|changed| {
        let change = if changed.deletes { "deletes" } else { "spares" };
        [
            change.to_owned(),
            changed.repository.clone(),
            changed.digest.to_string(),
            changed.tags.join(" "),
            changed.bytes.to_string(),
            reason(changed),
        ]
    });
    Rows::new(columns, rows)
}

/// Returns them by repository and reason.
fn reasons(difference: &Difference) -> Rows {
    let columns = ["New one", "Repository", "Images", "Size", "Why", "Which"];
    let groups = groups(difference).into_iter();
    let rows = groups.map(|((spares, repository, reason), group)| {
        let change = if spares { "spares" } else { "deletes" };
        [
            change.to_owned(),
            repository.to_owned(),
            group.images.len().to_string(),
            group.size().to_string(),
            reason,
            group.names().join(", "),
        ]
    });
    Rows::new(columns, rows)
}

/// Returns the numbers of both plans, in a sentence.
fn summary(difference: &Difference) -> String {
    let of = |deletes: bool| {
        let changed = difference.changed.iter().filter(|it| it.deletes == deletes);
        let bytes = changed.clone().map(|it| it.bytes).sum();
        let images = count(changed.count() as u64, "image", "images");
        if bytes > 0 {
            format!("{images} (at most {})", Size(bytes))
        } else {
            images
        }
    };
    if difference.changed.is_empty() {
        let images = count(difference.same, "image", "images");
        return format!("No difference: both delete the same {images}.");
    }
    let same = count(difference.same, "image", "images");
    format!(
        "The new one deletes {} that the old one does not, and spares {} that the old one deletes. Both delete {same}.",
        of(true),
        of(false)
    )
}
