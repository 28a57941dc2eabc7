// A browser and the tally of the cases that are tried in it. Knows nothing of the page.

import { mkdirSync } from "node:fs";
import { chromium } from "playwright-core";

const PATIENCE_MS = 15_000;
const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

/** Starts the browser, with `more` arguments; screenshots of what fails go to the folder `pictures`. */
export async function startRun(pictures, more = []) {
  mkdirSync(pictures, { recursive: true });
  const executablePath = process.env.CHROMIUM ?? "/usr/bin/chromium";
  const browser = await chromium.launch({ executablePath, headless: true, args: [...ARGS, ...more] });
  const tally = { passed: 0, failed: 0 };
  const complaints = [];
  const asked = new Set();

  /** A page of its own; what it complains about in the console is kept, and whom it asks for anything. */
  async function open(options) {
    const page = await (await browser.newContext(options)).newPage();
    page.setDefaultTimeout(PATIENCE_MS);
    page.on("console", (it) => ["error", "warning"].includes(it.type()) && complaints.push(it.text()));
    page.on("request", (it) => asked.add(new URL(it.url()).origin));
    page.on("pageerror", (error) => complaints.push(error.stack));
    return page;
  }

  function broke(error) {
    tally.failed += 1;
    console.log(`FAILED  ${error.stack}`);
  }

  async function report(name, run) {
    const start = performance.now();
    try {
      await run();
      tally.passed += 1;
      console.log(`ok  ${name} (${Math.round(performance.now() - start)} ms)`);
    } catch (error) {
      console.log(name);
      broke(error);
      const pages = browser.contexts().flatMap((it) => it.pages());
      await pages[0]?.screenshot({ path: `${pictures}/failed-${tally.failed}.png` }).catch(() => {});
    }
  }

  /** Ends the process; `more` is what to say when something failed. */
  async function end(more) {
    await browser.close();
    if (tally.failed > 0) console.log(more());
    console.log(`screenshots: ${pictures}`);
    console.log(`${tally.passed} passed, ${tally.failed} failed`);
    process.exit(tally.failed === 0 ? 0 : 1);
  }

  return { open, report, broke, end, complaints, asked };
}

/** The number that an element's text begins with. */
export async function figure(page, selector) {
  return Number.parseFloat((await page.innerText(selector)).replaceAll(",", ""));
}
