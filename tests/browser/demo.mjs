// Starts `wsgate demo`, opens its page in headless Chromium, lets the page check itself, uses the
// room by hand, takes screenshots, and stops the demo by SIGTERM. Any failure: exit code 1, with
// the page's console and the demo's last output.
//
//   WSGATE_BIN   the program (default: target/release/wsgate)
//   CHROMIUM     the browser (default: /usr/bin/chromium)
//   DEMO_URL     instead of starting the demo: a page that is served already
//   DEMO_WATCH   "heartbeat": also wait until the room's socket outlives its client_timeout

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync } from "node:fs";
import { createServer } from "node:net";
import { fileURLToPath } from "node:url";
import { chromium } from "playwright-core";

const ROOT = fileURLToPath(new URL("../..", import.meta.url));
const BIN = process.env.WSGATE_BIN ?? `${ROOT}target/release/wsgate`;
const CHROMIUM = process.env.CHROMIUM ?? "/usr/bin/chromium";
const PICTURES = `${ROOT}target`;
const CHECKS = ["page", "api", "only", "wss", "echo", "binary", "first", "joined", "room"];
const ARGS = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
  "--disable-background-networking", "--disable-component-update", "--disable-sync",
];

const said = [];
let demo = null;
let browser = null;
try {
  mkdirSync(PICTURES, { recursive: true });
  demo = process.env.DEMO_URL ? null : await startDemo();
  browser = await chromium.launch({ executablePath: CHROMIUM, headless: true, args: ARGS });
  await onADesk(process.env.DEMO_URL ?? demo.url);
  await onAPhoneInTheDark(process.env.DEMO_URL ?? demo.url);
  if (demo) await theEnd(demo);
  console.log("ok: the demo's page passed its own check" + (demo ? ", and the demo stopped as asked" : ""));
  console.log("1 passed, 0 failed");
} catch (error) {
  console.error(error);
  console.error(said.slice(-60).join("\n"));
  console.log("0 passed, 1 failed");
  process.exitCode = 1;
} finally {
  await browser?.close();
  // Gently, so that the demo removes its folder; cut when it does not listen to that.
  if (demo && running(demo)) {
    demo.child.kill("SIGTERM");
    const timer = setTimeout(() => demo.child.kill("SIGKILL"), 10_000);
    await once(demo.child, "exit");
    clearTimeout(timer);
  }
}

/** The page's own check, the room by hand, and the ways a socket can end. */
async function onADesk(url) {
  const page = await open(url, { viewport: { width: 1180, height: 900 }, colorScheme: "light" });
  await outcome(page);
  const unasked = await page.evaluate(() =>
    performance.getEntriesByType("resource").map((it) => it.name).filter((it) => !it.startsWith(location.origin)));
  assert.deepEqual(unasked, [], "the page fetched something from elsewhere");

  const other = await open(url, { viewport: { width: 800, height: 600 } });
  await outcome(other);
  await page.waitForFunction(() => document.getElementById("online").textContent === "2");
  const likes = Number(await other.textContent("#likes"));
  await page.click("#like");
  await other.waitForFunction((it) => Number(document.getElementById("likes").textContent) === it, likes + 1);
  await page.fill("#comment", "Grüße, <b>from the desk</b>");
  await page.click("#comment-form button:not([type])");
  await other.waitForFunction(() =>
    [...document.querySelectorAll("#comments li")].some((it) => it.textContent.includes("<b>from the desk</b>")));
  await page.click("#socket-room [data-do=ping]");
  await words(page, "room", "answered its own kind of ping");
  await other.context().close();
  await page.waitForFunction(() => document.getElementById("online").textContent === "1");
  if (process.env.DEMO_WATCH === "heartbeat") await watchTheHeartbeat(page);
  await page.screenshot({ path: `${PICTURES}/demo.png`, fullPage: true });

  // The limit is the gateway's, so without one in front there is nothing to see.
  if (demo) {
    await page.click("#socket-echo [data-do=long]");
    await words(page, "echo", "a message longer than the limit");
    assert.match(await page.textContent("#socket-echo .state"), /1009/);
    await page.click("#socket-echo [data-do=connect]");
    await page.waitForSelector("#socket-echo.open");
  }
  await page.click("#socket-room [data-do=close]");
  await words(page, "room", "finished as intended");
  await page.click("#again");
  await page.waitForFunction(() => document.documentElement.dataset.check === "running");
  await outcome(page);
  const rows = await page.locator("#frames tr").count();
  assert.ok(rows > 20 && rows <= 200, `${rows} rows in the log`);
  await page.context().close();
}

