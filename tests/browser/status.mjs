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
import { startRun } from "./lib/browser.mjs";
import { emptyStates, withoutScript, figuresFollow, graphsHavePoints, roundTrips, pointing, backendsAreShown, attention, reloads } from "./status/figures.mjs";
import { weightAndPolicy, refusals, hostileText } from "./status/hostile.mjs";
import { searchNarrows, closing, refusedClosing, pausing, keyboard } from "./status/actions.mjs";
import { onAPhone, draining } from "./status/looks.mjs";
import { scene, setUp, startLoad, tearDown } from "./status/scene.mjs";

const PICTURES = process.env.PICTURES ?? mkdtempSync(`${tmpdir()}/wsgate-pictures-`);

const run = await startRun(PICTURES);
try {
  await setUp(run, PICTURES);
  await allCases(run);
} catch (error) {
  run.broke(error);
} finally {
  await tearDown();
  await run.end(() => `the gateway said:\n${scene.gateway?.said.join("").slice(-3000)}`);
}

async function allCases({ report, complaints, asked }) {
  await report("an idle gateway says that there is nothing yet", emptyStates);
  await startLoad();
  await report("the first answer has every figure, and needs no script", withoutScript);
  await report("the page and its files are light and forbid everything else", weightAndPolicy);
  await report("figures follow the gateway without a reload of the page", figuresFollow);
  await report("graphs have points, and say in words what they show", graphsHavePoints);
  await report("round trips of pings are told by quantile", roundTrips);
  await report("a graph tells the values under the pointer", pointing);
  await report("refused clients are counted and shown with the reason", refusals);
  await report("what a client sent never becomes markup", hostileText);
  await report("backends are shown as they are, the dead one too", backendsAreShown);
  await report("what needs a hand is said at the top", attention);
  await report("a search narrows the table, and survives a refresh", searchNarrows);
  await report("a socket is closed after a question, with code and reason", closing);
  await report("a refused code is told, and the socket stays", refusedClosing);
  await report("reloads are shown, good ones and bad ones", reloads);
  await report("a pause holds the figures still", pausing);
  await report("a phone shows all of it without scrolling sideways, in the dark too", onAPhone);
  await report("the keyboard reaches what the mouse does", keyboard);
  await report("no violation of the policy, no error in the console", async () => assert.deepEqual(complaints, []));
  await report("no other host is asked for anything", async () => assert.deepEqual([...asked], [scene.gateway.admin]));
  await report("a drain shows its progress, and then that nobody answers", draining);
}
