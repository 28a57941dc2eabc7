// Opens the status page of a real wsgate in headless Chromium, with a hundred sockets talking
// through it to two real servers, and tries everything that the page offers: figures, graphs,
// search, closing, reloads, a drain, a phone, no script at all. Prints a line for each case.
//
//   WSGATE_BIN   the program (default: target/release/wsgate)
//   CHROMIUM     the browser (default: /usr/bin/chromium)
//   PICTURES     where screenshots go (default: a new folder in the system's temporary one)

import assert from "node:assert/strict";
import { mkdtempSync } from "node:fs";
import { tmpdir } from "node:os";
import { figure, startRun } from "./lib/browser.mjs";
import { DOMAIN, ask, openSocket, startGateway, until } from "./lib/gateway.mjs";

const SOCKETS = 100;
const MIXED = 20;
const HOSTILE = `https://x.example/"'><img src=x onerror="document.title='taken'"><script>document.title='taken'</script>`;
const WEIGHT = 60_000;
const PICTURES = process.env.PICTURES ?? mkdtempSync(`${tmpdir()}/wsgate-pictures-`);

let gateway = null;
let sockets = [];
let page = null;

const run = await startRun(PICTURES);
const { open, report, complaints } = run;
try {
  gateway = await startGateway();
  await allCases();
} catch (error) {
  run.broke(error);
} finally {
  sockets.forEach((it) => it.socket.terminate());
  await gateway?.stop();
  await run.end(() => `the gateway said:\n${gateway?.said.join("").slice(-3000)}`);
}

async function allCases() {
  page = await open({ viewport: { width: 1180, height: 900 }, colorScheme: "light" });
  await report("an idle gateway says that there is nothing yet", emptyStates);
  await startLoad();
  await report("the first answer has every figure, and needs no script", withoutScript);
  await report("the page and its files are light and forbid everything else", weightAndPolicy);
  await report("figures follow the gateway without a reload of the page", figuresFollow);
  await report("graphs have points, and say in words what they show", graphsHavePoints);
  await report("what a client sent never becomes markup", hostileText);
  await report("backends are shown as they are, the dead one too", backendsAreShown);
  await report("a search narrows the table, and survives a refresh", searchNarrows);
  await report("a socket is closed after a question, with code and reason", closing);
  await report("a refused code is told, and the socket stays", refusedClosing);
  await report("reloads are shown, good ones and bad ones", reloads);
  await report("a pause holds the figures still", pausing);
  await report("a phone shows all of it without scrolling sideways, in the dark too", onAPhone);
  await report("the keyboard reaches what the mouse does", keyboard);
  await report("no violation of the policy, no error in the console", async () => assert.deepEqual(complaints, []));
  await report("a drain shows its progress, and then that nobody answers", draining);
}

async function startLoad() {
  for (let at = 0; at < SOCKETS; at += 1) {
    const headers = { Origin: at === 7 ? HOSTILE : `https://${at % 2 ? "odd" : "even"}.example.test` };
    sockets.push(await openSocket(gateway, at < MIXED ? "/mixed" : "/applet/websocket?token=secret", headers));
  }
  await until("the first pings are answered", async () => (await ask(gateway, "/api/status")).pings.client.count > SOCKETS / 2);
}

async function emptyStates() {
  await page.goto(gateway.admin);
  const text = await page.innerText("main");
  for (const words of ["No socket yet.", "Nothing has ended yet.", "No ping has been answered yet."]) {
    assert.ok(text.includes(words), `${words} in ${text}`);
  }
}

