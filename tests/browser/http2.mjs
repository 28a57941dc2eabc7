// Real clients over HTTP/2: headless Chromium loads a page and opens a WebSocket (RFC 8441), Node's http2 and curl ask
// for the same page. The access log says by which protocol each of them really came. The same with
// `http2_websocket` off and with `http2 = false`, where Chromium's WebSocket and pages still work.
//
//   WSGATE_BIN   the program (default: target/release/wsgate)
//   CHROMIUM     the browser (default: /usr/bin/chromium)

import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { connect } from "node:http2";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { startRun } from "./lib/browser.mjs";
import { DOMAIN, startSite } from "./lib/site.mjs";

const PICTURES = fileURLToPath(new URL("../../target/http2", import.meta.url));
const OFFERED = { ignoreHTTPSErrors: true };
const run = await startRun(PICTURES, [`--host-resolver-rules=MAP ${DOMAIN} 127.0.0.1`]);
let site = null;

await against({ http2: true, http2_websocket: true }, async () => {
  await run.report("a page and its resources come over HTTP/2", () => pageOver("h2"));
  await run.report("a WebSocket of Chromium's comes over HTTP/2, echoes, and closes with its code", () => socketOver("h2"));
  await run.report("many sockets of a page share its connection", manySockets);
  await run.report("Node's http2 gets the page, and ends politely", nodesClient);
  await run.report("curl speaks HTTP/2, uploads, and HTTP/1.1 where it is told to", curls);
});
await against({ http2: true, http2_websocket: false }, async () => {
  await run.report("with http2_websocket off, pages come over HTTP/2", () => pageOver("h2"));
  await run.report("with http2_websocket off, a WebSocket comes over HTTP/1.1", () => socketOver(""));
});
await against({ http2: false, http2_websocket: false }, async () => {
  await run.report("with http2 off, pages come over HTTP/1.1", () => pageOver(""));
  await run.report("with http2 off, a WebSocket comes over HTTP/1.1", () => socketOver(""));
});
await run.end(() => site?.said().slice(-4000));

/** Starts the gateway with these settings, and stops it behind `cases`. */
async function against(settings, cases) {
  site = await startSite(settings);
  try {
    await cases();
  } finally {
    await site.stop();
  }
}

async function pageOver(proto) {
  const page = await run.open(OFFERED);
  const answer = await page.goto(`${site.url}/page?${proto}`);
  assert.equal(answer.status(), 200);
  await page.waitForFunction(() => document.title === "fetched");
  const kinds = await page.evaluate(() =>
    performance.getEntriesByType("navigation").concat(performance.getEntriesByType("resource")).map((it) => it.nextHopProtocol));
  assert.deepEqual([...new Set(kinds)], [proto || "http/1.1"]);
  for (const path of [`/page?${proto}`, "/page.js"]) {
    const line = await site.line((it) => it.path === path && it.kind === "request");
    assert.equal(line.proto ?? "", proto, JSON.stringify(line));
  }
  await page.context().close();
}

async function socketOver(proto) {
  const page = await run.open(OFFERED);
  await page.goto(`${site.url}/page`);
  const seen = await page.evaluate((url) => new Promise((resolve, reject) => {
    const socket = new WebSocket(url, ["chat"]);
    const seen = { messages: [] };
    const long = "x".repeat(300_000);
    socket.onopen = () => ["hello", "Grüße", long].forEach((it) => socket.send(it));
    socket.onmessage = ({ data }) => {
      seen.messages.push(data.length > 100 ? data.length : data);
      if (seen.messages.length === 3) socket.close(4001, "enough");
    };
    socket.onerror = () => reject(new Error("the socket failed"));
    socket.onclose = ({ code, reason, wasClean }) => resolve({ ...seen, code, reason, wasClean, protocol: socket.protocol, extensions: socket.extensions });
  }), `${site.url.replace("https", "wss")}/socket?${proto}`);
  assert.deepEqual(seen.messages, ["hello", "Grüße", 300_000]);
  assert.deepEqual([seen.code, seen.wasClean, seen.protocol], [4001, true, "chat"]);
  assert.match(seen.extensions, /permessage-deflate/);
  const line = await site.line((it) => it.path === `/socket?${proto}` && it.kind === "socket");
  assert.equal(line.proto ?? "", proto, JSON.stringify(line));
  assert.deepEqual([line.status, line.end, line.by], [proto ? 200 : 101, "close:4001", "client"]);
  await page.context().close();
}

/** Twenty sockets and the page, over no more connections than the page alone would have. */
async function manySockets() {
  const before = await site.metric("wsgate_connections_accepted_total");
  const page = await run.open(OFFERED);
  await page.goto(`${site.url}/page`);
  const echoes = await page.evaluate((url) => Promise.all(Array.from({ length: 20 }, (_, it) => new Promise((resolve, reject) => {
    const socket = new WebSocket(`${url}&n=${it}`, ["chat"]);
    socket.onopen = () => socket.send(String(it));
    socket.onmessage = ({ data }) => resolve(Number(data));
    socket.onerror = () => reject(new Error(`socket ${it} failed`));
  }))), `${site.url.replace("https", "wss")}/socket?many`);
  assert.deepEqual(echoes, Array.from({ length: 20 }, (_, it) => it));
  const more = await site.metric("wsgate_connections_accepted_total") - before;
  assert.ok(more <= 3, `${more} connections`);
  await page.context().close();
  for (let it = 0; it < 20; it += 1) {
    const line = await site.line((line) => line.path === `/socket?many&n=${it}` && line.kind === "socket");
    assert.equal(line.proto, "h2", JSON.stringify(line));
  }
}

async function nodesClient() {
  const session = connect(site.url, { ca: site.ca, servername: DOMAIN, lookup: site.lookup });
  const asked = session.request({ ":path": "/page?node", cookie: ["a=1", "b=2"] });
  asked.setEncoding("utf8").end();
  let [status, body] = [0, ""];
  asked.on("response", (head) => (status = head[":status"]));
  for await (const piece of asked) body += piece;
  assert.equal(status, 200);
  assert.match(body, /page\.js/);
  assert.equal(session.alpnProtocol, "h2");
  await new Promise((resolve) => session.close(resolve));
  const line = await site.line((it) => it.path === "/page?node");
  assert.deepEqual([line.proto, line.end], ["h2", "finished"]);
}

async function curls() {
  const curl = async (...options) => {
    const resolve = `${DOMAIN}:${site.port}:127.0.0.1`;
    const args = ["-sS", "--cacert", site.authority, "--resolve", resolve, "-w", "\n%{http_version} %{http_code}", ...options];
    return (await promisify(execFile)("curl", args, { timeout: 20_000 })).stdout;
  };
  if (!/\bHTTP2\b/.test((await promisify(execFile)("curl", ["-V"])).stdout)) throw new Error("this curl has no HTTP/2");
  assert.match(await curl("--http2", `${site.url}/page?curl`), /\n2 200$/);
  const file = `${PICTURES}/upload`;
  writeFileSync(file, "x".repeat(500_000));
  assert.match(await curl("--http2", "--data-binary", `@${file}`, `${site.url}/count`), /^500000\n2 200$/);
  assert.match(await curl("--http1.1", `${site.url}/page`), /\n1\.1 200$/);
  const line = await site.line((it) => it.path === "/count");
  assert.deepEqual([line.proto, line.up_bytes], ["h2", 500_000]);
}
