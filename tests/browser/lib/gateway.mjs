// A wsgate with an admin listener in front of real echo servers, and clients that keep talking
// through it. Knows the configuration and the signals, nothing of the page.

import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { WebSocket } from "ws";
import { makeCertificate } from "../../interop/lib/certificate.mjs";
import { LOOPBACK, freePort } from "../../interop/lib/ports.mjs";
import { lookup, scratch, startChild, startEcho } from "./child.mjs";

export { until } from "./child.mjs";

export const DOMAIN = "game.example.test";
export const SOON = { domain: "soon.example.test", days: 9 }; // its certificate ends soon
const OPEN_MS = 10_000;
const TALK_MS = 250;

/** Starts two echo servers and the gateway for two sites in front of them; one pool has a dead server. */
export async function startGateway() {
  const folder = scratch("status");
  const identity = makeCertificate(folder, DOMAIN);
  mkdirSync(`${folder}/soon`);
  const soon = makeCertificate(`${folder}/soon`, SOON.domain, SOON.days);
  // Plain requests are answered too, so that health checks find it well.
  const well = (_, answer) => answer.end("well\n");
  const servers = [await startEcho(well), await startEcho(well)];
  const [port, adminPort, dead] = [await freePort(), await freePort(), await freePort()];
  const facts = { ...identity, soon, port, adminPort, dead, servers: servers.map((it) => it.port) };
  const text = configuration(facts);
  const { child, config, said, stop } = await startChild({ folder, text, adminPort, servers });
  const reload = (text) => {
    writeFileSync(config, text ?? configuration(facts));
    child.kill("SIGHUP");
  };
  return { ...facts, child, said, admin: `http://${LOOPBACK}:${adminPort}`, reload, stop };
}

/** One question to the admin listener, answered as JSON. */
export async function ask(gateway, path, options = {}) {
  const answer = await fetch(gateway.admin + path, { ...options, signal: AbortSignal.timeout(10_000) });
  assert.ok(answer.ok, `${path}: ${answer.status}`);
  return answer.json();
}

/** Opens a socket through the gateway, by default a talkative one; `closed` settles with code and reason. */
export async function openSocket(gateway, path, headers = {}, talkative = true) {
  const socket = new WebSocket(`wss://${DOMAIN}:${gateway.port}${path}`, {
    ca: gateway.ca, headers, perMessageDeflate: false, handshakeTimeout: OPEN_MS,
    lookup,
  });
  const closed = new Promise((resolve) =>
    socket.once("close", (code, reason) => resolve({ code, reason: reason.toString() })));
  await once(socket, "open");
  const talk = setInterval(() => {
    if (talkative && socket.readyState === WebSocket.OPEN) socket.send("a message of a lively client");
  }, TALK_MS);
  closed.then(() => clearInterval(talk));
  return { socket, closed };
}

/** Sends one handshake to the gateway with `path` exactly as it is; returns the status of the answer. */
export async function shakeHands(gateway, path, headers = {}) {
  const asked = request({
    host: LOOPBACK, port: gateway.port, servername: DOMAIN, ca: gateway.ca, path, timeout: OPEN_MS,
    headers: {
      Host: DOMAIN, Connection: "Upgrade", Upgrade: "websocket",
      "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", ...headers,
    },
  });
  asked.end();
  const [answer] = await Promise.race([once(asked, "response"), once(asked, "upgrade")]);
  asked.destroy();
  return answer.statusCode;
}

function configuration({ port, adminPort, dead, servers, certificate, privateKey, soon }) {
  return `[gateway.drain]
timeout = "20s"
spread = "6s"

[log]
level = "info"
access = "off"

[admin]
listen = "${LOOPBACK}:${adminPort}"

[[listeners]]
address = "${LOOPBACK}:${port}"
protocol = "https"

[backends.game]
servers = ["${LOOPBACK}:${servers[0]}", "${LOOPBACK}:${servers[1]}"]

[backends.mixed]
servers = ["${LOOPBACK}:${servers[1]}", "${LOOPBACK}:${dead}"]
health = { path = "/", every = "500ms", timeout = "500ms", fall = 2, rise = 1 }

[[sites]]
domains = ["${DOMAIN}"]
certificate = "${certificate}"
private_key = "${privateKey}"

[[sites.routes]]
path = "/applet/websocket"
backend = "game"
heartbeat = { client_ping = "1s", client_timeout = "20s", backend_ping = "1s", backend_timeout = "20s" }

[[sites.routes]]
path = "/mixed"
backend = "mixed"

[[sites.routes]]
path = "/strict"
backend = "game"
[sites.routes.clients]
origins = ["https://${DOMAIN}"]

[[sites]]
domains = ["${SOON.domain}"]
certificate = "${soon.certificate}"
private_key = "${soon.privateKey}"

[[sites.routes]]
path = "/"
backend = "game"
`;
}