async function withoutScript() {
  const plain = await open({ javaScriptEnabled: false });
  await plain.goto(gateway.admin);
  const status = await ask(gateway, "/api/status");
  assert.equal(await figure(plain, "#sockets-over-time .now"), SOCKETS);
  const route = plain.locator("#routes tbody tr", { hasText: "/applet/websocket" });
  assert.equal(await route.locator("[data-name=Live]").innerText(), String(SOCKETS - MIXED));
  assert.equal(await route.locator("[data-name=Opened]").innerText(), String(SOCKETS - MIXED));
  const [certificate] = status.certificates;
  const row = await plain.innerText("#certificates tbody tr");
  assert.ok(row.includes(DOMAIN) && row.includes(`${Math.floor(certificate.days_left)} days`), row);
  assert.ok((await plain.innerText("#facts")).includes(`process ${gateway.child.pid}`));
  assert.equal(await plain.locator("[data-id]:visible").count(), 0, "a button that does nothing");
  await plain.fill("#q", "odd.example.test");
  await plain.click("#search button");
  assert.match(await plain.innerText("#sockets [role=status]"), /^30 of 49 that match, of 100 live sockets/);
  assert.equal(await plain.inputValue("#q"), "odd.example.test");
  await plain.context().close();
}

async function weightAndPolicy() {
  let weight = 0;
  for (const path of ["/", "/page.css", "/page.js"]) {
    const answer = await fetch(gateway.admin + path);
    weight += (await answer.text()).length;
    const policy = answer.headers.get("content-security-policy") ?? "";
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) {
      assert.ok(path !== "/" || policy.split("; ").includes(part), `${part} in ${policy}`);
    }
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff", path);
  }
  assert.ok(weight < WEIGHT, `${weight} bytes`);
  console.log(`    ${weight} bytes with everything`);
  await page.goto(gateway.admin);
  const all = await page.evaluate(() => performance.getEntriesByType("resource").map((it) => it.name));
  assert.ok(all.length >= 2 && all.every((it) => it.startsWith(gateway.admin)), all.join());
}

async function figuresFollow() {
  await page.evaluate(() => (window.sameDocument = true));
  assert.equal(await figure(page, "#sockets-over-time .now"), SOCKETS);
  const extra = [];
  for (let at = 0; at < 5; at += 1) extra.push(await openSocket(gateway, "/applet/websocket"));
  await until("five more", async () => (await figure(page, "#sockets-over-time .now")) === SOCKETS + 5);
  extra.forEach((it) => it.socket.close(4321, "enough"));
  await until("five fewer", async () => (await figure(page, "#sockets-over-time .now")) === SOCKETS);
  const ends = page.locator("#endings tbody tr", { hasText: "close:4321" });
  await until("five endings", async () => (await ends.count()) === 5);
  assert.equal(await ends.first().locator("[data-name=By]").innerText(), "client");
  const status = await ask(gateway, "/api/status");
  assert.equal(status.sockets.open, SOCKETS);
  const shown = await page.locator("#routes tbody tr", { hasText: "/applet/websocket" }).locator("[data-name=Opened]").innerText();
  assert.equal(shown, String(status.routes.find((it) => it.route === "/applet/websocket").sockets.opened));
  assert.ok(await page.evaluate(() => window.sameDocument), "the page was loaded anew");
}

async function graphsHavePoints() {
  const points = (id) => page.locator(`#${id} svg path:not(.grid)`).evaluateAll((all) =>
    all.map((it) => it.getAttribute("d").match(/[ML]/g)?.length ?? 0));
  await until("three points in every line", async () => {
    for (const [id, lines] of [["sockets-over-time", 2], ["messages", 2], ["bytes", 2]]) {
      const found = await points(id);
      if (found.length !== lines || found.some((it) => it < 3)) return false;
    }
    return true;
  }, 30_000);
  const words = await page.getAttribute("#sockets-over-time svg", "aria-label");
  assert.match(words, /^Live sockets: 100 now, at most 10[0-9] within 10 min$/);
  // Each client sends four messages a second, and each is echoed.
  const rate = await figure(page, "#messages .now");
  assert.ok(rate > SOCKETS * 4 && rate < SOCKETS * 9, `${rate} messages a second`);
  const clients = page.locator("#trips tbody tr", { hasText: "clients" });
  assert.match(await clients.locator("[data-name=p50]").innerText(), /^[\d.]+ ms$/);
}

