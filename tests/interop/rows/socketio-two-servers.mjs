// Real Socket.IO clients of each major version over two servers: polling and upgrade where an address sticks, and
// WebSocket alone, as from mini programs, where nothing does.

import assert from 'node:assert/strict';

import { ask, connectClient, upgraded } from '../lib/socketio-peers.mjs';

export const name = 'Socket.IO, two servers';
export const system = 'socket.io 2.5.1, 3.1.2, 4.8.4 with their clients, two servers each';

const MAJORS = [2, 3, 4];
const CLIENTS = 20;

export async function run(t) {
  const shares = [];
  for (const major of MAJORS) shares.push(`${major}.x ${await sticky(t, major)}`);
  await webSocketOnly(t);
  return `polling, then upgrade, of ${CLIENTS} clients each, shared as ${shares.join(', ')}; `
    + 'WebSocket alone needs no stickiness';
}

async function sticky(t, major) {
  const { gateway } = await pool(t, major, 'socketio-by-address.toml');
  const clients = await Promise.all(Array.from({ length: CLIENTS }, (_, n) => (
    connectClient(major, gateway, { localAddress: `127.2.${major}.${n + 1}`, options: { reconnection: false } }))));
  t.after(() => clients.forEach((client) => client.disconnect()));
  await Promise.all(clients.map(upgraded));
  const names = await Promise.all(clients.map((client) => ask(client, 'join', 'room')));
  clients.forEach(({ drops }) => assert.deepEqual(drops, []));
  return share(names);
}

/** As a mini program: any server will do for a session that is one socket. */
async function webSocketOnly(t) {
  const { gateway } = await pool(t, 4, 'socketio-websocket-only.toml');
  const options = { transports: ['websocket'], reconnection: false };
  const clients = await Promise.all(Array.from({ length: CLIENTS }, () => connectClient(4, gateway, { options })));
  t.after(() => clients.forEach((client) => client.disconnect()));
  const names = await Promise.all(clients.map((client) => ask(client, 'join', 'room')));
  assert.ok(names.includes('one') && names.includes('two'), 'both servers are used');
  const polling = connectClient(4, gateway, { options: { transports: ['polling'], reconnection: false } });
  await assert.rejects(polling, 'polling is refused by the route');
}

async function pool(t, major, config) {
  const [one, two] = await Promise.all(['one', 'two'].map((server) => t.server('socketio.mjs', major, server)));
  return { gateway: await t.gateway(t.config(config, { 3000: one.port, 3001: two.port })) };
}

function share(names) {
  return ['one', 'two'].map((server) => names.filter((it) => it === server).length).join(':');
}
