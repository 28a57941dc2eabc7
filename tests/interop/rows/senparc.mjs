// A server that reads as Senparc's handler on IIS does: 1024 bytes at a time, each read taken for a message, nothing
// put together again. It is right only as long as what came as one frame leaves as one frame.

import assert from 'node:assert/strict';
import net from 'node:net';

import { CLOSE, FrameReader, TEXT, frame } from '../lib/frames.mjs';
import { Inbox } from '../lib/inbox.mjs';
import { listen } from '../lib/ports.mjs';
import { acceptFor, connect } from '../lib/raw-socket.mjs';
import { closed, opened } from '../lib/wx-waits.mjs';
import { phone } from '../lib/wx.mjs';

export const name = 'Senparc/IIS';
export const system = 'a reader of 1024 bytes without reassembly, mini program';

const BUFFER = 1024;
const SIZES = [1, 125, 126, 500, 1000, 1024];
const BEYOND = 2500;
/** Between two pieces of one frame, so that each is a segment and a TLS record of its own. */
const PIECE_PAUSE_MS = 40;

export async function run(t) {
  const server = await startReader(t);
  const gateway = await t.gateway(t.config('senparc.toml', { 8088: server.port }));
  await wholeMessages(gateway);
  await inPieces(gateway, server);
  await asWithoutGateway(gateway, server);
  return `messages of ${SIZES[0]} to ${BUFFER} bytes arrive as one frame each, also when written in pieces of TCP; `
    + 'fragments stay what they were';
}

async function startReader(t) {
  const frames = [];
  const open = new Set();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on('error', () => {});
    serve(socket, frames);
  });
  t.after(() => server.close());
  t.after(() => open.forEach((socket) => socket.destroy()));
  return { port: await listen(server), frames };
}

function serve(socket, frames) {
  const reader = new FrameReader();
  let head = '';
  socket.on('data', (chunk) => {
    if (head.includes('\r\n\r\n')) {
      reader.push(chunk);
    } else {
      head += chunk.toString('latin1');
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const [, key] = /^sec-websocket-key:[ \t]*(\S+)/im.exec(head);
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: Websocket\r\nServer: Microsoft-IIS/10.0\r\n'
        + `Sec-WebSocket-Accept: ${acceptFor(key)}\r\nConnection: Upgrade\r\n\r\n`);
      reader.push(Buffer.from(head.slice(end + 4), 'latin1'));
    }
    for (let got = reader.next(); got; got = reader.next()) receive(socket, got, frames);
  });
}

function receive(socket, got, frames) {
  if (got.opcode === CLOSE) return socket.end(frame(CLOSE, got.payload, { mask: false }));
  frames.push(got);
  for (let at = 0; at < got.payload.length; at += BUFFER) {
    const content = got.payload.subarray(at, at + BUFFER).toString().replaceAll('\0', '');
    socket.write(frame(TEXT, JSON.stringify({ content, time: '2026-01-01 00:00:00' }), { mask: false }));
  }
  return undefined;
}

async function wholeMessages(gateway) {
  const task = await opened(phone(gateway).connectSocket({ url: 'wss://game.example.test/SenparcWebSocket' }));
  const replies = new Inbox('a reply');
  task.onMessage(replies.push);
  for (const size of SIZES) {
    task.send({ data: 'x'.repeat(size) });
    assert.equal(JSON.parse((await replies.next()).data).content.length, size);
  }
  SIZES.forEach((size) => task.send({ data: 'y'.repeat(size) })); // all in one segment, too
  for (const size of SIZES) assert.equal(JSON.parse((await replies.next()).data).content, 'y'.repeat(size));
  assert.equal((await closed(task)).code, 1000);
}

/** Split in the head, behind the head, in the mask and in the payload. */
async function inPieces(gateway, { frames }) {
  for (const cuts of [[1], [2, 5], [3, 8, 9], [300], [1, 2, 3, 4, 5, 6, 7, 8, 9, 500, 1000]]) {
    const socket = await raw(gateway);
    const before = frames.length;
    const bytes = frame(TEXT, 'z'.repeat(BUFFER));
    let from = 0;
    for (const cut of [...cuts, bytes.length]) {
      socket.send(bytes.subarray(from, cut));
      from = cut;
      await new Promise((resolve) => { setTimeout(resolve, PIECE_PAUSE_MS); });
    }
    const reply = await socket.next();
    assert.equal(JSON.parse(reply.payload).content.length, BUFFER);
    const [got, ...more] = frames.slice(before);
    assert.deepEqual([got.fin, got.opcode, got.payload.length, more.length], [true, TEXT, BUFFER, 0]);
    socket.destroy();
  }
}

/** What such a server breaks on, it breaks on in the same way: nothing is merged for it, nothing is split. */
async function asWithoutGateway(gateway, server) {
  const direct = await connect(server.port, null);
  await direct.upgrade('game.example.test', '/SenparcWebSocket');
  const through = await raw(gateway);
  const heard = [];
  for (const socket of [direct, through]) {
    socket.send(frame(TEXT, 'a'.repeat(BEYOND)));
    socket.send(Buffer.concat([frame(TEXT, 'frag', { fin: false }), frame(0, 'ment')]));
    const contents = [];
    while (contents.length < Math.ceil(BEYOND / BUFFER) + 2) contents.push(JSON.parse((await socket.next()).payload).content);
    heard.push(contents);
    socket.destroy();
  }
  assert.deepEqual(heard[1], heard[0]);
  assert.deepEqual(heard[0].slice(-2), ['frag', 'ment']);
}

async function raw({ port, ca, host }) {
  const socket = await connect(port, { ca, servername: host });
  await socket.upgrade(host, '/SenparcWebSocket');
  return socket;
}
