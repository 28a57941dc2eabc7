// SignalR as mini programs speak it without a library: JSON and 0x1E over a bare socket, no negotiation. The
// bytes are held one by one, and the server's own timeouts must arrive as it sends them.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { MINI_PROGRAM } from '../lib/client.mjs';
import { DEVICES } from '../lib/devices.mjs';
import { signalr } from '../lib/dotnet.mjs';
import { TEXT } from '../lib/frames.mjs';
import { Inbox } from '../lib/inbox.mjs';
import { until } from '../lib/ports.mjs';
import {
  HANDSHAKE, PING_MESSAGE, SEPARATOR, call, closeCode, hear, native, official, result, say,
} from '../lib/signalr-client.mjs';
import { closed, opened } from '../lib/wx-waits.mjs';
import { phone } from '../lib/wx.mjs';

export const name = 'SignalR, native';
export const system = 'ASP.NET Core 3.1.2 on Kestrel; wx.connectSocket with 0x1E';
export const lane = 'patient';
/** The first time, more than 100 MB are fetched. */
export const limitMs = 300_000;

const HUB = 'wss://game.example.test/hub';
const SILENCE_MS = 36_000;
const PING_EVERY_MS = 15_000;

export async function run(t) {
  const { require, startHub } = await signalr();
  const hub = await startHub('alone');
  t.after(hub.stop);
  const gateway = await t.gateway(t.config('signalr.toml', { 5000: hub.port }));
  for (const device of Object.keys(DEVICES)) await talks(gateway, device);
  await sharesARoom(gateway, require('@microsoft/signalr'));
  await byteForByte(gateway);
  await garbage(gateway);
  await Promise.all([pingsKeepOpen(gateway), onePingThenSilence(gateway), withoutSeparator(gateway)]);
  return 'every device, a room shared with the official client, 0x1E untouched in whole and cut messages; alive after '
    + '36 s of pings; the server\'s closes after 15 s without 0x1E and 30 s without a ping arrive as they are';
}

/** A SignalR app of a few lines: the handshake is sent and answered. */
async function app(gateway, device = 'android') {
  const task = phone(gateway, { device }).connectSocket({ url: HUB });
  const inbox = new Inbox(`a message for ${device}`);
  const closes = new Inbox(`a close for ${device}`);
  task.onMessage(({ data }) => inbox.push(data));
  task.onClose(closes.push);
  await opened(task);
  task.send({ data: HANDSHAKE });
  assert.equal(await inbox.next(), `{}${SEPARATOR}`, device);
  return { task, inbox, closes };
}

async function talks(gateway, device) {
  const { task, inbox } = await app(gateway, device);
  task.send({ data: call('1', 'Echo', `hello by ${device}`) });
  assert.equal(await inbox.next(), result('1', `hello by ${device}`));
  assert.equal((await closed(task)).code, 1000);
}

async function sharesARoom(gateway, library) {
  const { task, inbox } = await app(gateway);
  task.send({ data: call('1', 'Join', 'room') });
  assert.equal(await inbox.next(), `{"type":3,"invocationId":"1","result":null}${SEPARATOR}`);
  const other = await official(library, gateway, 'ServerSentEvents');
  const heard = [];
  other.on('said', (text) => heard.push(text));
  await other.invoke('Join', 'room');
  await other.invoke('Say', 'room', 'from the web');
  assert.equal(await inbox.next(), `{"type":1,"target":"said","arguments":["from the web"]}${SEPARATOR}`);
  task.send({ data: `{"type":1,"target":"Say","arguments":["room","from the phone"]}${SEPARATOR}` });
  await until(() => heard.length === 2, 'the broadcast to the official client');
  assert.deepEqual(heard, ['from the web', 'from the phone']);
  await other.stop();
  await closed(task);
}

/** Every message ends with 0x1E, in both directions, however the question was cut. */
async function byteForByte(gateway) {
  const socket = await native(gateway, MINI_PROGRAM);
  say(socket, HANDSHAKE.slice(0, 10), HANDSHAKE.slice(10));
  await answers(socket, `{}${SEPARATOR}`);
  say(socket, call('1', 'Echo', 'a'));
  await answers(socket, result('1', 'a'));
  say(socket, call('2', 'Echo', 'b') + PING_MESSAGE + call('3', 'WhoAreYou'));
  await answers(socket, result('2', 'b'), result('3', 'alone'));
  const whole = call('4', 'Echo', 'in three');
  say(socket, whole.slice(0, 20), whole.slice(20, -1), SEPARATOR);
  await answers(socket, result('4', 'in three'));
  socket.destroy();
}

/** The server may put several messages into one frame; latin1 shows each byte as one character. */
async function answers(socket, ...messages) {
  const wanted = messages.join('');
  let heard = '';
  while (heard.length < wanted.length) {
    const got = await hear(socket);
    assert.equal(got?.opcode, TEXT);
    heard += got.payload.toString('latin1');
    assert.ok(heard.endsWith(SEPARATOR), 'whole messages in each frame');
  }
  assert.equal(heard, wanted);
}

async function garbage(gateway) {
  const socket = await native(gateway, MINI_PROGRAM);
  say(socket, `no handshake${SEPARATOR}`);
  const complaint = await hear(socket);
  assert.match(complaint?.payload?.toString() ?? '', /^\{"error":".+"\}\x1e$/);
  assert.equal(closeCode(await hear(socket)), 1000);
  socket.destroy();
}

/** As the official client does it; the server's own pings are the same eleven bytes. */
async function pingsKeepOpen(gateway) {
  const { task, inbox, closes } = await app(gateway);
  const ping = () => task.send({ data: PING_MESSAGE });
  ping();
  const pinging = setInterval(ping, PING_EVERY_MS);
  try {
    await sleep(SILENCE_MS);
  } finally {
    clearInterval(pinging);
  }
  assert.deepEqual(closes.items, [], 'open after the silence');
  const pings = inbox.items.splice(0);
  assert.ok(pings.length >= 2, `${pings.length} pings by the server`);
  for (const text of pings) assert.deepEqual(Buffer.from(text), Buffer.from('7b2274797065223a367d1e', 'hex'));
  task.send({ data: call('1', 'Echo', 'still here') });
  assert.equal(await inbox.next((text) => text !== PING_MESSAGE), result('1', 'still here'));
  await closed(task);
}

/** The first ping arms the server's timeout, and that ends with a Close that looks normal. */
async function onePingThenSilence(gateway) {
  const socket = await native(gateway, MINI_PROGRAM);
  const start = performance.now();
  say(socket, HANDSHAKE + PING_MESSAGE);
  let got = await hear(socket);
  while (got?.opcode === TEXT) got = await hear(socket, SILENCE_MS);
  assert.equal(closeCode(got), 1000, 'the server\'s timeout');
  assert.equal(got.payload.length, 2, 'without a reason');
  const took = performance.now() - start;
  assert.ok(took > 29_500, `closed after ${Math.round(took)} ms, not by the server's 30 s`);
  socket.destroy();
}

/** The classic mistake: the separator was lost when the code was copied. */
async function withoutSeparator(gateway) {
  const socket = await native(gateway, MINI_PROGRAM);
  const start = performance.now();
  say(socket, HANDSHAKE.slice(0, -1));
  const got = await hear(socket, SILENCE_MS);
  assert.equal(got?.payload?.toString(), `{"error":"Handshake was canceled."}${SEPARATOR}`);
  assert.ok(performance.now() - start > 14_500, 'by the server\'s 15 s');
  assert.equal(closeCode(await hear(socket)), 1000);
  socket.destroy();
}
