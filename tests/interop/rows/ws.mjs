// `ws`, the most used server of Node: the subprotocol it chooses, and permessage-deflate end to end.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

import WebSocket, { WebSocketServer } from 'ws';

import { COMPRESSED } from '../lib/frames.mjs';
import { Inbox } from '../lib/inbox.mjs';
import { listen } from '../lib/ports.mjs';
import { tap } from '../lib/tap.mjs';

export const name = 'ws';
export const system = 'ws 8.23.0, server and client';

const MESSAGES = ['小程序 '.repeat(20_000), 'short', randomBytes(50_000), '{"msg_type":"ping"}', ''];

export async function run(t) {
  const server = await deflatingServer(t);
  const gateway = await t.gateway(t.config('ws.toml', { 8080: server.port, 8081: server.port }));
  const { compressed } = await deflate(gateway, server);
  await declined(gateway, server);
  await subprotocol(gateway);
  return `${compressed} RSV1 frames seen at both ends each way with the same bytes and the right content; `
    + 'none where the route declines; first subprotocol echoed';
}

async function deflatingServer(t) {
  const server = http.createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: { threshold: 0 } });
  const seen = [];
  sockets.on('connection', (socket, request) => {
    seen.push({ frames: tap(request.socket), extensions: socket.extensions });
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  t.after(() => sockets.clients.forEach((socket) => socket.terminate()));
  t.after(() => server.close());
  return { port: await listen(server), seen };
}

async function deflate(gateway, { seen }) {
  const { socket, frames } = await open(gateway, '/ws');
  assert.match(socket.extensions, /^permessage-deflate/);
  await echoAll(socket);
  const there = seen.at(-1).frames;
  sameFrames(frames.written, there.read);
  sameFrames(there.written, frames.read);
  for (const list of [frames.written, frames.read]) {
    assert.ok(list.slice(0, -1).every(({ rsv }) => rsv === COMPRESSED), 'every message that is not empty is compressed');
  }
  assert.ok(frames.written[0].payload.length < Buffer.byteLength(MESSAGES[0]) / 20, 'and really smaller');
  socket.close();
  return { compressed: frames.read.filter(({ rsv }) => rsv === COMPRESSED).length };
}

async function declined(gateway, { seen }) {
  const { socket, frames } = await open(gateway, '/plain');
  assert.equal(socket.extensions, '');
  assert.equal(seen.at(-1).extensions, '');
  await echoAll(socket);
  assert.ok([...frames.read, ...seen.at(-1).frames.read].every(({ rsv }) => rsv === 0));
  socket.close();
}

async function subprotocol(gateway) {
  const { socket } = await open(gateway, '/ws', ['v12.stomp', 'mqtt']);
  assert.equal(socket.protocol, 'v12.stomp');
  socket.close();
}

async function echoAll(socket) {
  for (const message of MESSAGES) {
    socket.send(message);
    const { data } = await socket.echoes.next();
    assert.ok(Buffer.from(message).equals(data), 'the same content');
  }
}

/** The payloads differ by nothing but the mask, which the tap has taken off. */
function sameFrames(one, other) {
  const shape = (frames) => frames.map(({ fin, rsv, opcode, payload }) => [fin, rsv, opcode, payload.toString('base64')]);
  assert.ok(one.length > 0 && JSON.stringify(shape(one)) === JSON.stringify(shape(other)), 'the same frames at both ends');
}

async function open({ host, port }, path, protocols = []) {
  const socket = new WebSocket(`wss://${host}:${port}${path}`, protocols, { perMessageDeflate: { threshold: 0 } });
  let frames;
  socket.on('upgrade', (response) => { frames = tap(response.socket); });
  socket.echoes = new Inbox('an echo');
  socket.on('message', (data, binary) => socket.echoes.push({ data, binary }));
  await once(socket, 'open');
  return { socket, frames };
}
