// Frame by frame: borders, control frames and early bytes, seen with a raw client and, where `ws` would
// hide them, a raw server behind `/frames`.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, closePayload, frame } from '../lib/frames.mjs';
import { until } from '../lib/ports.mjs';
import { COMMAND, PING_PAYLOAD } from '../lib/websocket-server.mjs';

const ROUNDS = 5;
const PROMPT_MS = 20;

export const cases = [
  ['frames: a fragmented message stays fragmented on both legs', async ({ client, frames }) => {
    const socket = await client.raw('/frames/fragments');
    const sent = [
      [TEXT, 'one ', false], [CONTINUATION, '', false], [CONTINUATION, 'two ', false], [CONTINUATION, 'three', true],
      [BINARY, randomBytes(70_000), false], [CONTINUATION, randomBytes(300), true],
    ];
    const before = frames.seen.length;
    sent.forEach(([opcode, data, fin]) => socket.send(frame(opcode, data, { fin })));
    for (const [opcode, data, fin] of sent) expectFrame(await socket.next(), opcode, data, fin);
    const seen = frames.seen.slice(before);
    assert.equal(seen.length, sent.length);
    seen.forEach((got, n) => expectFrame(got, sent[n][0], sent[n][1], sent[n][2]));
    assert.ok(seen.every((got) => got.masked), 'frames toward a server are masked');
    await goodbye(socket);
  }],

  ['frames: fragments that the server makes arrive as they were made', async ({ client }) => {
    const socket = await client.raw('/echo/server-fragments');
    socket.send(frame(TEXT, COMMAND.fragments));
    expectFrame(await socket.next(), TEXT, 'one ', false);
    expectFrame(await socket.next(), CONTINUATION, 'two ', false);
    expectFrame(await socket.next(), CONTINUATION, 'three', true);
    await goodbye(socket);
  }],

  ['frames: a control frame between fragments keeps its place', async ({ client }) => {
    const socket = await client.raw('/frames/between');
    socket.send(Buffer.concat([frame(TEXT, 'a', { fin: false }), frame(PING, 'mid'), frame(CONTINUATION, 'b')]));
    expectFrame(await socket.next(), TEXT, 'a', false);
    expectFrame(await socket.next(), PING, 'mid', true);
    expectFrame(await socket.next(), CONTINUATION, 'b', true);
    await goodbye(socket);
  }],

  ['frames: the server\'s ping is answered by the client within milliseconds', async ({ client, echo }) => {
    const socket = await client.raw('/echo/server-ping');
    const record = echo.seen.findLast((it) => it.url === '/echo/server-ping');
    for (let round = 1; round <= ROUNDS; round += 1) {
      socket.send(frame(TEXT, COMMAND.ping));
      const got = await socket.next();
      expectFrame(got, PING, PING_PAYLOAD, true);
      socket.send(frame(PONG, got.payload));
      await until(() => record.pongs.length === round, 'the pong at the server');
    }
    assert.ok(record.pongs.every(({ payload }) => payload.equals(PING_PAYLOAD)));
    prompt(record.pongs.map(({ ms }) => ms));
    await goodbye(socket);
  }],

  ['frames: the client\'s ping is answered by the server within milliseconds', async ({ client }) => {
    const socket = await client.raw('/echo/client-ping');
    const delays = [];
    for (const size of [0, 2, 17, 124, 125]) {
      const payload = randomBytes(size);
      const start = performance.now();
      socket.send(frame(PING, payload));
      expectFrame(await socket.next(), PONG, payload, true);
      delays.push(performance.now() - start);
    }
    prompt(delays);
    await goodbye(socket);
  }],

  ['frames: a pong that nobody asked for reaches the server and nothing comes back', async ({ client, echo }) => {
    const socket = await client.raw('/echo/lone-pong');
    socket.send(frame(PONG, 'unasked'));
    socket.send(frame(TEXT, 'after'));
    expectFrame(await socket.next(), TEXT, 'after', true);
    const record = echo.seen.findLast((it) => it.url === '/echo/lone-pong');
    assert.deepEqual(record.pongs.map((it) => it.payload.toString()), ['unasked']);
    await goodbye(socket);
  }],

  ['frames: bytes sent together with the handshake are not lost', async ({ client }) => {
    const early = Buffer.concat([frame(TEXT, 'early'), frame(BINARY, randomBytes(3000))]);
    const socket = await client.raw('/echo/early', {}, early);
    expectFrame(await socket.next(), TEXT, 'early', true);
    assert.equal((await socket.next()).payload.length, 3000);
    await goodbye(socket);
  }],

  ['frames: a frame sent byte by byte arrives whole', async ({ client }) => {
    const socket = await client.raw('/echo/trickle');
    for (const byte of frame(TEXT, 'x'.repeat(200))) {
      socket.send(Buffer.from([byte]));
      await new Promise(setImmediate);
    }
    expectFrame(await socket.next(), TEXT, 'x'.repeat(200), true);
    await goodbye(socket);
  }],

  ['frames: an unmasked client frame is a protocol error', async ({ client }) => {
    const socket = await client.raw('/frames/unmasked');
    socket.send(frame(TEXT, 'naked', { mask: false }));
    const got = await socket.next();
    assert.equal(got?.opcode, CLOSE);
    assert.equal(got.payload.readUInt16BE(0), 1002);
    socket.send(frame(CLOSE, got.payload.subarray(0, 2)));
    assert.equal((await socket.next()).ended, 'fin');
  }],

  ['frames: a message over the route\'s limit is refused with 1009', async ({ client }) => {
    const socket = await client.raw('/echo/too-big');
    socket.send(frame(BINARY, Buffer.alloc(2 ** 20 + 1)));
    const got = await socket.next();
    assert.equal(got?.opcode, CLOSE);
    assert.equal(got.payload.readUInt16BE(0), 1009);
    socket.destroy();
  }],
];

function expectFrame(got, opcode, data, fin) {
  const wanted = Buffer.from(data);
  assert.ok(got && !got.ended, `a frame, not ${JSON.stringify(got)}`);
  const shape = ({ length }, code, last) => ({ opcode: code, fin: last, length });
  assert.deepEqual(shape(got.payload, got.opcode, got.fin), shape(wanted, opcode, fin));
  assert.equal(got.rsv, 0);
  assert.ok(got.payload.equals(wanted), 'the same bytes');
}

/** A busy machine may delay some answers; a pong held back on purpose would delay the quickest too. */
function prompt(delays) {
  const quickest = Math.min(...delays);
  assert.ok(quickest < PROMPT_MS, `the quickest took ${quickest.toFixed(1)} ms`);
}

async function goodbye(socket) {
  socket.send(frame(CLOSE, closePayload(1000, 'done')));
  expectFrame(await socket.next(), CLOSE, closePayload(1000, 'done'), true);
  assert.equal((await socket.next()).ended, 'fin');
}