async function onAPhoneInTheDark(url) {
  const page = await open(url, {
    viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, colorScheme: "dark", isMobile: true,
  });
  await outcome(page);
  const width = await page.evaluate(() => document.documentElement.scrollWidth);
  assert.equal(width, 390, "the page is as wide as the phone");
  await page.screenshot({ path: `${PICTURES}/demo-phone.png`, fullPage: true });
  await page.context().close();
}

/** SIGTERM: the sockets are told why they end, and the program stops with 0. */
async function theEnd({ child, url }) {
  const page = await open(url, {});
  await outcome(page);
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  for (const socket of ["room", "echo"]) {
    await words(page, socket, "the service restarts");
    assert.equal(await page.textContent(`#socket-${socket} .state`), "closed with 1012");
  }
  const timer = setTimeout(() => child.kill("SIGKILL"), 15_000);
  const [code, signal] = await ended;
  clearTimeout(timer);
  assert.deepEqual({ code, signal }, { code: 0, signal: null }, "the demo did not stop as asked");
}

/** A socket that stays open past its timeout, though nothing was sent: the pings were answered. */
async function watchTheHeartbeat(page) {
  await page.waitForSelector("#socket-room.proven", { timeout: 30_000 });
  await words(page, "room", "still open");
}

async function open(url, options) {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, ...options });
  const page = await context.newPage();
  page.setDefaultTimeout(30_000);
  page.on("console", (it) => said.push(`page ${it.type()}: ${it.text()}`));
  page.on("pageerror", (error) => said.push(`page exception: ${error.stack}`));
  await page.goto(url);
  return page;
}

async function outcome(page) {
  await page.waitForFunction(() => document.documentElement.dataset.check !== "running");
  const results = await page.evaluate(() => window.demoCheck);
  const texts = await page.locator("#stages li").allInnerTexts();
  assert.deepEqual(results, Object.fromEntries(CHECKS.map((it) => [it, true])), texts.join("\n"));
  assert.equal(await page.getAttribute("html", "data-check"), "passed");
  assert.equal(await page.textContent("#verdict"), `All ${CHECKS.length} stages passed`);
  const broken = said.filter((it) => it.startsWith("page exception"));
  assert.deepEqual(broken, [], "the page's scripts failed");
}

/** Waits until a socket's panel says this. */
async function words(page, socket, text) {
  await page.waitForFunction(
    ([id, part]) => document.querySelector(`#${id} .words`).textContent.includes(part), [`socket-${socket}`, text]);
}

async function startDemo() {
  assert.ok(existsSync(BIN), `${BIN} is not built: cargo build --release`);
  const port = await freePort();
  const child = spawn(BIN, ["demo", "--port", String(port)], { stdio: ["ignore", "pipe", "pipe"] });
  const url = `https://localhost:${port}/`;
  let output = "";
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (text) => {
      output += text;
      said.push(...text.trimEnd().split("\n").map((line) => `demo: ${line}`));
    });
  }
  const deadline = Date.now() + 15_000;
  while (!output.includes(url)) {
    assert.equal(child.exitCode, null, "the demo ended before it listened");
    assert.ok(Date.now() < deadline, "the demo did not print its address within 15 s");
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  return { child, url };
}

function running({ child }) {
  return child.exitCode === null && child.signalCode === null;
}

async function freePort() {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address();
  server.close();
  await once(server, "close");
  return port;
}
