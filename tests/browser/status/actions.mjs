// What a person does on the page: search, close, pause, use the keyboard.

import assert from "node:assert/strict";
import { ask, openSocket, until } from "../lib/gateway.mjs";
import { SOCKETS, scene, search } from "./scene.mjs";

export async function searchNarrows() {
  const { connections } = await ask(scene.gateway, "/api/connections?limit=1000");
  assert.equal(connections.length, SOCKETS);
  const { id } = connections[42];
  await search(id);
  await until("one row", async () => (await scene.page.locator("#sockets tbody tr").count()) === 1);
  assert.ok((await scene.page.innerText("#sockets tbody")).includes(id));
  const before = await scene.page.innerText("#shown");
  await until("a refresh", async () => (await scene.page.innerText("#shown")) !== before);
  assert.equal(await scene.page.locator("#sockets tbody tr").count(), 1);
  assert.equal(new URL(scene.page.url()).searchParams.get("q"), id);
  await search("nobody has this");
  await until("the words", async () => (await scene.page.innerText("#sockets")).includes("None of 100 live sockets matches."));
  await search("");
  await scene.page.selectOption("#sort", "oldest");
  const oldest = connections.reduce((a, b) => (a.age_s > b.age_s ? a : b));
  await until("the oldest", async () => (await scene.page.innerText("#sockets tbody tr:first-child")).includes(oldest.id));
  await scene.page.selectOption("#sort", "newest");
}

export async function closing() {
  const victim = await openSocket(scene.gateway, "/applet/websocket", { Origin: "https://victim.example.test" });
  await search("victim.example.test");
  await until("its row", async () => (await scene.page.locator("#sockets tbody tr").count()) === 1);
  await scene.page.click("#sockets [data-id]");
  assert.ok((await scene.page.innerText("#ask")).includes("127.0.0.1"));
  await scene.page.screenshot({ path: `${scene.pictures}/status-dialog.png` });
  await scene.page.click("#ask-cancel");
  assert.equal(await scene.page.isVisible("#ask"), false);
  assert.equal(victim.socket.readyState, victim.socket.constructor.OPEN, "closed without having been asked");
  await scene.page.click("#sockets [data-id]");
  await scene.page.fill("#ask [name=code]", "4001");
  await scene.page.fill("#ask [name=reason]", "asked from the page");
  await scene.page.click("#ask .danger");
  assert.deepEqual(await victim.closed, { code: 4001, reason: "asked from the page" });
  await until("it is gone", async () => (await scene.page.locator("#sockets tbody tr").count()) === 0);
  assert.equal(await scene.page.isVisible("#ask"), false);
  await until("its ending", async () =>
    (await scene.page.locator("#endings tbody tr", { hasText: "ordered" }).count()) === 1);
  await search("");
}

export async function refusedClosing() {
  await scene.page.click("#sockets tbody tr:first-child [data-id]");
  const before = scene.complaints.length;
  await scene.page.fill("#ask [name=code]", "1005");
  await scene.page.click("#ask .danger");
  await until("the gateway's words", async () => /not closed: .*code.*\(400\)/.test(await scene.page.innerText("#ask-outcome")));
  // Chromium notes every answer of 400 in the console; this one was asked for.
  scene.complaints.splice(before);
  await scene.page.keyboard.press("Escape");
  assert.equal((await ask(scene.gateway, "/api/status")).sockets.open, SOCKETS);
}

export async function pausing() {
  await scene.page.click("#pause");
  const before = await scene.page.innerText("#shown");
  await scene.page.waitForTimeout(4000); // longer than a refresh takes to come round
  assert.equal(await scene.page.innerText("#shown"), before);
  await scene.page.click("#pause");
  await until("it goes on", async () => (await scene.page.innerText("#shown")) !== before);
}

export async function keyboard() {
  await scene.page.focus("#q");
  for (const expected of ["sort", ""]) {
    await scene.page.keyboard.press("Tab");
    assert.equal(await scene.page.evaluate(() => document.activeElement.id), expected);
  }
  assert.ok(await scene.page.evaluate(() => document.activeElement.dataset.id), "the first button of the table");
  const id = await scene.page.evaluate(() => document.activeElement.dataset.id);
  const before = await scene.page.innerText("#shown");
  await until("a refresh", async () => (await scene.page.innerText("#shown")) !== before);
  assert.equal(await scene.page.evaluate(() => document.activeElement.dataset.id), id, "a refresh took the focus away");
  await scene.page.keyboard.press("Enter");
  assert.ok(await scene.page.isVisible("#ask"));
  await scene.page.keyboard.press("Escape");
}
