// What the page shows, against what the gateway says of itself.

import assert from "node:assert/strict";
import { figure } from "../lib/browser.mjs";
import { DOMAIN, SOON, ask, openSocket, until } from "../lib/gateway.mjs";
import { MIXED, QUIET, SOCKETS, scene } from "./scene.mjs";

const TALKATIVE = SOCKETS - QUIET;

export async function emptyStates() {
  await scene.page.goto(scene.gateway.admin);
  const text = await scene.page.innerText("main");
  for (const words of ["No socket is open.", "Nothing has ended yet.", "No ping has been answered yet."]) {
    assert.ok(text.includes(words), `${words} in ${text}`);
  }
}

export async function withoutScript() {
  const plain = await scene.open({ javaScriptEnabled: false });
  await plain.goto(scene.gateway.admin);
  const status = await ask(scene.gateway, "/api/status");
  assert.equal(await figure(plain, "#sockets-over-time .now"), SOCKETS);
  const route = plain.locator("#routes tbody tr", { hasText: "/applet/websocket" });
  assert.equal(await route.locator("[data-name=Live]").innerText(), String(SOCKETS - MIXED));
  assert.equal(await route.locator("[data-name=Opened]").innerText(), String(SOCKETS - MIXED));
  assert.equal(status.certificates.length, 2);
  for (const { names, days_left: left } of status.certificates) {
    const row = await plain.locator("#certificates tbody tr", { hasText: names[0] }).innerText();
    assert.ok(row.includes(`${Math.floor(left)} days`), row);
  }
  assert.ok((await plain.innerText("#facts")).includes(`process ${scene.gateway.child.pid}`));
  assert.equal(await plain.locator("[data-id]:visible").count(), 0, "a button that does nothing");
  await plain.fill("#q", "odd.example.test");
  await plain.click("#search button");
  assert.match(await plain.innerText("#sockets [role=status]"), /^25 of 49 that match, of 100 live sockets/);
  assert.equal(await plain.inputValue("#q"), "odd.example.test");
  await plain.context().close();
}

export async function figuresFollow() {
  await scene.page.evaluate(() => (window.sameDocument = true));
  assert.equal(await figure(scene.page, "#sockets-over-time .now"), SOCKETS);
  const extra = [];
  for (let at = 0; at < 5; at += 1) extra.push(await openSocket(scene.gateway, "/applet/websocket"));
  await until("five more", async () => (await figure(scene.page, "#sockets-over-time .now")) === SOCKETS + 5);
  extra.forEach((it) => it.socket.close(4321, "enough"));
  await until("five fewer", async () => (await figure(scene.page, "#sockets-over-time .now")) === SOCKETS);
  const ends = scene.page.locator("#endings tbody tr", { hasText: "close:4321" });
  await until("five endings", async () => (await ends.count()) === 5);
  assert.equal(await ends.first().locator("[data-name=By]").innerText(), "client");
  const status = await ask(scene.gateway, "/api/status");
  assert.equal(status.sockets.open, SOCKETS);
  const shown = await scene.page.locator("#routes tbody tr", { hasText: "/applet/websocket" }).locator("[data-name=Opened]").innerText();
  assert.equal(shown, String(status.routes.find((it) => it.route === "/applet/websocket").sockets.opened));
  assert.ok(await scene.page.evaluate(() => window.sameDocument), "the page was loaded anew");
}

export async function graphsHavePoints() {
  const points = (id) => scene.page.locator(`#${id} svg path:not(.grid)`).evaluateAll((all) =>
    all.map((it) => it.getAttribute("d").match(/[ML]/g)?.length ?? 0));
  await until("three points in every line", async () => {
    for (const [id, lines] of [["sockets-over-time", 2], ["messages", 2], ["bytes", 2]]) {
      const found = await points(id);
      if (found.length !== lines || found.some((it) => it < 3)) return false;
    }
    return true;
  }, 30_000);
  const words = await scene.page.getAttribute("#sockets-over-time svg", "aria-label");
  assert.match(words, /^Live sockets: 100 now, at most 10[0-9] within \d+ min$/);
  // Each talkative client sends four messages a second, and each is echoed.
  const rate = await figure(scene.page, "#messages .now");
  assert.ok(rate > TALKATIVE * 4 && rate < TALKATIVE * 9, `${rate} messages a second`);
}

