const reasons = data.reasons;
const repositories = data.repositories.map((repository, index) => {
  const groups = repository.groups.map((group) => ({
    ...group,
    ...reasons[group.reason],
    index: group.reason,
  }));
  return {
    ...repository,
    index,
    groups,
    images: sum(groups, (it) => it.images),
    bytes: sum(groups, (it) => it.bytes),
  };
});
const others = data.others.groups.map((group) => ({
  ...group,
  ...reasons[group.reason],
  index: group.reason,
}));
const everything = [...repositories.flatMap(({ groups }) => groups), ...others];
const byKind = (groups) =>
  names.map((kind) => {
    const own = groups.filter((group) => group.kind === kind);
    return { kind, images: sum(own, (it) => it.images), bytes: sum(own, (it) => it.bytes) };
  });
const kinds = byKind(everything).filter((kind) => kind.images + kind.bytes > 0);

const rows = images.rows.first.map(
  ([repository, reason, digest, tags, moreTags, pushed, pulled, bytes, because, outcome]) => {
    const row = {
      repository: repositories[repository],
      reason,
      kind: reasons[reason].kind,
      digest: `sha256:${digest}`,
      tags,
      moreTags,
      pushed,
      pulled,
      bytes,
      outcome,
    };
    row.because = because.map((position) => images.texts[position]);
    row.name = `${row.repository.name}${tags.length ? `:${tags[0]}` : `@${row.digest}`}`;
    row.words = [row.name, row.digest, ...tags, ...row.because].join(" ").toLowerCase();
    return row;
  },
);

// What is shown: a repository or all, kinds or all, one reason or all, words.
const state = { repository: null, kind: "", reason: null, words: "", order: "first", shown: 0, view: "map" };
const PAGE = 25;
const content = document.getElementById("content");
const sections = [];

function section(id, title, ...children) {
  const heading = make("h2", { id: `${id}-title` }, title);
  const [first, ...rest] = children;
  const element = make(
    "section",
    { class: "card", id, "aria-labelledby": `${id}-title` },
    make("div", { class: "head" }, heading, first),
    rest,
  );
  sections.push(id);
  content.append(element);
  return element;
}

function proportions(groups, className) {
  const bar = make("div", { class: className, "aria-hidden": "true" });
  for (const { kind, bytes } of groups)
    if (bytes > 0) bar.append(make("span", { class: kind, style: { flex: `${bytes} 0 0` } }));
  return bar;
}
