// The images

let list, chosen, more, search, repositoryChoice, kindChoice;
function imageList() {
  search = make("input", {
    type: "search",
    placeholder: "Tag, digest, rule, user …",
    "aria-label": "Search images",
    on: { input: () => choose({ words: search.value }) },
  });
  const ofKinds = kinds.map(({ kind }) => [kind, KINDS[kind].name]);
  kindChoice = select("Kind", [["", "All images"], ...ofKinds], (kind) => choose({ kind, reason: null }));
  const names = repositories.filter((it) => it.images > 0).map((it) => [it.index, it.name]);
  repositoryChoice = select("Repository", [["", "All repositories"], ...names], (index) =>
    choose({ repository: repositories[index] ?? null, reason: null }),
  );
  const orders = [
    ["first", "To delete first"],
    ["size", "Largest first"],
    ["old", "Oldest first"],
    ["new", "Newest first"],
    ["name", "By name"],
  ];
  const order = select("Order", orders, (order) => choose({ order }));
  chosen = make("p", { "aria-live": "polite" });
  list = make("tbody");
  more = make("div", { class: "foot" });
  const left = images.rows.omitted;
  const omitted = `The ${number(rows.length)} images listed here are the largest: first those to delete, then those in use. ${count(left, "more is", "more are")} counted above, and listed in images.jsonl.gz and by --output jsonl.`;
  section(
    "images",
    "Images",
    chosen,
    make(
      "form",
      { class: "filters", role: "search", on: { submit: (event) => event.preventDefault() } },
      search,
      kindChoice,
      repositoryChoice,
      order,
    ),
    make("table", { class: "images stack" }, head("Image", "Why", "Pushed", "Size#"), list),
    more,
    left > 0 && make("p", { class: "note" }, omitted),
  );
}

const OUTCOMES = { deleted: "Deleted", archived: "Archived", failed: "Failed" };
function imageRow(row) {
  const [tag, ...tags] = row.tags;
  const name = make(
    "td",
    { class: "wide mono text" },
    make("span", { class: "repo" }, row.repository.name),
    make("span", { class: "tag" }, tag ? `:${tag}` : `@${row.digest}`),
    tag && make("span", { class: "sub" }, row.digest),
    tags.map((it) => make("span", { class: "more" }, it)),
    row.moreTags > 0 ? make("span", { class: "more" }, `and ${number(row.moreTags)} more tags`) : "",
  );
  const badge = make("span", { class: `badge ${row.kind}` }, OUTCOMES[row.outcome] ?? KINDS[row.kind].badge);
  const why = make(
    "td",
    { class: "wide" },
    badge,
    text(row.because[0] ?? ""),
    row.because.slice(1).map((it) => text(it, { class: "text sub" })),
  );
  const pushed = make(
    "td",
    { title: row.pushed === null ? null : date(row.pushed) },
    row.pushed === null ? "unknown" : ago(row.pushed),
    row.pulled !== null && make("span", { class: "sub" }, `pulled ${ago(row.pulled)}`),
  );
  return make(
    "tr",
    {},
    name,
    why,
    pushed,
    make(
      "td",
      { class: "number" },
      row.bytes === null ? make("span", { class: "dim" }, "index") : size(row.bytes),
    ),
  );
}

const larger = (a, b) => (b.bytes ?? 0) - (a.bytes ?? 0);
const ORDERS = {
  first: (a, b) => (b.kind === "delete") - (a.kind === "delete") || larger(a, b),
  size: larger,
  old: (a, b) => (a.pushed ?? 0) - (b.pushed ?? 0),
  new: (a, b) => (b.pushed ?? 0) - (a.pushed ?? 0),
  name: (a, b) => (a.name < b.name ? -1 : 1),
};
function fillImages() {
  const found = rows.filter(
    (row) =>
      (!state.repository || row.repository === state.repository) &&
      (!state.kind || row.kind === state.kind) &&
      (state.reason === null || row.reason === state.reason) &&
      matches(row.words, state.words),
  );
  found.sort(ORDERS[state.order]);
  const shown = found.slice(0, state.shown || PAGE);
  list.replaceChildren(...shown.map(imageRow));
  const reason = state.reason === null ? "" : `, ${reasons[state.reason].text}`;
  const filtered = state.repository || state.kind || state.reason !== null || state.words.trim();
  const some = filtered ? " of those listed" : ` of ${number(data.counts.images)} listed`;
  const listed = images.rows.omitted ? some : "";
  chosen.textContent = `${counted(found.length)}${listed}${reason}`;
  const next = Math.min(PAGE * 4, found.length - shown.length);
  const showMore = () => {
    state.shown = shown.length + next;
    fillImages();
  };
  more.replaceChildren(
    found.length === 0 ? `No image${images.rows.omitted ? " of those listed" : ""} is like that.` : "",
    next > 0 ? button({ class: "plain" }, showMore, `Show ${number(next)} more`) : "",
    filtered ? button({ class: "plain" }, clear, "Show all images") : "",
  );
}

function clear() {
  search.value = "";
  choose({ repository: null, kind: "", reason: null, words: "" });
  search.focus();
}

// Changes what is shown, and goes to a section if that is asked for.
function choose(change, to) {
  const redraw = "repository" in change || "reason" in change;
  Object.assign(state, change, { shown: 0 });
  kindChoice.value = state.kind;
  repositoryChoice.value = state.repository ? state.repository.index : "";
  document
    .querySelectorAll(".legend button")
    .forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.kind === state.kind)));
  if (redraw) draw();
  fillImages();
  if (to) document.getElementById(to).scrollIntoView({ block: "start" });
}
