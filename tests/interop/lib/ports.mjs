// Loopback ports and waiting. Knows nothing of WebSockets or of the gateway.

import { once } from 'node:events';
import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

export const LOOPBACK = '127.0.0.1';

/** A TCP port on which nobody listens just now. */
export async function freePort() {
  const probe = net.createServer();
  const port = await listen(probe);
  probe.close();
  await once(probe, 'close');
  return port;
}

/** Lets `server` listen on a free loopback port and returns the port. */
export async function listen(server) {
  server.listen(0, LOOPBACK);
  await once(server, 'listening');
  return server.address().port;
}

/** Waits until something accepts connections on `port`; `giveUp` may throw to end the wait early. */
export async function untilAccepting(port, limitMs, giveUp = () => {}) {
  const deadline = Date.now() + limitMs;
  while (Date.now() < deadline) {
    giveUp();
    if (await accepts(port)) return;
    await sleep(25);
  }
  throw new Error(`nothing accepted on port ${port} within ${limitMs} ms`);
}

/** Polls `condition` until it returns something truthy, and returns that. */
export async function until(condition, what, limitMs = 5000) {
  const deadline = Date.now() + limitMs;
  while (Date.now() < deadline) {
    const value = await condition();
    if (value) return value;
    await sleep(5);
  }
  throw new Error(`${what} did not happen within ${limitMs} ms`);
}

/** Rejects with `what` when `promise` is not settled after `limitMs`. */
export async function within(limitMs, what, promise) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: nothing within ${limitMs} ms`)), limitMs);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

function accepts(port) {
  return new Promise((resolve) => {
    const socket = net.connect(port, LOOPBACK);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
