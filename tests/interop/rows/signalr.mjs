// Real SignalR: the official client over each of its transports, and a mini program that writes the protocol
// itself. Half of it is silence: the keep-alives of both sides, and what the server does without them.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { MINI_PROGRAM } from '../lib/client.mjs';
import { signalr } from '../lib/dotnet.mjs';
import { TEXT } from '../lib/frames.mjs';
import { until } from '../lib/ports.mjs';
import { Refused } from '../lib/raw-socket.mjs';
import {
  HANDSHAKE, PING_MESSAGE, SEPARATOR, TOKEN, WAYS, closeCode, hear, native, official, say,
} from '../lib/signalr-client.mjs';

export const name = 'SignalR';
export const system = 'ASP.NET Core 3.1.2 on Kestrel; @microsoft/signalr 8.0.29';
export const lane = 'patient';
/** The first time, more than 100 MB are fetched. */
export const limitMs = 300_000;

const SILENCE_MS = 36_000;
const SERVER_PING_MS = 15_000;

export async function run(t) {
  const { require, startHub } = await signalr();
  const hub = await startHub('alone');
  t.after(hub.stop);
  const gateway = await t.gateway(t.config('signalr.toml', { 5000: hub.port }));
  const library = require('@microsoft/signalr');
  const connections = await Promise.all(Object.keys(WAYS).map((way) => official(library, gateway, way)));
  t.after(() => Promise.all(connections.map((connection) => connection.stop())));
  for (const connection of connections) await calls(connection, gateway, library);
  await broadcast(connections);
  await refusals(gateway);
  await nativeWay(gateway);
  await Promise.all([
    ...connections.map(staysOpen), pingsKeepOpen(gateway), onePingThenSilence(gateway), withoutSeparator(gateway),
  ]);
  await Promise.all(connections.map((connection) => connection.stop()));
  await theLog(gateway);
  return 'WebSockets, SSE and LongPolling with negotiation, WebSockets without, and native frames: calls, groups and '
    + '0x1E untouched; all alive after 36 s of pings alone; the server\'s own timeouts arrive as it sends them';
}

async function calls(connection, gateway, library) {
  const { way } = connection;
  assert.equal(await connection.invoke('Transport'), WAYS[way].transport, way);
  for (const text of ['你好 👋', `inside ${SEPARATOR} the text`, 'x'.repeat(30_000)]) {
    assert.equal(await connection.invoke('Echo', text), text, way);
  }
  const seen = await connection.invoke('Seen');
  assert.equal(seen.host, `${gateway.host}:${gateway.port}`, way);
  assert.equal(seen.scheme, 'https', way);
  assert.equal(seen.target, '/hub', way);
  // An EventSource cannot send the header.
  if (way === 'ServerSentEvents') assert.equal(seen.token, TOKEN);
  else assert.equal(seen.bearer, `Bearer ${TOKEN}`, way);
  await streams(connection, library);
}

/** Both directions; what the server sends apart must arrive apart. */
async function streams(connection, { Subject }) {
  const arrived = [];
  await new Promise((complete, error) => {
    connection.stream('Count', 5, 100).subscribe({
      next: (number) => arrived.push({ number, at: performance.now() }), complete, error,
    });
  });
  assert.deepEqual(arrived.map(({ number }) => number), [1, 2, 3, 4, 5], connection.way);
  const span = arrived.at(-1).at - arrived[0].at;
  assert.ok(span > 250, `${connection.way}: five items within ${Math.round(span)} ms: something held them back`);
  const numbers = new Subject();
  const sum = connection.invoke('Sum', numbers);
  [1, 2, 3, 4].forEach((number) => numbers.next(number));
  numbers.complete();
  assert.equal(await sum, 10, connection.way);
}

async function broadcast(connections) {
  const heard = new Map(connections.map((connection) => [connection, []]));
  for (const [connection, texts] of heard) {
    connection.on('said', (text) => texts.push(text));
    await connection.invoke('Join', 'room');
  }
  const said = connections.map(({ way }) => `hello by ${way}`);
  for (const [n, connection] of connections.entries()) await connection.invoke('Say', 'room', said[n]);
  for (const [connection, texts] of heard) {
    await until(() => texts.length >= said.length, `the broadcast, by ${connection.way},`);
    assert.deepEqual(texts, said, connection.way);
  }
}

