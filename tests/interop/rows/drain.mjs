// SIGTERM under 2,000 sockets: they are told over the configured time, evenly, each with the configured code, and
// none has to be cut.

import assert from 'node:assert/strict';

import { openCrowd } from '../lib/crowd.mjs';

export const name = 'drain';
export const system = 'a ws 8.23.0 echo server, 2,000 sockets, SIGTERM';
export const limitMs = 90_000;

const SOCKETS = 2000;
const SPREAD_MS = 5000;
const BUCKET_MS = 100;
const BUCKET_MOST = 0.1;
const SETTINGS = '[gateway.drain]\ntimeout = "20s"\nspread = "5s"\nclose_code = 4012\nclose_reason = "come back"\n\n'
  + '[log]\nlevel = "info"\n\n';

export async function run(t) {
  const server = await t.server('echo.mjs', 'one');
  const gateway = await t.gateway(
    `[[sites.routes]]\npath = "/game"\nbackend = "127.0.0.1:${server.port}"\n`,
    SETTINGS,
  );
  const sockets = await openCrowd(`wss://${gateway.host}:${gateway.port}/game`, SOCKETS);
  t.after(() => sockets.forEach((socket) => socket.terminate()));
  const began = performance.now();
  const closes = sockets.map((socket) => new Promise((resolve) => {
    socket.on('close', (code, reason) => resolve({ code, reason: reason.toString(), ms: performance.now() - began }));
  }));
  gateway.signal('SIGTERM');
  const ends = await Promise.all(closes);
  const words = new Set(ends.map(({ code, reason }) => `${code} ${reason}`));
  assert.deepEqual([...words], ['4012 come back'], 'all are told what is configured');
  const buckets = new Map();
  for (const { ms } of ends) {
    const bucket = Math.floor(ms / BUCKET_MS);
    buckets.set(bucket, (buckets.get(bucket) ?? 0) + 1);
  }
  const fullest = Math.max(...buckets.values());
  assert.ok(fullest <= SOCKETS * BUCKET_MOST, `${fullest} closes within ${BUCKET_MS} ms`);
  const last = Math.max(...ends.map(({ ms }) => ms));
  assert.ok(last > SPREAD_MS * 0.9 && last < SPREAD_MS + 2000, `the last after ${Math.round(last)} ms`);
  const [code] = await gateway.closed;
  assert.equal(code, 0);
  assert.match(gateway.log.stderr, /stopped cut=0/);
  return `${SOCKETS} closes with 4012 over ${(last / 1000).toFixed(1)} s, at most ${fullest} within ${BUCKET_MS} ms, none cut`;
}
