"use strict";

const [data, images] = JSON.parse(document.getElementById("data").textContent);

// Elements are made by this alone, and texts are only ever text.
function make(name, attributes, ...children) {
  const svg = ["svg", "path", "rect"].includes(name);
  const element = svg
    ? document.createElementNS("http://www.w3.org/2000/svg", name)
    : document.createElement(name);
  for (const [key, value] of Object.entries(attributes ?? {})) {
    if (value === undefined || value === null) continue;
    if (key === "on")
      Object.entries(value).forEach(([event, action]) => element.addEventListener(event, action));
    else if (key === "style") Object.assign(element.style, value);
    else element.setAttribute(key, value);
  }
  element.append(...children.flat(Infinity).filter((child) => child || child === 0));
  return element;
}
const button = (attributes, action, ...children) =>
  make("button", { type: "button", ...attributes, on: { click: action } }, ...children);
const select = (label, options, action) =>
  make(
    "select",
    { "aria-label": label, on: { change: (event) => action(event.target.value) } },
    options.map(([value, name]) => make("option", { value }, name)),
  );
// The head of a table; names that end with `#` are of columns of numbers.
const head = (...names) => {
  const cell = (name) =>
    make("th", { scope: "col", class: name.endsWith("#") ? "number" : null }, name.replace("#", ""));
  return make("thead", {}, make("tr", {}, names.map(cell)));
};
// What stands between backticks is code.
const text = (value, attributes) =>
  make(
    "span",
    { class: "text", ...attributes },
    String(value)
      .split("`")
      .map((part, index, parts) =>
        index % 2 && index < parts.length - 1 ? make("code", {}, part) : index % 2 ? `\`${part}` : part,
      ),
  );
const mono = (value) => make("span", { class: "text mono" }, value);
const number = (value) => value.toLocaleString("en-US");
const count = (value, one, many) => `${number(value)} ${value === 1 ? one : many}`;
const money = (value) =>
  value.toLocaleString(
    "en-US",
    value < 100 ? { minimumFractionDigits: 2, maximumFractionDigits: 2 } : { maximumFractionDigits: 0 },
  );
const counted = (value) => count(value, "image", "images");
const sum = (list, of) => list.reduce((total, item) => total + of(item), 0);

// Returns whether a text, in lower case, has every word that was typed.
function matches(words, typed) {
  return typed
    .toLowerCase()
    .split(/\s+/)
    .every((word) => words.includes(word));
}

function size(bytes) {
  const units = ["bytes", "kB", "MB", "GB", "TB", "PB"];
  let unit = 0;
  for (; bytes >= 999.5 && unit < units.length - 1; unit++) bytes /= 1000;
  return `${unit === 0 ? bytes : bytes.toLocaleString("en-US", { maximumSignificantDigits: 3 })} ${units[unit]}`;
}

const now = Date.parse(data.at) / 3_600_000;
function ago(hours) {
  const days = Math.floor((now - hours) / 24);
  if (hours > now) return "in the future";
  return days > 0
    ? count(days, "day ago", "days ago")
    : count(Math.max(0, Math.floor(now - hours)), "hour ago", "hours ago");
}
const date = (hours) => new Date(hours * 3_600_000).toISOString().slice(0, 10);

const done = data.counts.deleted + data.counts.archived > 0;
const act = data.archives ? (done ? "Archived" : "Archive") : done ? "Deleted" : "Delete";
const KINDS = {
  delete: { name: act, badge: data.archives ? "Archive" : "Delete" },
  in_use: { name: "In use", badge: "In use" },
  rule: { name: "Kept by a rule", badge: "Kept" },
  left_alone: { name: "Left alone", badge: "Left alone" },
  other: { name: "Kept for other reasons", badge: "Kept" },
};
const names = Object.keys(KINDS);
