// The report of the demo's account: the simulated AWS and the command, as `make` builds them.

import { spawn, execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";

import puppeteer from "puppeteer-core";

const programs = resolve(process.env.ECR_CLEANUP_BIN_DIR ?? "target/release");

export function launch() {
  const args = ["--no-sandbox", "--disable-dev-shm-usage", "--font-render-hinting=none"];
  return puppeteer.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args });
}

/** Returns an empty folder, which is removed at the end of the process. */
export function folder() {
  const path = mkdtempSync(join(tmpdir(), "ecr-cleanup-report-"));
  process.on("exit", () => rmSync(path, { recursive: true, force: true }));
  return path;
}

/** Plans for the demo's account, and writes the report to a file. */
export async function report(file) {
  const server = spawn(join(programs, "simulated-aws"), { stdio: ["pipe", "pipe", "ignore"] });
  try {
    const endpoint = await new Promise((found, failed) => {
      createInterface({ input: server.stdout }).once("line", found);
      server.once("exit", () => failed(new Error("simulated-aws ended")));
    });
    const env = {
      AWS_ENDPOINT_URL: endpoint,
      AWS_REGION: "eu-west-1",
      AWS_ACCESS_KEY_ID: "AKIAIOSFODNN7EXAMPLE",
      AWS_SECRET_ACCESS_KEY: "example",
    };
    const options = ["plan", "--config", '{"mode":"delete"}', "--html", file];
    execFileSync(join(programs, "ecr-cleanup"), options, { env, stdio: ["ignore", "ignore", "inherit"] });
  } finally {
    server.stdin.end();
  }
}
