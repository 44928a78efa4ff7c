// Draws the picture of the README: the report of the demo. `draw.mjs FILE`

import { join } from "node:path";
import { pathToFileURL } from "node:url";

import { folder, launch, report } from "./demo.mjs";

const [picture] = process.argv.slice(2);
const file = join(folder(), "report.html");
await report(file);
const browser = await launch();
try {
  const page = await browser.newPage();
  await page.setViewport({ width: 1280, height: 886 });
  await page.goto(pathToFileURL(file).href);
  await page.screenshot({ path: picture, optimizeForSpeed: false });
} finally {
  await browser.close();
}
