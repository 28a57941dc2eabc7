// A real `ws` server behind `/echo`, met by a real `ws` client: messages, extensions, subprotocols, closes.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';

import { close, message } from '../lib/client.mjs';
import { until } from '../lib/ports.mjs';
import { COMMAND, GREETING } from '../lib/websocket-server.mjs';

const MESSAGES = [
  ['a text', 'grüße, 小程序'],
  ['an empty text', ''],
  ['a binary', Buffer.from([0, 255, 1, 254])],
  ['an empty binary', Buffer.alloc(0)],
  ['100 KB', randomBytes(100_000)],
  ['one byte less than 1 MiB', randomBytes(2 ** 20 - 1)],
  ['1 MiB of text', 'x'.repeat(2 ** 20)],
];

export const cases = [
  ...MESSAGES.map(([name, data], index) => [`ws: ${name} is echoed`, async ({ client }) => {
    const socket = await client.open(`/echo/message-${index}`);
    socket.send(data);
    same(await message(socket), data);
    assert.equal((await close(socket, 1000)).code, 1000);
  }]),

  ['ws: many messages keep their order and their kind', async ({ client }) => {
    const socket = await client.open('/echo/order');
    const sent = Array.from({ length: 500 }, (_, n) => (n % 3 ? `message ${n}` : Buffer.from(`bytes ${n}`)));
    sent.forEach((data) => socket.send(data));
    for (const data of sent) same(await message(socket), data);
    await close(socket, 1000);
  }],

  ['ws: permessage-deflate is negotiated end to end', async ({ client, echo }) => {
    const socket = await client.open('/echo/deflate', { deflate: { threshold: 0 } });
    assert.match(socket.extensions, /^permessage-deflate/);
    assert.match(record(echo, '/echo/deflate').extensions, /^permessage-deflate/);
    for (const data of ['小程序 '.repeat(20_000), 'short', randomBytes(50_000), '']) {
      socket.send(data);
      same(await message(socket), data);
    }
    await close(socket, 1000);
  }],

  ['ws: a client that offers no compression gets none', async ({ client, echo }) => {
    const socket = await client.open('/echo/plain');
    assert.equal(socket.extensions, '');
    assert.equal(record(echo, '/echo/plain').headers['sec-websocket-extensions'], undefined);
    await close(socket, 1000);
  }],

  ['ws: the subprotocol that the server chose is echoed', async ({ client, echo }) => {
    const socket = await client.open('/echo/subprotocol', { protocols: ['v12.stomp', 'mqtt'] });
    assert.equal(socket.protocol, 'v12.stomp');
    assert.equal(record(echo, '/echo/subprotocol').headers['sec-websocket-protocol'], 'v12.stomp,mqtt');
    await close(socket, 1000);
  }],

  ['ws: the client\'s close code and reason reach the server', async ({ client, echo }) => {
    const socket = await client.open('/echo/client-close');
    const bye = { code: 4001, reason: 'the client says 再见' };
    assert.deepEqual(await close(socket, bye.code, bye.reason), bye);
    const { close: seen } = await until(
      () => echo.seen.find((it) => it.url === '/echo/client-close' && it.close), 'the server\'s close event',
    );
    assert.deepEqual(seen, bye);
  }],

  ['ws: a close without a code reaches the server as one', async ({ client, echo }) => {
    const socket = await client.open('/echo/close-1005');
    assert.equal((await close(socket)).code, 1005);
    await until(() => record(echo, '/echo/close-1005').close?.code === 1005, 'a close without a code');
  }],

  ['ws: the server\'s close code and reason reach the client', async ({ client, echo }) => {
    const socket = await client.open('/echo/server-close');
    const closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => resolve({ code, reason: reason.toString() }));
    });
    socket.send(COMMAND.close);
    assert.deepEqual(await closed, { code: 4001, reason: 'the server says bye' });
    await until(() => record(echo, '/echo/server-close').close?.code === 4001, 'the client\'s answer at the server');
  }],

  ['ws: what the server says first is heard, 50 connections in a row', async ({ client }) => {
    for (let round = 0; round < 50; round += 1) {
      const socket = await client.open('/echo/greeting');
      assert.equal(await message(socket), GREETING);
      await close(socket, 1000);
    }
  }],

  ['ws: 200 sockets at once, each with its own echo', async ({ client }) => {
    const sockets = await Promise.all(Array.from({ length: 200 }, () => client.open('/echo/parallel')));
    for (let round = 0; round < 3; round += 1) {
      sockets.forEach((socket, n) => socket.send(`socket ${n} round ${round}`));
      const heard = await Promise.all(sockets.map(message));
      heard.forEach((data, n) => assert.equal(data, `socket ${n} round ${round}`));
    }
    const codes = await Promise.all(sockets.map((socket) => close(socket, 1000)));
    assert.ok(codes.every(({ code }) => code === 1000));
  }],

  ['ws: a client that vanishes is noticed at the server', async ({ client, echo }) => {
    const socket = await client.open('/echo/vanish');
    socket.send('here');
    await message(socket);
    socket.terminate();
    const { close: seen } = await until(
      () => echo.seen.find((it) => it.url === '/echo/vanish' && it.close), 'the end at the server', 10_000,
    );
    assert.ok(seen.code !== 1000, `not an ordinary close: ${seen.code}`);
  }],
];

function record(echo, url) {
  const found = echo.seen.findLast((it) => it.url === url);
  assert.ok(found, `the server saw ${url}`);
  return found;
}

/** Like assert.equal, without printing a megabyte when it fails. */
function same(got, wanted) {
  assert.equal(typeof got, typeof wanted, 'text stays text and binary stays binary');
  assert.equal(got.length, wanted.length);
  assert.ok(Buffer.compare(Buffer.from(got), Buffer.from(wanted)) === 0, 'the same bytes');
}