async function hostileText() {
  await search("x.example");
  assert.ok((await page.innerText("#sockets tbody")).includes(HOSTILE), "it is shown as it is");
  assert.equal(await page.locator("main img, main script").count(), 0);
  assert.match(await page.title(), /^100 sockets/);
  const query = `"><script>document.title="taken"</script>`;
  await page.goto(`${gateway.admin}/?q=${encodeURIComponent(query)}`);
  assert.equal(await page.inputValue("#q"), query);
  assert.equal(await page.locator("main script").count(), 0);
  assert.match(await page.title(), /^100 sockets/);
  await page.goto(gateway.admin);
}

async function backendsAreShown() {
  const row = (port) => page.locator("#backends tbody tr", { hasText: `mixed` }).filter({ hasText: `:${port}` });
  assert.match(await row(gateway.servers[1]).locator("[data-name=State]").innerText(), /up/);
  await until("the checks have settled", async () =>
    /down/.test(await row(gateway.dead).locator("[data-name=State]").innerText()));
  assert.equal(await row(gateway.servers[1]).locator("[data-name=Alive]").innerText(), String(MIXED));
  assert.equal(await row(gateway.dead).locator("[data-name=Alive]").innerText(), "0");
}

async function searchNarrows() {
  const { connections } = await ask(gateway, "/api/connections?limit=1000");
  assert.equal(connections.length, SOCKETS);
  const { id } = connections[42];
  await search(id);
  await until("one row", async () => (await page.locator("#sockets tbody tr").count()) === 1);
  assert.ok((await page.innerText("#sockets tbody")).includes(id));
  const before = await page.innerText("#shown");
  await until("a refresh", async () => (await page.innerText("#shown")) !== before);
  assert.equal(await page.locator("#sockets tbody tr").count(), 1);
  assert.equal(new URL(page.url()).searchParams.get("q"), id);
  await search("nobody has this");
  await until("the words", async () => (await page.innerText("#sockets")).includes("None of 100 live sockets matches."));
  await search("");
  await page.selectOption("#sort", "oldest");
  const oldest = connections.reduce((a, b) => (a.age_s > b.age_s ? a : b));
  await until("the oldest", async () => (await page.innerText("#sockets tbody tr:first-child")).includes(oldest.id));
  await page.selectOption("#sort", "newest");
}

async function closing() {
  const victim = await openSocket(gateway, "/applet/websocket", { Origin: "https://victim.example.test" });
  await search("victim.example.test");
  await until("its row", async () => (await page.locator("#sockets tbody tr").count()) === 1);
  await page.click("#sockets [data-id]");
  assert.ok((await page.innerText("#ask")).includes("127.0.0.1"));
  await page.screenshot({ path: `${PICTURES}/status-dialog.png` });
  await page.click("#ask-cancel");
  assert.equal(await page.isVisible("#ask"), false);
  assert.equal(victim.socket.readyState, victim.socket.constructor.OPEN, "closed without having been asked");
  await page.click("#sockets [data-id]");
  await page.fill("#ask [name=code]", "4001");
  await page.fill("#ask [name=reason]", "asked from the page");
  await page.click("#ask .danger");
  assert.deepEqual(await victim.closed, { code: 4001, reason: "asked from the page" });
  await until("it is gone", async () => (await page.locator("#sockets tbody tr").count()) === 0);
  assert.equal(await page.isVisible("#ask"), false);
  await until("its ending", async () =>
    (await page.locator("#endings tbody tr", { hasText: "ordered" }).count()) === 1);
  await search("");
}

async function refusedClosing() {
  await page.click("#sockets tbody tr:first-child [data-id]");
  const before = complaints.length;
  await page.fill("#ask [name=code]", "1005");
  await page.click("#ask .danger");
  await until("the gateway's words", async () => /not closed.*400/.test(await page.innerText("#ask-outcome")));
  // Chromium notes every answer of 400 in the console; this one was asked for.
  complaints.splice(before);
  await page.keyboard.press("Escape");
  assert.equal((await ask(gateway, "/api/status")).sockets.open, SOCKETS);
}

