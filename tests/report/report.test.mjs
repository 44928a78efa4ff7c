// Opens the report in a browser, as a person would, in wide and narrow windows, light and dark.

import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { pathToFileURL } from "node:url";

import { folder, launch, report } from "./demo.mjs";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };

const there = folder();
const demo = join(there, "demo.html");
let browser;
before(async () => {
  await report(demo);
  browser = await launch();
});
after(() => browser?.close());

/** Opens a page, and fails at its end if it said or asked anything. */
async function open(file, { viewport = WIDE, scheme = "light", motion = "no-preference" } = {}, use) {
  const page = await browser.newPage();
  const problems = [];
  const address = pathToFileURL(file).href;
  page.on("console", (message) => problems.push(`console: ${message.text()}`));
  page.on("pageerror", (error) => problems.push(`error: ${error.message}`));
  page.on("dialog", (dialog) => {
    problems.push(`dialog: ${dialog.message()}`);
    dialog.dismiss();
  });
  page.on("request", (request) => request.url() !== address && problems.push(`request: ${request.url()}`));
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: scheme },
    { name: "prefers-reduced-motion", value: motion },
  ]);
  await page.setViewport(viewport);
  await page.goto(address);
  await use(page);
  assert.deepEqual(problems, []);
  await page.close();
}

const count = (page, selector) => page.$$eval(selector, (all) => all.length);
const texts = (page, selector) => page.$$eval(selector, (all) => all.map((it) => it.textContent));
const shown = (page) => page.$eval("#images .head p", (it) => it.textContent);

/** Fails if axe finds a violation, or something is wider than the window. */
async function looks(page) {
  const client = await page.createCDPSession();
  await client.send("Runtime.evaluate", { expression: AXE });
  const { violations } = await page.evaluate(() => window.axe.run(document, { resultTypes: ["violations"] }));
  const found = violations.map(({ id, nodes }) => `${id}: ${nodes[0].html}`);
  assert.deepEqual(found, []);
  assert.equal(await page.evaluate(() => document.documentElement.scrollWidth - innerWidth), 0);
}

for (const viewport of [WIDE, NARROW]) {
  for (const scheme of ["light", "dark"]) {
    test(`the demo's report is accessible: ${viewport.width} pixels, ${scheme}`, () =>
      open(demo, { viewport, scheme }, async (page) => {
        assert.equal(await page.$eval("h1", (it) => it.textContent), "19 of 111 images would be deleted");
        assert.deepEqual(await texts(page, "section h2"), [
          "Storage",
          "Images",
          "Who uses what",
          "Sources of use",
          "Hygiene",
        ]);
        assert.ok((await count(page, ".map .cell")) > 10);
        await looks(page);
        await page.click("[data-view=table]");
        assert.equal(await count(page, "#storage tbody tr"), 5);
        await looks(page);
        await page.click("#storage tbody button");
        await page.click("[data-view=map]");
        assert.ok(await page.$(".crumb button"));
        await looks(page);
      }));
  }
}

test("the map shows all bytes, and so does the table", () =>
  open(demo, {}, async (page) => {
    const areas = await page.$$eval(".map .cell", (cells) =>
      cells.map((cell) => [(cell.offsetWidth + 2) * (cell.offsetHeight + 2), cell.classList[1]]),
    );
    const area = (of) => of.reduce((sum, [own]) => sum + own, 0);
    const deleted = area(areas.filter(([, kind]) => kind === "delete")) / area(areas);
    assert.ok(Math.abs(deleted - 2.785 / 12.825) < 0.02, `${deleted}`);
    await page.click("[data-view=table]");
    const rows = await page.$$eval("#storage tbody tr", (all) =>
      all.map((row) => [...row.cells].map((it) => it.textContent)),
    );
    assert.deepEqual(rows[0].slice(0, 4), ["shop/web", "28", "5.17 GB", "9, 1.68 GB"]);
    const images = rows.reduce((sum, row) => sum + Number(row[1]), 0);
    assert.equal(images, 111);
  }));

