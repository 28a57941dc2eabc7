// A gateway of a test: started with a configuration, waited for, and stopped; and the echo servers behind it. Knows
// nothing of what the configuration says.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { tmpdir } from "node:os";
import { setTimeout as sleep } from "node:timers/promises";
import { WebSocketServer } from "ws";
import { gatewayBinary } from "../../interop/lib/gateway.mjs";
import { LOOPBACK, untilAccepting } from "../../interop/lib/ports.mjs";

const START_MS = 15_000;
const STOP_MS = 10_000;

/** A folder for one gateway, which is gone after `stop`. */
export const scratch = (name) => mkdtempSync(`${tmpdir()}/wsgate-${name}-`);

/**
 * Starts a gateway with `text` as the gateway.toml of `folder`, and waits for its admin listener: that opens behind the
 * others, and a connection to those would be an ending that nobody expects. `onLine` gets each line of its standard output.
 */
export async function startChild({ folder, text, adminPort, servers, onLine = () => {} }) {
  const config = `${folder}/gateway.toml`;
  writeFileSync(config, text);
  const child = spawn(gatewayBinary(), ["--config", config], { stdio: ["ignore", "pipe", "pipe"] });
  const said = [];
  child.stderr.setEncoding("utf8").on("data", (text) => said.push(text));
  let rest = "";
  child.stdout.setEncoding("utf8").on("data", (text) => {
    const lines = (rest + text).split("\n");
    rest = lines.pop();
    lines.forEach(onLine);
  });
  const stop = async () => {
    await end(child);
    servers.forEach((it) => it.stop());
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    await untilAccepting(adminPort, START_MS, () => assert.equal(child.exitCode, null, said.join("")));
  } catch (error) {
    await stop();
    throw error;
  }
  return { child, config, said, stop };
}

/** A server that echoes on every WebSocket, and answers plain requests with `answer`. */
export async function startEcho(answer, options = {}) {
  const server = createServer(answer).listen(0, LOOPBACK);
  await once(server, "listening");
  const sockets = new WebSocketServer({ server, ...options });
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

/** For a client that is to find the gateway under a name of its own. */
export const lookup = (_, options, done) =>
  (options.all ? done(null, [{ address: LOOPBACK, family: 4 }]) : done(null, LOOPBACK, 4));

/** Polls until `probe` returns something truthy. */
export async function until(what, probe, limitMs = 15_000) {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const value = await probe();
    if (value) return value;
    assert.ok(Date.now() < deadline, `${what}: not within ${limitMs} ms`);
    await sleep(50);
  }
}

/** Stops the gateway, gently at first. */
async function end(child) {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, "exit");
  child.kill("SIGTERM");
  const hurry = setTimeout(() => child.kill("SIGKILL"), STOP_MS);
  await ended;
  clearTimeout(hurry);
}