async function reloads() {
  const said = () => page.innerText("#process");
  gateway.reload();
  await until("a good one", async () => (await said()).includes("1 applied, 0 refused"));
  gateway.reload("[gateway]\nnonsense = true\n");
  await until("a bad one", async () => (await said()).includes("1 applied, 1 refused"));
  gateway.reload();
  await until("a good one again", async () => (await said()).includes("2 applied, 1 refused"));
  assert.equal(await figure(page, "#sockets-over-time .now"), SOCKETS, "a reload cost a socket");
}

async function pausing() {
  await page.click("#pause");
  const before = await page.innerText("#shown");
  await page.waitForTimeout(4000); // longer than a refresh takes to come round
  assert.equal(await page.innerText("#shown"), before);
  await page.click("#pause");
  await until("it goes on", async () => (await page.innerText("#shown")) !== before);
}

async function onAPhone() {
  await page.screenshot({ path: `${PICTURES}/status-light.png`, fullPage: true });
  for (const [name, colorScheme] of [["status-phone", "light"], ["status-phone-dark", "dark"]]) {
    const phone = await open({ viewport: { width: 360, height: 780 }, deviceScaleFactor: 2, isMobile: true, colorScheme });
    await phone.goto(`${gateway.admin}/?q=x.example`);
    assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth), 360);
    const cut = await phone.evaluate(() => [...document.querySelectorAll("main *")]
      .filter((it) => !it.closest("svg, thead") && it.getBoundingClientRect().right > 361).map((it) => it.outerHTML.slice(0, 99)));
    assert.deepEqual(cut, []);
    await phone.screenshot({ path: `${PICTURES}/${name}.png`, fullPage: true });
    await phone.context().close();
  }
  const dark = await open({ viewport: { width: 1180, height: 900 }, colorScheme: "dark" });
  await dark.goto(gateway.admin);
  await dark.screenshot({ path: `${PICTURES}/status-dark.png`, fullPage: true });
  await dark.context().close();
}

async function keyboard() {
  await page.focus("#q");
  for (const expected of ["sort", ""]) {
    await page.keyboard.press("Tab");
    assert.equal(await page.evaluate(() => document.activeElement.id), expected);
  }
  assert.ok(await page.evaluate(() => document.activeElement.dataset.id), "the first button of the table");
  const id = await page.evaluate(() => document.activeElement.dataset.id);
  const before = await page.innerText("#shown");
  await until("a refresh", async () => (await page.innerText("#shown")) !== before);
  assert.equal(await page.evaluate(() => document.activeElement.dataset.id), id, "a refresh took the focus away");
  await page.keyboard.press("Enter");
  assert.ok(await page.isVisible("#ask"));
  await page.keyboard.press("Escape");
}

async function draining() {
  const ready = async () => (await fetch(`${gateway.admin}/readyz`)).status;
  assert.equal(await ready(), 200);
  gateway.child.kill("SIGTERM");
  await until("readyz", async () => (await ready()) === 503);
  await page.waitForSelector("#drain progress", { timeout: 5000 });
  assert.equal(await page.innerText("#state"), "draining");
  const gone = await until("some have ended", () => page.evaluate(() => document.querySelector("#drain progress")?.value));
  assert.ok(gone <= SOCKETS, String(gone));
  assert.match(await page.innerText("#drain"), /of 1\d\d connections have ended, \d+ are left/);
  await page.screenshot({ path: `${PICTURES}/status-drain.png` });
  const ends = await Promise.all(sockets.map((it) => it.closed));
  assert.ok(ends.every(({ code }) => code === 1012), JSON.stringify(ends.filter(({ code }) => code !== 1012)));
  await page.waitForSelector("#trouble:not([hidden])", { timeout: 15_000 });
  assert.match(await page.innerText("#trouble"), /does not answer since \d/);
  await page.screenshot({ path: `${PICTURES}/status-gone.png` });
}

async function search(text) {
  await page.fill("#q", text);
  await until("the search", async () => new URL(page.url()).searchParams.get("q") === (text || null));
}
