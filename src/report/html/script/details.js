// Users, history, sources, hygiene

function users() {
  const { first, omitted } = data.users;
  if (first.length === 0) return;
  const several = new Set(first.map(({ location }) => location)).size > 1;
  const body = make("tbody");
  const found = make("p", { "aria-live": "polite" });
  const row = (it) => {
    const where = [it.kind, it.cluster && `in ${it.cluster}`, several && it.location];
    const name = [mono(it.name), text(where.filter(Boolean).join(" "), { class: "text sub" })];
    const named = it.images.map((image) => make("div", { class: "mono text" }, image));
    const more = it.more > 0 && make("span", { class: "sub" }, `and ${number(it.more)} more`);
    const badge = make(
      "span",
      { class: `badge ${it.live ? "in_use" : "other"}` },
      it.live ? "Now" : "For later",
    );
    return make(
      "tr",
      {},
      make("td", { class: "wide" }, name),
      make("td", { class: "wide" }, named, more),
      make("td", {}, badge),
    );
  };
  const words = (it) =>
    [it.kind, it.name, it.cluster ?? "", it.location, ...it.images].join(" ").toLowerCase();
  const fill = (typed) => {
    const all = first.filter((it) => matches(words(it), typed));
    body.replaceChildren(...all.slice(0, 200).map(row));
    found.textContent =
      all.length > 200 ? `The first 200 of ${number(all.length)}` : count(all.length, "user", "users");
  };
  const input = make("input", {
    type: "search",
    placeholder: "Service, workload, image …",
    "aria-label": "Search users",
    on: { input: () => fill(input.value) },
  });
  section(
    "users",
    "Who uses what",
    found,
    make("div", { class: "filters" }, input),
    make(
      "div",
      { class: "scroll", tabindex: "0", role: "region", "aria-label": "Users" },
      make("table", { class: "stack" }, head("User", "Images as it names them", "Needs them"), body),
    ),
    omitted > 0 &&
      make(
        "p",
        { class: "note" },
        `${count(omitted, "more user is", "more users are")} not listed here; ecr-cleanup in-use lists all of them.`,
      ),
  );
  fill("");
}

function past() {
  const days = data.history ?? [];
  if (days.length < 2) return;
  const [first, last] = [days[0], days.at(-1)];
  const [top, step] = [Math.max(...days.map((it) => it.bytes), 1), 1000 / days.length];
  const most = Math.max(...days.map((it) => it.deleted_bytes), 1);
  const x = (index) => (index + 0.5) * step;
  const line = days
    .map((it, index) => `${x(index).toFixed(1)} ${(124 - (120 * it.bytes) / top).toFixed(1)}`)
    .join(" L");
  const label = `Stored: ${size(first.bytes)} on ${first.date}, ${size(last.bytes)} on ${last.date}`;
  const chart = make(
    "svg",
    {
      class: "chart",
      viewBox: "0 0 1000 190",
      preserveAspectRatio: "none",
      role: "img",
      "aria-label": label,
    },
    make("path", { class: "area", d: `M${x(0)} 124 L${line} L${x(days.length - 1)} 124 Z` }),
    make("path", { class: "edge", d: `M${line}` }),
    days.map((it, index) =>
      make("rect", {
        class: "gone",
        x: (x(index) - step * 0.35).toFixed(1),
        y: 140,
        width: (step * 0.7).toFixed(1),
        height: ((46 * it.deleted_bytes) / most).toFixed(1),
      }),
    ),
  );
  const months = (Date.parse(last.date) - Date.parse(first.date)) / (30.44 * 86_400_000);
  const pushed = last.bytes - first.bytes + sum(days.slice(1), (it) => it.deleted_bytes);
  const growth = months > 0.2 ? ` About ${size(Math.max(0, pushed / months))} are pushed a month.` : "";
  const body = days
    .slice()
    .reverse()
    .map((it) =>
      make(
        "tr",
        {},
        make("td", {}, it.date),
        [
          number(it.images),
          size(it.bytes),
          it.deleted ? `${number(it.deleted)}, ${size(it.deleted_bytes)}` : "–",
        ].map((value) => make("td", { class: "number" }, value)),
      ),
    );
  section(
    "history",
    "History",
    make("p", {}, `${label}.${growth}`),
    chart,
    make(
      "div",
      { class: "axis" },
      make("span", {}, first.date),
      make("span", {}, "above: stored after the last run of a day; below: deleted"),
      make("span", {}, last.date),
    ),
    make(
      "details",
      {},
      make("summary", {}, "As a table"),
      make(
        "div",
        { class: "scroll", tabindex: "0", role: "region", "aria-label": "History" },
        make("table", {}, head("Day", "Images#", "Stored#", "Deleted#"), make("tbody", {}, body)),
      ),
    ),
  );
}