test("images are searched and filtered", () =>
  open(demo, {}, async (page) => {
    assert.equal(await shown(page), "111 images");
    await page.type("#images input", "snapshot-3 WEB");
    assert.equal(await shown(page), "1 image");
    assert.match(
      (await texts(page, "#images tbody tr"))[0],
      /shop\/web:2\.14\.0-SNAPSHOT-3.*Delete.*rank 6 for rule snapshots/s,
    );
    await page.type("#images input", " nothing like it");
    assert.match(await page.$eval("#images .foot", (it) => it.textContent), /No image is like that/);
    await page.click("#images .foot button");
    assert.equal(await shown(page), "111 images");
    assert.equal(await count(page, "#images tbody tr"), 25);
    await page.click("#images .foot button");
    assert.equal(await count(page, "#images tbody tr"), 111);

    await page.click(".legend [data-kind=in_use]");
    assert.equal(await shown(page), "11 images");
    assert.equal(await page.$eval("#images select", (it) => it.value), "in_use");
    await page.select("#images select[aria-label=Kind]", "delete");
    assert.equal(await shown(page), "19 images");
    await page.select("#images select[aria-label=Repository]", "1");
    assert.equal(await shown(page), "2 images");
    assert.match(await page.$eval(".crumb", (it) => it.textContent), /jobs\/nightly/);
    await page.select("#images select[aria-label=Order]", "old");
    assert.match((await texts(page, "#images tbody tr"))[0], /jobs\/nightly:0\.0/);

    await page.type("#users input", "web-staging");
    assert.match(
      (await texts(page, "#users tbody tr"))[0],
      /web-staging:1.*ECS task definition.*shop\/web:latest/s,
    );
  }));

test("everything is reached by keyboard", () =>
  open(demo, {}, async (page) => {
    const focused = (of) => page.evaluate((name) => document.activeElement[name], of);
    await page.keyboard.press("Tab");
    assert.equal(await focused("textContent"), "Skip to the report");
    await page.keyboard.press("Enter");
    assert.equal(await focused("id"), "content");
    await page.keyboard.press("/");
    assert.equal(await focused("type"), "search");

    // The map is one stop.
    assert.equal(await count(page, '.map .cell[tabindex="0"]'), 1);
    await page.focus('.map .cell[tabindex="0"]');
    const first = await focused("title");
    await page.keyboard.press("ArrowRight");
    const second = await focused("title");
    assert.notEqual(second, first);
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowDown");
    assert.notEqual(await focused("title"), second);
    assert.equal(await count(page, '.map .cell[tabindex="0"]'), 1);
    await page.keyboard.press("Enter");
    assert.equal(await page.$eval(".crumb .mono", (it) => it.textContent), "shop/web");
    assert.match(await focused("className"), /cell/);
    await page.keyboard.press("Enter");
    assert.equal(await focused("ariaPressed"), "true");
    assert.match(await shown(page), /^\d+ images?, rule releases$/);
    await page.keyboard.press("Escape");
    assert.equal(await page.$(".crumb button"), null);
    assert.equal(await shown(page), "111 images");
  }));

test("nothing moves where less motion is asked for", () =>
  open(demo, { motion: "reduce" }, async (page) => {
    const transitions = await page.$$eval("*", (all) =>
      all.map((it) => getComputedStyle(it).transitionProperty),
    );
    assert.deepEqual([...new Set(transitions)], ["none"]);
  }));

test("without JavaScript there is the summary", async () => {
  const page = await browser.newPage();
  await page.setJavaScriptEnabled(false);
  await page.goto(pathToFileURL(demo).href);
  assert.match(await page.$eval("noscript", (it) => it.textContent), /Would delete 19 of 111 images/);
  await page.close();
});

