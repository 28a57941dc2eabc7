// What strangers send, and what the page may do with it: nothing.

import assert from "node:assert/strict";
import { ask, shakeHands, until } from "../lib/gateway.mjs";
import { HOSTILE, scene, search } from "./scene.mjs";

const HOSTILE_PATH = `/strict/"'onmouseover='document.title="taken"'&lt;img%20src=x%3E`;
const REFUSED = 3;
const WEIGHT = 80_000; // bytes of the page and its files

export async function weightAndPolicy() {
  let weight = 0;
  for (const path of ["/", "/page.css", "/page.js"]) {
    const answer = await fetch(scene.gateway.admin + path);
    weight += (await answer.text()).length;
    const policy = answer.headers.get("content-security-policy") ?? "";
    for (const part of ["default-src 'none'", "script-src 'self'", "style-src 'self'", "connect-src 'self'", "frame-ancestors 'none'"]) {
      assert.ok(path !== "/" || policy.split("; ").includes(part), `${part} in ${policy}`);
    }
    assert.equal(answer.headers.get("x-content-type-options"), "nosniff", path);
  }
  assert.ok(weight < WEIGHT, `${weight} bytes`);
  console.log(`    ${weight} bytes with everything`);
  await scene.page.goto(scene.gateway.admin);
  const all = await scene.page.evaluate(() => performance.getEntriesByType("resource").map((it) => it.name));
  assert.ok(all.length >= 2 && all.every((it) => it.startsWith(scene.gateway.admin)), all.join());
}

export async function refusals() {
  for (let at = 0; at < REFUSED; at += 1) {
    assert.equal(await shakeHands(scene.gateway, HOSTILE_PATH, { Origin: "https://evil.example.test" }), 403);
  }
  await until("the count", async () =>
    (await scene.page.innerText("#handshakes")).replaceAll("\n", " ").includes(`refused:origin ${REFUSED}`));
  const row = scene.page.locator("#endings tbody tr", { hasText: "refused:origin" }).first();
  assert.match(await row.locator("[data-name=What]").innerText(), /request · 403/);
  const [ending] = (await ask(scene.gateway, "/api/status")).endings.filter((it) => it.end === "refused:origin");
  assert.equal(await row.locator("[data-name=By]").innerText(), ending.by);
  assert.ok(ending.path.includes(`"'onmouseover=`), ending.path);
  assert.ok((await row.locator("[data-name=What]").innerText()).includes(ending.host + ending.path), "its path is shown as it is");
  assert.equal(await scene.page.locator("[onmouseover], main img").count(), 0);
}

export async function hostileText() {
  await search("x.example");
  assert.ok((await scene.page.innerText("#sockets tbody")).includes(HOSTILE), "it is shown as it is");
  assert.equal(await scene.page.locator("main img, main script").count(), 0);
  assert.match(await scene.page.title(), /^100 sockets/);
  const query = `"><script>document.title="taken"</script>`;
  await scene.page.goto(`${scene.gateway.admin}/?q=${encodeURIComponent(query)}`);
  assert.equal(await scene.page.inputValue("#q"), query);
  assert.equal(await scene.page.locator("main script").count(), 0);
  assert.match(await scene.page.title(), /^100 sockets/);
  await scene.page.goto(scene.gateway.admin);
}
