// A pool of two servers under 500 sockets, one of them killed: its sockets are told, the others hear nothing, and
// whoever comes at that moment gets the server that lives.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import https from 'node:https';

import WebSocket from 'ws';

import { Inbox } from '../lib/inbox.mjs';
import { within } from '../lib/ports.mjs';

export const name = 'server killed';
export const system = 'a pool of two ws 8.23.0 servers, least_connections, 500 sockets';
export const limitMs = 60_000;

const SOCKETS = 500;
const NEWCOMERS = 200;
const REQUESTS = 200;
const AT_ONCE = 50;
const CLOSE_LIMIT_MS = 5000;
/** `fall` looks of `every`, and a little. */
const HEALTH_BOUND_MS = 2500;
const BACK_LIMIT_MS = 10_000;

export async function run(t) {
  const servers = { one: await t.server('echo.mjs', 'one'), two: await t.server('echo.mjs', 'two') };
  const gateway = await t.gateway(t.config('pool.toml', { 9595: servers.one.port, 9596: servers.two.port }));
  const sockets = await openMany(gateway, SOCKETS);
  t.after(() => sockets.forEach((socket) => socket.terminate()));
  const lost = sockets.filter(({ server }) => server === 'one');
  const kept = sockets.filter(({ server }) => server === 'two');
  assert.ok(Math.abs(lost.length - kept.length) <= AT_ONCE, `evenly spread: ${lost.length} and ${kept.length}`);

  const closes = lost.map((socket) => within(CLOSE_LIMIT_MS, 'a close', once(socket, 'close')));
  await servers.one.kill();
  const began = performance.now();
  const newcomers = openMany(gateway, NEWCOMERS);
  const answers = requests(gateway, REQUESTS);
  const codes = new Set((await Promise.all(closes)).map(([code]) => code));
  assert.deepEqual([...codes], [1011], 'the lost are told with 1011');
  const came = await newcomers;
  t.after(() => came.forEach((socket) => socket.terminate()));
  const ms = Math.round(performance.now() - began);
  assert.ok(came.every(({ server }) => server === 'two'), 'newcomers get the server that lives');
  assert.deepEqual([...new Set(await answers)], ['200 two'], 'no 502 when another server lives');
  assert.ok(ms < HEALTH_BOUND_MS, `${NEWCOMERS} newcomers took ${ms} ms`);
  await stillEchoes([...kept, ...came]);

  await servers.one.restart();
  const until = Date.now() + BACK_LIMIT_MS;
  let back = 0;
  while (back === 0 && Date.now() < until) {
    const more = await openMany(gateway, 10);
    back = more.filter(({ server }) => server === 'one').length;
    more.forEach((socket) => socket.terminate());
  }
  assert.ok(back > 0, 'the server that came back is used again');
  return `${lost.length} sockets told with 1011, ${kept.length} heard nothing, `
    + `${NEWCOMERS} newcomers and ${REQUESTS} requests in ${ms} ms all on the other server, used again when back`;
}

async function openMany(gateway, count) {
  const sockets = [];
  for (let from = 0; from < count; from += AT_ONCE) {
    const some = Array.from({ length: Math.min(AT_ONCE, count - from) }, () => open(gateway));
    sockets.push(...await Promise.all(some));
  }
  return sockets;
}

/** A socket whose server has said its name; a handshake that is refused throws with its status. */
async function open({ host, port }) {
  const socket = new WebSocket(`wss://${host}:${port}/game`);
  socket.inbox = new Inbox('a message');
  socket.on('message', (data) => socket.inbox.push(data.toString()));
  await once(socket, 'open');
  socket.server = await socket.inbox.next();
  return socket;
}

async function requests({ host, port }, count) {
  const agent = new https.Agent({ keepAlive: true, maxSockets: 20 });
  const answers = await Promise.all(Array.from({ length: count }, () => request({ host, port, agent })));
  agent.destroy();
  return answers;
}

async function request(options) {
  const asked = https.get({ ...options, path: '/plain' });
  const [response] = await within(CLOSE_LIMIT_MS, 'an answer', once(asked, 'response'));
  let body = '';
  for await (const piece of response.setEncoding('utf8')) body += piece;
  return `${response.statusCode} ${body}`;
}

async function stillEchoes(sockets) {
  sockets.forEach((socket, n) => socket.send(`after the loss ${n}`));
  const heard = await Promise.all(sockets.map((socket) => socket.inbox.next()));
  heard.forEach((text, n) => assert.equal(text, `after the loss ${n}`));
}
