//! Laws, and the meaning of the rules written down a second time: slow, one ref after the other.

use std::collections::BTreeSet;

use proptest::{collection::vec, option, prelude::*, sample::select};

use super::*;

/// A random history: for each commit its age in days and its parents before it; refs; images.
#[derive(Debug, Clone)]
struct Drawn {
    commits: Vec<(i64, Vec<usize>)>,
    refs: Vec<(RefKind, usize, i64)>,
    /// Commit and age of each image.
    images: Vec<(usize, i64)>,
    rules: Vec<GitRule>,
}

fn limit(most: u32) -> impl Strategy<Value = Limit> {
    let (last, age) = (option::of(1..=most), option::of(0..30_i64));
    (last, age, any::<bool>()).prop_map(|(last, age, or)| Limit {
        last: last.and_then(NonZeroU32::new),
        within: age.map(days),
        operator: if or && last.is_some() && age.is_some() {
            Operator::Or
        } else {
            Operator::And
        },
    })
}

fn kind() -> impl Strategy<Value = RefKind> {
    select(vec![RefKind::Branch, RefKind::Tag, RefKind::Pull])
}

fn drawn() -> impl Strategy<Value = Drawn> {
    let commits = vec((0..40_i64, vec(any::<prop::sample::Index>(), 0..3)), 1..30);
    let index = any::<prop::sample::Index>;
    let refs = vec((kind(), index(), 0..40_i64), 0..8);
    let images = vec((index(), 0..60_i64), 0..20);
    let rules = vec(
        (
            kind(),
            select(vec![".*", "1|2", "main"]),
            limit(4),
            limit(5),
        ),
        0..4,
    );
    (commits, refs, images, rules).prop_map(|(commits, refs, images, rules)| {
        let count = commits.len();
        let parents = |at: usize, of: Vec<prop::sample::Index>| match at {
            0 => vec![],
            _ => of
                .iter()
                .map(|it| it.index(at))
                .collect::<BTreeSet<_>>()
                .into_iter()
                .collect(),
        };
        let commits = commits.into_iter().enumerate();
        Drawn {
            commits: commits
                .map(|(at, (age, of))| (age, parents(at, of)))
                .collect(),
            refs: refs
                .into_iter()
                .map(|(kind, at, age)| (kind, at.index(count), age))
                .collect(),
            images: images
                .into_iter()
                .map(|(at, age)| (at.index(count), age))
                .collect(),
            rules: rules
                .into_iter()
                .map(|(kind, names, refs, images)| GitRule {
                    kind,
                    names: RefPattern::new(names).unwrap(),
                    refs,
                    images,
                })
                .collect(),
        }
    })
}

fn name(position: usize) -> String {
    format!("{position:040x}")
}

impl Drawn {
    fn document(&self) -> Document {
        let main = DocumentRef {
            name: "refs/heads/main".into(),
            commit: 0,
            time: days_ago(9),
        };
        let refs = self
            .refs
            .iter()
            .enumerate()
            .map(|(at, (kind, commit, age))| DocumentRef {
                name: match kind {
                    RefKind::Branch => format!("refs/heads/{at}"),
                    RefKind::Tag => format!("refs/tags/{at}"),
                    RefKind::Pull => format!("refs/pull/{at}/head"),
                },
                commit: i64::try_from(*commit).unwrap(),
                time: days_ago(*age),
            });
        let parents = |of: &[usize]| of.iter().map(|it| i64::try_from(*it).unwrap()).collect();
        let ids = (0..self.commits.len()).map(|at| CommitId::parse(&name(at)).unwrap());
        Document {
            refs: std::iter::once(main).chain(refs).collect(),
            commits: Commits {
                id: ids.collect(),
                time: self.commits.iter().map(|it| days_ago(it.0)).collect(),
                parents: self.commits.iter().map(|it| parents(&it.1)).collect(),
            },
            ..document("m1 1", "heads/main m1")
        }
    }

    fn reasons(&self) -> Vec<Option<GitReason>> {
        let rules = rules(self.document(), self.rules.clone());
        let names: Vec<String> = self.images.iter().map(|it| name(it.0)).collect();
        let tags: Vec<[&str; 1]> = names.iter().map(|it| [it.as_str()]).collect();
        let images = tags
            .iter()
            .zip(&self.images)
            .map(|(tags, it)| image(tags, it.1));
        rules.judge(&images.collect::<Vec<_>>(), now()).unwrap()
    }

    fn kept(&self) -> BTreeSet<usize> {
        let reasons = self.reasons().into_iter().enumerate();
        reasons
            .filter(|(_, it)| it.is_some())
            .map(|(at, _)| at)
            .collect()
    }

