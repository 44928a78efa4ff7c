// The result

function headline() {
  const { counts, bytes, exact_bytes: exact } = data;
  const of = `of ${counted(counts.images)}`;
  const verb = data.archives ? "archived" : "deleted";
  const doneImages = counts.deleted + counts.archived;
  let title = [make("em", {}, number(counts.candidates)), ` ${of} would be ${verb}`];
  if (done)
    title = [make("em", {}, number(doneImages)), ` ${of} ${doneImages === 1 ? "was" : "were"} ${verb}`];
  else if (data.mode !== "plan") title = [make("em", {}, "Nothing"), ` ${of} was ${verb}`];
  else if (counts.candidates === 0) title = [`None ${of} would be ${verb}`];
  let stored = `${size(done ? bytes.deleted : bytes.candidates)} of ${size(bytes.scanned)}`;
  if (exact) stored = `${size(exact.candidates)} of ${size(exact.scanned)}`;
  if (counts.archived > 0) stored = `${size(bytes.scanned)} stored`;
  const price = data.monthly_savings_usd > 0 ? `, about $${money(data.monthly_savings_usd)} a month` : "";
  const lead = make(
    "p",
    { class: "lead" },
    make("b", {}, stored),
    `${price}${exact ? ", each layer counted once" : ", at most: images may share layers"}. `,
    make("b", {}, counted(counts.kept)),
    ` in ${count(counts.repositories, "repository", "repositories")} ${counts.kept === 1 ? "stays" : "stay"}.`,
  );
  const legend = kinds.map(({ kind, images, bytes }) =>
    button(
      { "aria-pressed": "false", "data-kind": kind },
      () => choose({ kind: state.kind === kind ? "" : kind, reason: null }, "images"),
      make("i", { class: kind }),
      make("b", {}, KINDS[kind].name),
      make("small", {}, `${counted(images)}, ${size(bytes)}`),
    ),
  );
  content.append(
    make(
      "div",
      {},
      make("h1", {}, title),
      lead,
      proportions(kinds, "bar"),
      make("div", { class: "legend", role: "group", "aria-label": "Show images of one kind" }, legend),
    ),
  );
}

const TITLES = {
  refusals: ["Why a run that deletes is refused", true],
  failures: ["What failed", true],
  missing: ["In use, and cannot be pulled", true],
  held: ["Left alone because something could not be read", false],
  warnings: ["Warnings", false],
};
function attention() {
  const found = data.findings.filter(({ entries }) => entries.first.length + entries.omitted > 0);
  if (found.length === 0) return;
  const parts = found.map(({ kind, entries }) => {
    const item = ({ title, text: words }) =>
      make("li", {}, title && make("b", { class: "text" }, title), text(words));
    const all = entries.first.length + entries.omitted;
    const first = make("ul", {}, entries.first.slice(0, 5).map(item));
    const rest = entries.first.slice(5).map(item);
    const omitted =
      entries.omitted > 0 &&
      make("p", { class: "note" }, `${number(entries.omitted)} more are in report.json.`);
    return [
      make("h3", {}, `${TITLES[kind][0]} (${number(all)})`),
      first,
      rest.length > 0 &&
        make("details", {}, make("summary", {}, `${number(rest.length)} more`), make("ul", {}, rest)),
      omitted,
    ].filter(Boolean);
  });
  const element = section("attention", "Needs attention", null, parts);
  element.classList.add("attention");
  if (found.some(({ kind }) => TITLES[kind][1])) element.classList.add("bad");
}