/** Returns the demo's page with other data, and what it is told besides. */
function changed(name, change, html = (it) => it) {
  const page = readFileSync(demo, "utf8");
  const [, json] = /id="data">(.*?)<\/script>/s.exec(page);
  const [data, images] = JSON.parse(json);
  change(data, images);
  const text = JSON.stringify([data, images]).replaceAll("<", "\\u003c");
  const file = join(there, name);
  writeFileSync(file, html(page.replace(json, () => text)));
  return file;
}

const HOSTILE = '</script><script>alert(1)</script><img src=x onerror=alert(1)>"`';

/** Puts hostile text wherever text comes from outside. */
function hostile(value) {
  for (const [key, own] of Object.entries(value ?? {})) {
    const fixed = ["at", "mode", "status", "kind", "date"].includes(key);
    if (typeof own === "string" && !fixed) value[key] = `${HOSTILE}${own}`;
    if (typeof own === "object") hostile(own);
  }
}

function troubled(data, images) {
  const entries = (kind) => data.findings.find((it) => it.kind === kind).entries;
  entries("refusals").first.push({ title: "source_incomplete", text: "what `eks` uses could not be read" });
  entries("held").first.push(
    ...Array.from({ length: 9 }, (_, index) => ({ title: `held-${index}`, text: "in doubt" })),
  );
  entries("warnings").omitted = 7;
  data.unread.first.push({
    kind: "service",
    name: "batch",
    account: "1",
    region: "eu-west-1",
    why: "denied",
    setting: "grant",
  });
  data.sources.first.unshift({
    source: "eks",
    account: "1",
    region: "r",
    cluster: "c",
    complete: false,
    references: 1,
    error: "denied",
  });
  data.repositories[3].left_alone = "its policy lets `222222222222` pull";
  data.others = { repositories: 40, groups: [{ reason: 0, images: 2_000_000, bytes: 9e12 }] };
  images.rows.omitted = 1234;
  data.history = Array.from({ length: 40 }, (_, day) => ({
    date: new Date(Date.UTC(2026, 9, 1 + day)).toISOString().slice(0, 10),
    images: 100,
    bytes: 5e9 + day * 1e8,
    deleted: day % 3,
    deleted_bytes: (day % 3) * 1e8,
  }));
}

for (const viewport of [WIDE, NARROW]) {
  test(`hostile names and every kind of trouble are only text: ${viewport.width} pixels`, () => {
    const file = changed(`hostile-${viewport.width}.html`, (data, images) => {
      troubled(data, images);
      hostile(data);
      hostile(images);
    });
    return open(file, { viewport }, async (page) => {
      assert.equal(await count(page, "img"), 0);
      assert.equal(await count(page, "script"), 2);
      assert.match(
        await page.$eval("#images tbody tr", (it) => it.textContent),
        /<\/script><script>alert\(1\)<\/script><img/,
      );
      assert.match(
        await page.$eval("#attention", (it) => it.textContent),
        /Why a run that deletes is refused \(1\).*4 more.*Warnings \(7\)/s,
      );
      assert.match(
        await page.$eval("#history", (it) => it.textContent),
        /5 GB on 2026-10-01, 8\.9 GB on 2026-11-09/,
      );
      assert.match(await page.$eval("#images .note", (it) => it.textContent), /1,234 more are counted above/);
      assert.match(
        await page.$eval("#sources", (it) => it.textContent),
        /1 is not complete.*Not read \(1\)/s,
      );
      await looks(page);
    });
  });
}

test("a script that got into the page all the same is not run, and nothing is loaded", async () => {
  const inject =
    '<script>document.title="injected"</script><img src="https://example.com/x.png"><p onclick="document.title=1">';
  const file = changed(
    "injected.html",
    () => {},
    (html) => html.replace("<body>", `<body>${inject}`),
  );
  const page = await browser.newPage();
  const requests = [];
  page.on("requestfinished", (request) => requests.push(request.url()));
  await page.goto(pathToFileURL(file).href);
  assert.match(await page.title(), /^ecr-cleanup: 19 of 111/);
  assert.deepEqual(requests, [pathToFileURL(file).href]);
  await page.close();
});