export async function roundTrips() {
  const cell = (name) => scene.page.locator("#trips tbody tr", { hasText: "clients" }).locator(`[data-name=${name}]`).innerText();
  // Those that are quiet are pinged every second.
  await until("answers", async () => (await figure(scene.page, "#trips .now")) >= 0);
  const [p50, p90, p99] = await Promise.all(["p50", "p90", "p99"].map(cell));
  for (const text of [p50, p90, p99]) assert.match(text, /^[\d.]+ m?s$/);
  const { client } = (await ask(scene.gateway, "/api/status")).pings;
  const shown = Number((await cell("Answers")).replaceAll(",", ""));
  assert.ok(shown > 0 && shown <= client.count, `${shown} answers of ${client.count}`);
}

export async function pointing() {
  const legend = () => scene.page.locator("#sockets-over-time .legend b").allInnerTexts();
  const sum = async () => (await legend()).reduce((all, it) => all + (Number(it.replaceAll(",", "")) || 0), 0);
  const axis = () => scene.page.innerText("#sockets-over-time .axis :last-child");
  await scene.page.hover("#sockets-over-time .plot", { position: { x: 10, y: 20 } });
  assert.match(await axis(), /^[149] min \d+ s ago$/);
  assert.equal(await sum(), 0, "so long ago there was no gateway");
  const before = await scene.page.innerText("#shown");
  await until("a refresh", async () => (await scene.page.innerText("#shown")) !== before);
  assert.match(await axis(), /^[149] min \d+ s ago$/, "a refresh forgot the pointer");
  await scene.page.hover("#messages .plot", { position: { x: 480, y: 20 } });
  await scene.page.screenshot({ path: `${scene.pictures}/status-pointed.png` });
  await scene.page.hover("h1");
  assert.equal(await axis(), "now");
  assert.equal(await sum(), SOCKETS);
}

export async function backendsAreShown() {
  const row = (port) => scene.page.locator("#backends tbody tr", { hasText: `mixed` }).filter({ hasText: `:${port}` });
  assert.match(await row(scene.gateway.servers[1]).locator("[data-name=State]").innerText(), /up/);
  await until("the checks have settled", async () =>
    /down/.test(await row(scene.gateway.dead).locator("[data-name=State]").innerText()));
  assert.equal(await row(scene.gateway.servers[1]).locator("[data-name=Alive]").innerText(), String(MIXED));
  assert.equal(await row(scene.gateway.dead).locator("[data-name=Alive]").innerText(), "0");
}

export async function attention() {
  const said = () => scene.page.locator("#attention li").allInnerTexts();
  await until("the dead server", async () => (await said()).includes("1 of 2 servers of mixed are up"));
  const [, day] = (await said()).join().match(new RegExp(`The certificate of ${SOON.domain} ends on ([-\\d]+)`)) ?? [];
  const { certificates } = await ask(scene.gateway, "/api/status");
  assert.equal(day, certificates.find((it) => it.names[0] === SOON.domain).not_after.slice(0, 10));
  assert.ok(!(await said()).join().includes(DOMAIN), "a certificate of 30 days is no news");
}

export async function reloads() {
  const said = () => scene.page.innerText("#process");
  scene.gateway.reload();
  await until("a good one", async () => (await said()).includes("1 applied, 0 refused"));
  scene.gateway.reload("[gateway]\nnonsense = true\n");
  await until("a bad one", async () => (await said()).includes("1 applied, 1 refused"));
  assert.match(await scene.page.innerText("#attention"), /last reload was refused/);
  assert.match(await scene.page.innerText("#process pre"), /^error: unknown key `nonsense`\n/);
  await scene.page.locator("#process").screenshot({ path: `${scene.pictures}/status-refused.png` });
  scene.gateway.reload();
  await until("a good one again", async () => (await said()).includes("2 applied, 1 refused"));
  assert.equal(await figure(scene.page, "#sockets-over-time .now"), SOCKETS, "a reload cost a socket");
}
