// The tool, a browser, and a place for what they make.

import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

const environment = (name) => {
  const value = process.env[name];
  if (!value) {
    throw new Error(`${name} is not set: tests/slow browser runs these tests`);
  }
  return value;
};

const tool = environment("CW_RESEND_TOOL");
export const folder = environment("CW_RESEND_BROWSER_OUTPUT");
mkdirSync(folder, { recursive: true });

/// Runs `cw-resend inventory` on a log.
export const inventory = async (log, arguments_, name) => {
  const path = join(folder, `${name}.log`);
  writeFileSync(path, log);
  return promisify(execFile)(tool, ["inventory", path, ...arguments_], { maxBuffer: 1 << 28 });
};

/// The address of the page for a log.
export const page = async (log, name, arguments_ = []) => {
  const path = join(folder, `${name}.html`);
  await inventory(log, ["--format", "html", "--output", path, ...arguments_], name);
  return pathToFileURL(path).href;
};

/// A browser that connects to nothing by itself.
export const browser = () =>
  chromium.launch({
    executablePath: environment("CW_RESEND_CHROMIUM"),
    args: [
      // Chromium refuses to run its sandbox as root.
      ...(process.getuid() === 0 ? ["--no-sandbox"] : []),
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
