// The page on a desk and on a phone, by day and by night, and during a drain.

import assert from "node:assert/strict";
import { until } from "../lib/gateway.mjs";
import { SOCKETS, scene } from "./scene.mjs";

export async function onAPhone() {
  await scene.page.screenshot({ path: `${scene.pictures}/status-light.png`, fullPage: true });
  for (const [name, colorScheme] of [["status-phone", "light"], ["status-phone-dark", "dark"]]) {
    const phone = await scene.open({ viewport: { width: 360, height: 780 }, deviceScaleFactor: 2, isMobile: true, colorScheme });
    await phone.goto(`${scene.gateway.admin}/?q=x.example`);
    assert.equal(await phone.evaluate(() => document.documentElement.scrollWidth), 360);
    const cut = await phone.evaluate(() => [...document.querySelectorAll("main *")]
      .filter((it) => !it.closest("svg, thead") && it.getBoundingClientRect().right > 361).map((it) => it.outerHTML.slice(0, 99)));
    assert.deepEqual(cut, []);
    await phone.screenshot({ path: `${scene.pictures}/${name}.png`, fullPage: true });
    await phone.context().close();
  }
  const dark = await scene.open({ viewport: { width: 1180, height: 900 }, colorScheme: "dark" });
  await dark.goto(scene.gateway.admin);
  await dark.screenshot({ path: `${scene.pictures}/status-dark.png`, fullPage: true });
  await dark.context().close();
}

export async function draining() {
  const ready = async () => (await fetch(`${scene.gateway.admin}/readyz`)).status;
  assert.equal(await ready(), 200);
  scene.gateway.child.kill("SIGTERM");
  await until("readyz", async () => (await ready()) === 503);
  await scene.page.waitForSelector("#drain progress", { timeout: 5000 });
  assert.equal(await scene.page.innerText("#state"), "draining");
  const gone = await until("some have ended", () => scene.page.evaluate(() => document.querySelector("#drain progress")?.value));
  assert.ok(gone <= SOCKETS, String(gone));
  assert.match(await scene.page.innerText("#drain"), /of 1\d\d connections have ended, \d+ are left/);
  await scene.page.evaluate(() => scrollTo(0, 0));
  await scene.page.screenshot({ path: `${scene.pictures}/status-drain.png` });
  const ends = await Promise.all(scene.sockets.map((it) => it.closed));
  assert.ok(ends.every(({ code }) => code === 1012), JSON.stringify(ends.filter(({ code }) => code !== 1012)));
  await scene.page.waitForSelector("#trouble:not([hidden])", { timeout: 15_000 });
  assert.match(await scene.page.innerText("#trouble"), /does not answer since \d/);
  await scene.page.screenshot({ path: `${scene.pictures}/status-gone.png` });
}