async function refusals(gateway) {
  const status = async (path) => {
    const refused = await native(gateway, MINI_PROGRAM, path).catch((error) => error);
    assert.ok(refused instanceof Refused, `${path} is refused`);
    return refused.status;
  };
  assert.equal(await status('/hub?id=unknown'), 404);
  const answer = await fetch(`https://${gateway.host}:${gateway.port}/hub/negotiate?negotiateVersion=1`, { method: 'POST' });
  const { connectionToken } = await answer.json();
  const first = await native(gateway, MINI_PROGRAM, `/hub?id=${connectionToken}`);
  assert.equal(await status(`/hub?id=${connectionToken}`), 409);
  first.destroy();
}

/** Byte for byte: every message ends with 0x1E, in both directions, however the question was cut. */
async function nativeWay(gateway) {
  const socket = await native(gateway, MINI_PROGRAM);
  say(socket, HANDSHAKE);
  await answers(socket, `{}${SEPARATOR}`);
  say(socket, call('1', 'Echo', '"a"'));
  await answers(socket, result('1', '"a"'));
  say(socket, call('2', 'Echo', '"b"') + PING_MESSAGE + call('3', 'WhoAreYou'));
  await answers(socket, result('2', '"b"'), result('3', '"alone"'));
  const whole = call('4', 'Echo', '"in three"');
  say(socket, whole.slice(0, 20), whole.slice(20, -1), SEPARATOR);
  await answers(socket, result('4', '"in three"'));
  socket.destroy();

  const garbage = await native(gateway, MINI_PROGRAM);
  say(garbage, `no handshake${SEPARATOR}`);
  const complaint = await hear(garbage);
  assert.match(complaint.payload.toString(), /^\{"error":".+"\}\x1e$/);
  assert.equal(closeCode(await hear(garbage)), 1000);
  garbage.destroy();
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

const call = (id, target, ...values) => `{"type":1,"invocationId":"${id}","target":"${target}","arguments":[${values}]}${SEPARATOR}`;
const result = (id, value) => `{"type":3,"invocationId":"${id}","result":${value}}${SEPARATOR}`;

async function staysOpen(connection) {
  await sleep(SILENCE_MS);
  assert.equal(connection.ended, null, `${connection.way} after ${SILENCE_MS} ms of silence`);
  assert.equal(await connection.invoke('Echo', 'still here'), 'still here', connection.way);
}

/** As the official client does it; the server sends its own pings meanwhile. */
async function pingsKeepOpen(gateway) {
  const socket = await native(gateway, MINI_PROGRAM);
  say(socket, HANDSHAKE + PING_MESSAGE);
  await answers(socket, `{}${SEPARATOR}`);
  const pinging = setInterval(() => say(socket, PING_MESSAGE), SERVER_PING_MS);
  try {
    const end = performance.now() + SILENCE_MS;
    let pings = 0;
    for (let left = SILENCE_MS; left > 0; left = end - performance.now()) {
      const got = await hear(socket, left);
      if (got === null) break;
      assert.deepEqual(got.payload, Buffer.from('7b2274797065223a367d1e', 'hex'), 'the server\'s ping');
      pings += 1;
    }
    assert.ok(pings >= 2, `${pings} pings by the server`);
    say(socket, call('1', 'Echo', '"still here"'));
    await answers(socket, result('1', '"still here"'));
  } finally {
    clearInterval(pinging);
    socket.destroy();
  }
}

/** The first ping arms the server's timeout, and it ends with a Close that looks normal. */
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

async function theLog(gateway) {
  await until(() => gateway.log.stdout.includes('access_token='), 'the access line of the server-sent events');
  assert.ok(!`${gateway.log.stdout}${gateway.log.stderr}`.includes(TOKEN), 'the bearer token is in no log');
}