function sources() {
  const { first, omitted } = data.sources;
  const incomplete = first.filter((it) => !it.complete).length;
  const several = new Set(first.map((it) => `${it.account} ${it.region}`)).size > 1;
  const items = first.map((it) =>
    make(
      "li",
      { class: it.error || it.note ? "long" : null },
      it.complete
        ? make("span", { class: "state" }, "✓", make("span", { class: "hidden" }, " read completely"))
        : make("span", { class: "state bad" }, "✗", make("span", { class: "hidden" }, " not complete")),
      make(
        "span",
        {},
        mono(it.source),
        it.cluster && text(` ${it.cluster}`),
        several && make("span", { class: "sub dim" }, ` ${it.account} ${it.region}`),
        (it.error ?? it.note) && text(` ${it.error ?? it.note}`, { class: "text dim" }),
      ),
      make(
        "span",
        { class: "push" },
        it.references ? count(it.references, "reference", "references") : "no references",
      ),
    ),
  );
  const state =
    incomplete > 0
      ? `${count(incomplete, "is", "are")} not complete; nothing is deleted that it may hide`
      : "all read completely";
  const unread = data.unread;
  const item = (it) =>
    make(
      "li",
      {},
      make("b", {}, `${it.kind === "region" ? "Region" : it.kind.replaceAll("_", " ")} `),
      mono(it.name),
      text(
        [it.account, it.region !== it.name && it.region]
          .filter(Boolean)
          .map((part) => ` ${part}`)
          .join(""),
      ),
      text(`: ${it.why}; `, { class: "text dim" }),
      text(it.setting),
    );
  const all = unread.first.length + unread.omitted;
  const not = all > 0 && [
    make("h3", { class: "unread" }, `Not read (${number(all)})`),
    make("ul", {}, unread.first.map(item)),
    unread.omitted > 0 && make("p", { class: "note" }, `${number(unread.omitted)} more are in report.json.`),
  ];
  section(
    "sources",
    "Sources of use",
    make("p", {}, `${count(first.length + omitted, "source", "sources")}, ${state}`),
    make("ul", { class: "sources" }, items),
    omitted > 0 && make("p", { class: "note" }, `${number(omitted)} more are in report.json.`),
    not,
  );
}

const HYGIENE = {
  moved_tags: ["tag moved while in use", "tags moved while in use"],
  pulled_by_tag: ["image pulled by tag alone", "images pulled by tag alone"],
  mutable_repositories: ["repository with mutable tags", "repositories with mutable tags"],
  unmatched_tags: ["tag that no rule is about", "tags that no rule is about"],
  kept_by_idle_task_definitions: [
    "repository kept by idle task definitions",
    "repositories kept by idle task definitions",
  ],
  unused_repositories: ["unused repository", "unused repositories"],
  nearly_full_repositories: ["repository near the quota", "repositories near the quota"],
};
function hygiene() {
  const found = Object.entries(HYGIENE).filter(([key]) => data.hygiene[key]?.count > 0);
  if (found.length === 0) return;
  const name = (it) => (typeof it === "string" ? it : (it.image ?? it.repository));
  const who = (it) => (it.user ? `, ${it.user}` : it.images ? `, ${counted(it.images)}` : "");
  section(
    "hygiene",
    "Hygiene",
    make("p", {}, "What makes it hard to know which image runs. Reported only."),
    make(
      "div",
      { class: "two" },
      found.map(([key, words]) => {
        const { count: all, first } = data.hygiene[key];
        return make(
          "div",
          {},
          make("h3", {}, count(all, ...words)),
          make(
            "ul",
            {},
            first.map((it) => make("li", {}, mono(name(it)), text(who(it)))),
            all > first.length && make("li", {}, `and ${number(all - first.length)} more`),
          ),
        );
      }),
    ),
  );
}
