// The map of storage, and its table

let map, crumb, table;
function storage() {
  const views = [
    ["map", "Map"],
    ["table", "Table"],
  ].map(([view, name]) =>
    button({ "aria-pressed": String(view === "map"), "data-view": view }, () => show(view), name),
  );
  crumb = make("div", { class: "crumb" });
  map = make("div", {
    class: "map",
    role: "group",
    "aria-label": "Storage by repository and reason. Arrow keys move, Enter selects, Escape goes back.",
    on: { keydown: keys },
  });
  table = make("div", {
    class: "scroll",
    tabindex: "0",
    role: "region",
    "aria-label": "Storage by repository",
  });
  const note = data.exact_bytes
    ? "An area is compressed bytes, each layer counted once: with the reason whose images alone need it, or as one of several groups."
    : "An area is compressed bytes as ECR counts them, each image in one place only: with the reason that decides about it. An index has none, its parts have them.";
  section(
    "storage",
    "Storage",
    [crumb, make("div", { class: "switch push", role: "group", "aria-label": "Form" }, views)],
    map,
    table,
    make("p", { class: "note" }, note),
  );
  show("map");
  let width = 0;
  new ResizeObserver(() => {
    if (map.clientWidth !== width) {
      width = map.clientWidth;
      draw();
    }
  }).observe(map);
}

function show(view) {
  state.view = view;
  document
    .querySelectorAll("[data-view]")
    .forEach((button) => button.setAttribute("aria-pressed", String(button.dataset.view === view)));
  map.hidden = view !== "map";
  table.hidden = view !== "table";
  fillTable();
  if (view === "map") draw();
}

function cell({ x, y, w, h }, { kind, title, images, bytes, label, pressed, click }) {
  const lines = [];
  // A narrow cell leaves out what its colour says.
  const short = w > 150 ? title : title.replace(/^in use by |\brule (?=\D)/, "");
  const wraps = w > 96 && h > 80;
  if (w > 46 && h > 22) lines.push(make("b", { class: wraps ? "text wraps" : "text" }, short));
  if (w > 60 && h > 42) lines.push(make("small", {}, size(bytes)));
  if (w > 70 && h > 60 && images) lines.push(make("small", {}, counted(images)));
  // What is not to be seen is read aloud all the same.
  lines.push(make("span", { class: "hidden" }, lines.length ? ` ${label}` : `${title}: ${label}`));
  const style = {
    left: `${x}px`,
    top: `${y}px`,
    width: `${Math.max(1, w - 2)}px`,
    height: `${Math.max(1, h - 2)}px`,
    padding: w > 46 && h > 22 ? "" : "0",
  };
  const attributes = { class: `cell ${kind}`, tabindex: "-1", title: `${title}: ${label}`, style };
  return button({ ...attributes, "aria-pressed": pressed }, click, lines);
}

const describe = (where, { kind, images, bytes }) =>
  `${where}, ${KINDS[kind].name.toLowerCase()}, ${counted(images)}, ${size(bytes)}`;

const leave = () => choose({ repository: null, reason: null });

