// SIGUSR2 under 200 new connections a second: a new process takes the sockets over, nobody is refused or reset, and
// the old process ends by itself.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { open } from '../lib/crowd.mjs';
import { until, within } from '../lib/ports.mjs';

export const name = 'takeover';
export const system = 'a ws 8.23.0 echo server, 200 new sockets a second, SIGUSR2 twice';
export const limitMs = 90_000;

const PER_SECOND = 200;
const TICK_MS = 50;
const TAKEOVERS = 2;
const END_LIMIT_MS = 20_000;
const SETTINGS = '[gateway.drain]\ntimeout = "10s"\nspread = "1s"\n\n[log]\nlevel = "info"\n\n';

export async function run(t) {
  const server = await t.server('echo.mjs', 'one');
  const gateway = await t.gateway(
    `[[sites.routes]]\npath = "/game"\nbackend = "127.0.0.1:${server.port}"\n`,
    SETTINGS,
  );
  const newcomers = stream(`wss://${gateway.host}:${gateway.port}/game`);
  t.after(() => newcomers.stop());
  const pids = [gateway.pid];
  for (let round = 1; round <= TAKEOVERS; round += 1) {
    await sleep(1000);
    const old = pids.at(-1);
    process.kill(old, 'SIGUSR2');
    const words = /the new process has taken over pid=(\d+)/g;
    const heirs = () => [...gateway.log.stderr.matchAll(words)].map((match) => Number(match[1]));
    await until(() => heirs().length === round, 'the takeover', END_LIMIT_MS);
    pids.push(heirs().at(-1));
    t.after(() => end(pids[round]));
    await within(END_LIMIT_MS, 'the old process to end', gone(old));
  }
  await sleep(1000);
  const { came, failed } = await newcomers.stop();
  assert.deepEqual(failed, [], 'nobody is refused or reset');
  assert.ok(came > PER_SECOND * 3, `only ${came} came`);
  return `${came} new sockets, none refused or reset, over ${TAKEOVERS} takeovers; each old process ended by itself`;
}

/** New sockets at a steady rate, each closed again after it has been opened. */
function stream(url) {
  const seen = { came: 0, failed: [] };
  const pending = new Set();
  const one = async () => {
    try {
      const socket = await open(url);
      seen.came += 1;
      socket.on('error', () => {}); // what happens later is not what is counted here
      socket.close(1000);
    } catch (error) {
      seen.failed.push(String(error?.message ?? error));
    }
  };
  const timer = setInterval(() => {
    for (let at = 0; at < (PER_SECOND * TICK_MS) / 1000; at += 1) {
      const work = one().finally(() => pending.delete(work));
      pending.add(work);
    }
  }, TICK_MS);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      return seen;
    },
  };
}

async function gone(pid) {
  while (alive(pid)) await sleep(50);
}

function alive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function end(pid) {
  if (!alive(pid)) return;
  process.kill(pid, 'SIGTERM');
  await within(END_LIMIT_MS, 'the last process to end', gone(pid));
}
