// Real socket.io servers and clients of one major version, and what both must be able to do through a gateway.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import https from 'node:https';

import { Inbox } from './inbox.mjs';
import { until, within } from './ports.mjs';

const CLIENTS = { 2: 'socket.io-client-2', 3: 'socket.io-client-3', 4: 'socket.io-client-4' };
const LIMIT_MS = 10_000;

/** A connected client; it polls first and upgrades, as its library does by default, unless told otherwise. */
export async function connectClient(major, gateway, { options = {}, localAddress } = {}) {
  const library = await import(CLIENTS[major]);
  const connect = library.io ?? library.default;
  const agent = new https.Agent({ localAddress, keepAlive: true });
  const socket = connect(`https://${gateway.host}:${gateway.port}`, {
    forceNew: true, reconnectionDelay: 100, reconnectionDelayMax: 500, randomizationFactor: 0, agent, ...options,
  });
  socket.said = new Inbox('a word in the room');
  socket.on('said', socket.said.push);
  socket.drops = [];
  socket.on('disconnect', (reason) => socket.drops.push(reason));
  socket.io.on('close', () => agent.destroy());
  await within(LIMIT_MS, 'a connection', new Promise((resolve, reject) => {
    socket.once('connect', resolve);
    socket.once('connect_error', reject);
  }));
  return socket;
}

/** The client's acknowledgement. */
export function ask(socket, event, ...data) {
  return within(LIMIT_MS, `an answer to ${event}`, new Promise((resolve) => { socket.emit(event, ...data, resolve); }));
}

export function upgraded(socket) {
  return until(() => socket.io.engine?.transport.name === 'websocket', 'the upgrade', LIMIT_MS);
}

/** Polling, upgrade, rooms, binary; then the server is killed and started again, and both clients come back. */
export async function fullRow(t, major) {
  const server = await t.server('socketio.mjs', major, 'only');
  const gateway = await t.gateway(t.config('socketio.toml', { 3000: server.port }));
  const [ann, ben] = await Promise.all([connectClient(major, gateway), connectClient(major, gateway)]);
  t.after(() => [ann, ben].forEach((socket) => socket.disconnect()));
  await Promise.all([ann, ben].map(upgraded));
  // A client calls itself upgraded a moment before its server does.
  await until(async () => (await server.ask('tally')).upgrades === 2, 'the upgrade at the server', LIMIT_MS);
  assert.deepEqual(await server.ask('tally'), { sessions: 2, upgrades: 2, open: 2 });
  await room(ann, ben, 'lobby');
  await binary(ann);
  await pollingOnly(major, gateway);

  await server.restart();
  await Promise.all([ann, ben].map((socket) => until(() => socket.drops.length > 0, 'the loss to be noticed', LIMIT_MS)));
  await Promise.all([ann, ben].map((socket) => until(() => socket.connected, 'the way back', LIMIT_MS)));
  await Promise.all([ann, ben].map(upgraded));
  await room(ann, ben, 'lobby after the restart');
  return 'polling, upgrade, rooms, binary both ways, polling alone, back again after the server was killed';
}

async function room(ann, ben, name) {
  await Promise.all([ask(ann, 'join', name), ask(ben, 'join', name)]);
  ann.emit('say', name, 'hello 房间');
  assert.equal(await ben.said.next(), 'hello 房间');
  assert.equal(ann.said.items.length, 0, 'nobody hears themselves');
}

async function binary(socket) {
  for (const size of [0, 3, 70_000, 500_000]) {
    const data = randomBytes(size);
    const { bytes, note } = await ask(socket, 'echo', { bytes: data, note: 'beside' });
    assert.ok(data.equals(Buffer.from(bytes)), `${size} bytes`);
    assert.equal(note, 'beside');
  }
}

async function pollingOnly(major, gateway) {
  const socket = await connectClient(major, gateway, { options: { transports: ['polling'] } });
  await binary(socket);
  assert.equal(socket.io.engine.transport.name, 'polling');
  socket.disconnect();
}
