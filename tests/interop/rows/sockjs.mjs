// SockJS: its info request, each of its transports, and its own heartbeat.

import assert from 'node:assert/strict';
import http from 'node:http';

import sockjs from 'sockjs';
import SockJS from 'sockjs-client';

import { Inbox } from '../lib/inbox.mjs';
import { listen } from '../lib/ports.mjs';

export const name = 'SockJS';
export const system = 'sockjs 0.3.24, sockjs-client 1.6.1';

const TRANSPORTS = ['websocket', 'xhr-streaming', 'xhr-polling'];
const HEARTBEAT_MS = 500;
const SILENCE_MS = 3 * HEARTBEAT_MS;
const MESSAGES = ['小程序', 'x'.repeat(50_000), 'last'];

export async function run(t) {
  const server = await echoServer(t);
  const gateway = await t.gateway(t.config('sockjs.toml', { 9999: server.port }));
  await Promise.all(TRANSPORTS.map((transport) => talk(gateway, transport)));
  assert.deepEqual([...server.transports].sort(), [...TRANSPORTS].sort());
  return `info, then ${TRANSPORTS.join(', ')}: echoes, heartbeats of the server survived, close 3000 from the server`;
}

async function echoServer(t) {
  const transports = new Set();
  const echo = sockjs.createServer({ heartbeat_delay: HEARTBEAT_MS, log: () => {} });
  echo.on('connection', (connection) => {
    transports.add(connection.protocol);
    connection.on('data', (data) => (data === 'bye' ? connection.close(3000, 'go') : connection.write(data)));
  });
  const server = http.createServer();
  echo.installHandlers(server, { prefix: '/sockjs' });
  t.after(() => server.closeAllConnections());
  t.after(() => server.close());
  return { port: await listen(server), transports };
}

async function talk({ host, port }, transport) {
  const socket = new SockJS(`https://${host}:${port}/sockjs`, null, { transports: [transport] });
  const [opens, messages, closes] = ['open', 'message', 'close'].map((what) => new Inbox(`${transport}: ${what}`));
  socket.onopen = opens.push;
  socket.onmessage = messages.push;
  socket.onclose = closes.push;
  await opens.next();
  await echoes(socket, messages);
  await new Promise((resolve) => { setTimeout(resolve, SILENCE_MS); });
  assert.equal(closes.items.length, 0, `${transport}: open after the server's heartbeats`);
  await echoes(socket, messages);
  socket.send('bye');
  assert.equal((await closes.next()).code, 3000);
}

async function echoes(socket, messages) {
  for (const text of MESSAGES) {
    socket.send(text);
    assert.equal((await messages.next()).data, text);
  }
}
