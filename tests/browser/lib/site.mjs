// A wsgate in front of one server with a page and a socket, and what it writes into its access log. Knows the
// configuration, nothing of browsers.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { WebSocketServer } from "ws";
import { makeCertificate } from "../../interop/lib/certificate.mjs";
import { gatewayBinary } from "../../interop/lib/gateway.mjs";
import { LOOPBACK, freePort, untilAccepting } from "../../interop/lib/ports.mjs";
import { until } from "./gateway.mjs";

export const DOMAIN = "page.example.test";
const START_MS = 15_000;
const PAGE = '<!doctype html><title>page</title><link rel="icon" href="data:,"><script src="/page.js"></script>';
const SCRIPT = 'fetch("/data").then((it) => it.text()).then((it) => { document.title = it; });';

/** Starts the server and the gateway; `http2` and `http2_websocket` are the gateway's settings. */
export async function startSite({ http2, http2_websocket }) {
  const folder = mkdtempSync(`${tmpdir()}/wsgate-http2-`);
  const identity = makeCertificate(folder, DOMAIN);
  const server = await startServer();
  const [port, adminPort] = [await freePort(), await freePort()];
  const config = `${folder}/gateway.toml`;
  writeFileSync(config, `[gateway]
http2_websocket = ${http2_websocket}

[log]
level = "info"
format = "json"

[admin]
listen = "${LOOPBACK}:${adminPort}"

[[listeners]]
address = "${LOOPBACK}:${port}"
http2 = ${http2}

[[sites]]
domains = ["${DOMAIN}"]
certificate = "${identity.certificate}"
private_key = "${identity.privateKey}"

[[sites.routes]]
path = "/"
backend = "${LOOPBACK}:${server.port}"
`);
  const child = spawn(gatewayBinary(), ["--config", config], { stdio: ["ignore", "pipe", "pipe"] });
  const [said, lines] = [[], []];
  child.stderr.setEncoding("utf8").on("data", (text) => said.push(text));
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const whole = (rest + text).split("\n");
    rest = whole.pop();
    lines.push(...whole.filter((it) => it.startsWith("{")).map((it) => JSON.parse(it)));
    said.push(...whole);
  });
  const stop = async () => {
    await end(child);
    server.stop();
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilAccepting(adminPort, START_MS, () => assert.equal(child.exitCode, null, said.join("")));
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    ca: identity.ca, authority: `${folder}/ca.crt`, port, said, stop,
    url: `https://${DOMAIN}:${port}`,
    lookup: (_, options, done) => (options.all ? done(null, [{ address: LOOPBACK, family: 4 }]) : done(null, LOOPBACK, 4)),
    /** The access line that `wanted` takes. */
    line: (wanted) => until(`a line of ${wanted}`, () => lines.find((it) => it.kind && wanted(it))),
    metric: async (name) => {
      const text = await (await fetch(`http://${LOOPBACK}:${adminPort}/metrics`)).text();
      return Number(text.split("\n").find((it) => it.startsWith(`${name} `))?.split(" ")[1]);
    },
  };
}

async function startServer() {
  const server = createServer(async (request, answer) => {
    let bytes = 0;
    for await (const piece of request) bytes += piece.length;
    const path = request.url.split("?")[0];
    const script = path === "/page.js";
    answer.setHeader("content-type", script ? "text/javascript" : "text/html; charset=utf-8");
    answer.end({ "/page": PAGE, "/page.js": SCRIPT, "/data": "fetched", "/count": String(bytes) }[path] ?? "");
  }).listen(0, LOOPBACK);
  await once(server, "listening");
  const sockets = new WebSocketServer({ server, perMessageDeflate: true });
  sockets.on("connection", (socket) => {
    socket.on("message", (data, binary) => socket.send(data, { binary }));
    socket.on("error", () => {});
  });
  const stop = () => {
    sockets.clients.forEach((it) => it.terminate());
    server.close();
  };
  return { port: server.address().port, stop };
}

async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const hurry = setTimeout(() => child.kill("SIGKILL"), 10_000);
  await ended;
  clearTimeout(hurry);
}