    /// Returns the time by which a commit is ranked.
    fn date(&self, at: usize) -> i64 {
        let (age, parents) = &self.commits[at];
        parents
            .iter()
            .map(|it| self.date(*it) + 1)
            .fold(days_ago(*age), i64::max)
    }

    fn ancestors(&self, at: usize) -> BTreeSet<usize> {
        let parents = self.commits[at].1.iter().flat_map(|it| self.ancestors(*it));
        parents.chain([at]).collect()
    }

    /// Returns what the rules keep.
    fn expected(&self) -> BTreeSet<usize> {
        let main = (RefKind::Branch, "main".to_owned(), 0, 9);
        let refs = self.refs.iter().enumerate();
        let refs = refs.map(|(at, (kind, commit, age))| (*kind, at.to_string(), *commit, *age));
        let refs: Vec<_> = refs.chain([main]).collect();
        let holds = |limit: &Limit, rank: usize, age: i64| {
            let ranked = limit.last.is_none_or(|last| rank < last.get() as usize);
            let young = limit.within.is_none_or(|within| days(age) <= within);
            if limit.operator == Operator::Or {
                ranked || young
            } else {
                ranked && young
            }
        };
        let mut kept = BTreeSet::new();
        for rule in &self.rules {
            let named = |name: &str| match rule.names.as_str() {
                "main" => name == "main",
                "1|2" => name == "1" || name == "2",
                _ => true,
            };
            let of_rule = refs.iter().filter(|it| it.0 == rule.kind && named(&it.1));
            let mut of_rule: Vec<_> = of_rule.collect();
            of_rule.sort_by_key(|it| (it.3, &it.1));
            for (rank, (.., tip, age)) in of_rule.into_iter().enumerate() {
                if !holds(&rule.refs, rank, *age) {
                    continue;
                }
                let built = |at: &usize| self.images.iter().any(|it| it.0 == *at);
                let mut hits: Vec<usize> = self.ancestors(*tip).into_iter().filter(built).collect();
                hits.sort_by_key(|at| (std::cmp::Reverse(self.date(*at)), *at));
                for (rank, commit) in hits.into_iter().enumerate() {
                    let images = (0..self.images.len()).filter(|it| self.images[*it].0 == commit);
                    let newest = images.clone().map(|it| self.images[it].1).min().unwrap();
                    if holds(&rule.images, rank, newest.min(self.commits[commit].0)) {
                        kept.extend(images);
                    }
                }
            }
        }
        kept
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn shared_walks_find_what_a_walk_of_each_ref_finds(drawn in drawn()) {
        prop_assert_eq!(drawn.kept(), drawn.expected());
    }

    /// One more rule keeps only more (P3).
    #[test]
    fn another_rule_keeps_more(drawn in drawn(), more in (kind(), limit(4), limit(5))) {
        let before = drawn.kept();
        let mut with_rule = drawn;
        let (kind, refs, images) = more;
        with_rule.rules.push(GitRule { refs, images, ..rule(kind, ".*") });
        prop_assert!(with_rule.kept().is_superset(&before));
    }

    /// So does one more ref, where their number is not limited.
    #[test]
    fn another_ref_keeps_more(
        drawn in drawn(),
        kind in kind(),
        tip in any::<prop::sample::Index>(),
    ) {
        let mut open = drawn;
        for rule in &mut open.rules {
            rule.refs.last = None;
            rule.refs.operator = Operator::And;
        }
        let before = open.kept();
        open.refs.push((kind, tip.index(open.commits.len()), 0));
        prop_assert!(open.kept().is_superset(&before));
    }

    /// A commit that has no image changes nothing.
    #[test]
    fn another_commit_keeps_the_same(drawn in drawn(), split in any::<prop::sample::Index>()) {
        let mut with_commit = drawn.clone();
        let (below, age) = (split.index(drawn.commits.len()), drawn.commits[0].0);
        let new = with_commit.commits.len();
        with_commit.commits.push((age, vec![below]));
        for it in &mut with_commit.refs {
            if it.1 == below {
                it.1 = new;
            }
        }
        prop_assert_eq!(with_commit.kept(), drawn.kept());
    }

    /// Whatever stands in a document, it is refused or read.
    #[test]
    fn damage_never_panics(drawn in drawn(), at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut text = serde_json::to_vec(&drawn.document()).unwrap();
        let at = at.index(text.len());
        text[at] = byte;
        if let Ok(history) = History::parse(&text, &expected()) {
            let mut rules = rules(drawn.document(), drawn.rules);
            rules.history = Some(Ok(Arc::new(history)));
            let _ = rules.judge(&[image(&[], 1)], now());
        }
    }
}
