//! What Git history keeps, as the rules say it (K14): three commits, one after the other, of which
//! the last is the head of `main` and the first has a tag.

use std::sync::Arc;

use ecr_cleanup_core::{
    image::Time,
    policy::{
        Pattern,
        git::{
            Commits, Document, DocumentRef, Expected, GitRule, GitRules, History, Limit, RefKind,
            RefPattern, SCHEMA, Unmapped,
        },
    },
};
use jiff::{SignedDuration, Timestamp};

use crate::{
    planner::Naive,
    world::{NOW, Set},
};

/// Tags of images, each of a commit, from the newest commit to the oldest; the last is none that the
/// history has.
const TAGS: [&str; 4] = ["sha-2222222", "sha-1111111", "sha-9f31c02", "sha-3333333"];
const GRACE: SignedDuration = SignedDuration::from_hours(30 * 24);

/// Returns rules that keep so many of the newest images of `main`, and of each tag.
pub(crate) fn rules(of_main: u32, unmapped: Unmapped) -> GitRules {
    let rule = |kind, last| GitRule {
        kind,
        names: RefPattern::new(".*").unwrap(),
        refs: Limit::default(),
        images: Limit { last: std::num::NonZeroU32::new(last), ..Limit::default() },
    };
    let id = |tag: &str| format!("{}{}", &tag[4..], "0".repeat(33)).parse().unwrap();
    let named = |name: &str, commit| DocumentRef { name: name.to_owned(), commit, time: 1 };
    let document = Document {
        schema: SCHEMA.to_owned(),
        repository: "app".to_owned(),
        generated_at: Timestamp::from_millisecond(NOW).unwrap(),
        producer: String::new(),
        complete: true,
        shallow: false,
        default_branch: "main".to_owned(),
        since: None,
        refs: vec![named("refs/heads/main", 0), named("refs/tags/v1", 2)],
        commits: Commits {
            id: TAGS[..3].iter().map(|tag| id(tag)).collect(),
            time: vec![3, 2, 1],
            parents: vec![vec![1], vec![2], vec![]],
        },
    };
    let max_age = SignedDuration::from_hours(1);
    let now = Time::from_millis(NOW).unwrap();
    let expected = Expected { repository: "app", max_age, last: None, now };
    GitRules {
        document: "s3://bucket/app.json".to_owned(),
        repository: "app".to_owned(),
        commit: Some(Pattern::new("sha-(?<commit>.*)").unwrap()),
        annotation: false,
        max_age,
        unreachable_grace: GRACE,
        unmapped,
        keep: vec![rule(RefKind::Branch, of_main), rule(RefKind::Tag, 1)],
        history: Some(History::of(document, &expected).map(Arc::new)),
    }
}

impl Naive<'_> {
    /// Returns the images that Git history is asked about: those with an ordinary tag.
    fn judged(&self, home: usize) -> Set {
        let tagged = |i: usize| !self.tags[i].is_empty() && !self.is_newly_archived(i);
        let here = self.world.set(|i| self.world.home[i] == home && tagged(i));
        here & self.world.artifacts.complement()
    }

    /// Returns the images of a commit.
    fn of(&self, home: usize, commit: usize) -> Set {
        let named = |i: usize| self.tags[i].iter().any(|tag| &***tag == TAGS[commit]);
        self.judged(home) & self.world.set(named)
    }

    /// Returns whether not one image is of a commit that the history has.
    pub(crate) fn is_unmapped(&self, home: usize) -> bool {
        let mapped = (0..3).fold(Set::default(), |all, commit| all | self.of(home, commit));
        !self.judged(home).is_empty() && mapped.is_empty()
    }

    /// Returns what Git history keeps of a repository.
    pub(crate) fn needed(&self, home: usize, git: &GitRules) -> Set {
        let (world, now) = (self.world, self.world.settings.now);
        let counts =
            self.counting & world.set(|i| !world.archived.has(i) && self.subjects[i].is_empty());
        let newest = |commits: &[usize], most: u32| {
            let (mut kept, mut newer) = (Set::default(), 0);
            for &commit in commits {
                let images = self.of(home, commit);
                kept = kept | if newer < most { images } else { Set::default() };
                newer += u32::from(images.meets(counts));
            }
            kept
        };
        let of_main = git.keep[0].images.last.map_or(0, std::num::NonZero::get);
        let young = |at: Option<Time>| at.is_some_and(|at| at.age(now) <= GRACE);
        let pushed = |i: usize| world.images[i].pushed_at;
        let recent =
            |i: usize| pushed(i).is_none() || young(pushed(i)) || young(self.last_pull(i, true));
        let unknown = self.of(home, 3) & world.set(recent);
        let all = (0..4).fold(Set::default(), |all, commit| all | self.of(home, commit));
        let keeps = git.unmapped == Unmapped::Keep;
        let unmapped = self.judged(home) & all.complement() & world.set(|_| keeps);
        newest(&[0, 1, 2], of_main) | newest(&[2], 1) | unknown | unmapped
    }
}
