//! A clone on disk: its refs and its commits.

use std::{collections::BTreeMap, io::Write, path::Path};

use anyhow::{Context, bail};
use gix::{ObjectId, Repository, objs::Kind, open, refs::TargetRef};

use super::graph::{Graph, Node};
use crate::output;

/// A clone of a Git repository.
pub(super) struct LocalClone(Repository);

/// A ref of the clone, by the name that the remote has for it.
#[derive(Debug)]
pub(super) struct LocalRef {
    pub(super) name: String,
    /// Object that it names, which may be an annotated tag.
    pub(super) object: ObjectId,
    /// Commit; `None` for a tag of something else.
    pub(super) commit: Option<ObjectId>,
    /// Tagger time of an annotated tag, else committer time, in seconds since 1970.
    pub(super) time: i64,
}

impl LocalClone {
    /// Opens a clone, without what is configured outside of it, and without `refs/replace`, which
    /// would give commits other parents.
    pub(super) fn open(path: &Path) -> anyhow::Result<Self> {
        let options = open::Options::isolated();
        let options = options.config_overrides(["core.useReplaceRefs=false"]);
        let opened = gix::open_opts(path, options);
        let opened = opened.with_context(|| format!("`{}` is no Git clone", path.display()));
        Ok(Self(opened?))
    }

    pub(super) fn is_shallow(&self) -> anyhow::Result<bool> {
        Ok(self.0.is_shallow()?)
    }

    /// Returns the branches of the remote, the tags and the pull requests, by name. In a bare clone,
    /// its own branches are those of the remote.
    pub(super) fn refs(&self, remote: &str) -> anyhow::Result<Vec<LocalRef>> {
        let branches = if self.0.is_bare() {
            "refs/heads/".to_owned()
        } else {
            format!("refs/remotes/{remote}/")
        };
        let mut refs = BTreeMap::new();
        for reference in self.0.references()?.all()? {
            let reference = reference.context("a ref cannot be read")?;
            let local = reference.name().as_bstr().to_string();
            let TargetRef::Object(object) = reference.target() else {
                continue;
            };
            let name = match local.strip_prefix(&branches) {
                Some(branch) => format!("refs/heads/{branch}"),
                None if is_exported(&local) => local,
                None => continue,
            };
            let peeled = self.peel(&name, object.to_owned());
            let peeled = peeled.with_context(|| format!("`{name}` cannot be peeled"))?;
            refs.insert(name, peeled);
        }
        Ok(refs.into_values().collect())
    }

    /// Follows annotated tags to what they are of.
    fn peel(&self, name: &str, object: ObjectId) -> anyhow::Result<LocalRef> {
        let (mut id, mut tagged) = (object, None);
        loop {
            let found = self.0.find_object(id)?;
            match found.kind {
                Kind::Tag => {
                    let tag = found.try_into_tag()?;
                    let tagger = tag.tagger()?.map(|it| it.seconds());
                    tagged = tagged.or(tagger);
                    id = tag.target_id()?.detach();
                }
                Kind::Commit => {
                    let time = found.try_into_commit()?.committer()?.seconds();
                    return Ok(LocalRef {
                        name: name.to_owned(),
                        object,
                        commit: Some(id),
                        time: tagged.unwrap_or(time),
                    });
                }
                kind if name.starts_with("refs/tags/") => {
                    writeln!(output::stderr(), "`{name}` is of a {kind}: it is left out")?;
                    return Ok(LocalRef {
                        name: name.to_owned(),
                        object,
                        commit: None,
                        time: 0,
                    });
                }
                kind => bail!("it is of a {kind}"),
            }
        }
    }

    /// Reads these commits and all their ancestors.
    pub(super) fn graph(&self, tips: impl Iterator<Item = ObjectId>) -> anyhow::Result<Graph> {
        let mut graph = Graph::default();
        let mut open: Vec<ObjectId> = tips.collect();
        while let Some(id) = open.pop() {
            if graph.node(&id).is_some() {
                continue;
            }
            let commit = self.0.find_commit(id);
            let commit = commit.with_context(|| format!("commit `{id}` is missing"))?;
            let parents: Vec<ObjectId> = commit.parent_ids().map(gix::Id::detach).collect();
            open.extend(&parents);
            let time = commit.committer()?.seconds();
            graph.insert(id, Node { time, parents });
        }
        Ok(graph)
    }
}

/// Returns whether a ref is exported under its own name.
fn is_exported(name: &str) -> bool {
    name.starts_with("refs/tags/") || super::remote::is_pull(name)
}