// Draws all repositories, or the groups of the one that is chosen.
function draw() {
  if (map.clientWidth === 0) return;
  const gap = state.repository ? 2 : 6;
  const whole = { x: 0, y: 0, w: map.clientWidth + gap, h: map.clientHeight + gap };
  const focused = map.contains(document.activeElement);
  const cells = [];
  const repository = state.repository;
  crumb.replaceChildren(
    repository ? button({ class: "plain" }, leave, "All repositories") : "",
    repository ? mono(repository.name) : make("p", {}, "Select a repository to look into it."),
  );
  if (repository) {
    const groups = repository.groups.map((group) => ({ ...group, size: group.bytes }));
    for (const { item, ...box } of squarify(groups, whole)) {
      const click = () => choose({ reason: state.reason === item.index ? null : item.index, kind: "" });
      cells.push(
        cell(box, {
          ...item,
          title: item.text,
          label: describe(repository.name, item),
          pressed: String(state.reason === item.index),
          click,
        }),
      );
    }
    map.replaceChildren(...cells);
    if (cells.length === 0)
      map.append(make("p", { class: "empty" }, repository.left_alone ?? "It holds no bytes."));
  } else {
    const most = whole.w > 700 ? 60 : 24;
    const shown = repositories.slice(0, most);
    const hidden = [...repositories.slice(most).flatMap(({ groups }) => groups), ...others];
    const blocks = shown.map((it) => ({ ...it, size: it.bytes }));
    const left = data.others.repositories + repositories.length - shown.length;
    if (left > 0)
      blocks.push({
        name: count(left, "more repository", "more repositories"),
        size: sum(hidden, (it) => it.bytes),
        bytes: sum(hidden, (it) => it.bytes),
        groups: merged(hidden),
        rest: true,
      });
    const elements = squarify(blocks, whole).map(({ item, x, y, w, h }) => {
      const [width, height] = [w - gap, h - gap];
      const top = width > 50 && height > 44 ? 22 : 0;
      const inside = squarify(
        item.groups.map((group) => ({ ...group, size: group.bytes })),
        { x: 0, y: top, w: width + 2, h: height - top + 2 },
      );
      const own = inside.map(({ item: group, ...box }) =>
        cell(box, {
          ...group,
          title: group.text,
          label: describe(item.name, group),
          click: () =>
            item.rest
              ? (show("table"), table.focus())
              : choose({ repository: repositories[item.index], reason: null, kind: "" }),
        }),
      );
      cells.push(...own);
      const title = top
        ? make(
            "span",
            { class: "text", "aria-hidden": "true" },
            item.name,
            make("small", {}, size(item.bytes)),
          )
        : "";
      const style = { left: `${x}px`, top: `${y}px`, width: `${width}px`, height: `${height}px` };
      return make("div", { class: "block", style }, title, own);
    });
    map.replaceChildren(...elements);
    if (elements.length === 0)
      map.append(make("p", { class: "empty" }, "No repository that was read holds an image."));
  }
  if (cells[0]) cells[0].tabIndex = 0;
  if (focused) (cells.find((it) => it.getAttribute("aria-pressed") === "true") ?? cells[0])?.focus();
}

function merged(groups) {
  const by = new Map();
  for (const group of groups) {
    const known = by.get(group.index) ?? { ...group, images: 0, bytes: 0 };
    by.set(group.index, { ...known, images: known.images + group.images, bytes: known.bytes + group.bytes });
  }
  return [...by.values()];
}

function keys(event) {
  const cells = [...map.querySelectorAll(".cell")];
  if (event.key === "Escape" && state.repository) leave();
  if (!event.key.startsWith("Arrow") || !event.target.matches(".cell")) return;
  event.preventDefault();
  const next = neighbour(cells, event.target, event.key);
  if (!next) return;
  event.target.tabIndex = -1;
  next.tabIndex = 0;
  next.focus();
}

function fillTable() {
  if (state.view !== "table") return;
  const line = (name, groups, left_alone) => {
    const gone = byKind(groups)[0];
    return make(
      "tr",
      {},
      make(
        "th",
        { scope: "row", class: "wide" },
        name,
        left_alone && text(`left alone: ${left_alone}`, { class: "text sub" }),
      ),
      make("td", { class: "number" }, number(sum(groups, (it) => it.images))),
      make("td", { class: "number" }, size(sum(groups, (it) => it.bytes))),
      make("td", { class: "number" }, gone.images ? `${number(gone.images)}, ${size(gone.bytes)}` : "–"),
      make("td", {}, proportions(byKind(groups), "mini")),
    );
  };
  const lines = repositories.map((it) =>
    line(
      button({ class: "link text mono" }, () => choose({ repository: it, reason: null }, "images"), it.name),
      it.groups,
      it.left_alone,
    ),
  );
  if (data.others.repositories > 0)
    lines.push(line(count(data.others.repositories, "more repository", "more repositories"), others));
  table.replaceChildren(
    make("table", {}, head("Repository", "Images#", "Stored#", `${act}#`, "Share"), make("tbody", {}, lines)),
  );
}
