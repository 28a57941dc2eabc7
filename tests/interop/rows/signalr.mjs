// Real SignalR with its official client over each transport. Most of it is silence, longer than either side's
// patience of 30 s, in which only the keep-alives of both flow.

import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';

import { MINI_PROGRAM } from '../lib/client.mjs';
import { signalr } from '../lib/dotnet.mjs';
import { until } from '../lib/ports.mjs';
import { Refused } from '../lib/raw-socket.mjs';
import { SEPARATOR, TOKEN, WAYS, native, negotiate, official } from '../lib/signalr-client.mjs';

export const name = 'SignalR';
export const system = 'ASP.NET Core 3.1.2 on Kestrel; @microsoft/signalr 8.0.29';
export const lane = 'patient';
/** The first time, more than 100 MB are fetched. */
export const limitMs = 300_000;

const SILENCE_MS = 36_000;

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
  await Promise.all(connections.map(staysOpen));
  await Promise.all(connections.map((connection) => connection.stop()));
  await theLog(gateway);
  return 'WebSockets, SSE and LongPolling with negotiation, WebSockets without: calls, streams, one group over all of '
    + 'them; all alive after 36 s of pings alone; no token in the log';
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
    const refused = await native(gateway, MINI_PROGRAM, { path }).catch((error) => error);
    assert.ok(refused instanceof Refused, `${path} is refused`);
    return refused.status;
  };
  assert.equal(await status('/hub?id=unknown'), 404);
  const { token } = await negotiate(gateway);
  const first = await native(gateway, MINI_PROGRAM, { path: `/hub?id=${token}` });
  assert.equal(await status(`/hub?id=${token}`), 409);
  first.destroy();
}

async function staysOpen(connection) {
  await sleep(SILENCE_MS);
  assert.equal(connection.ended, null, `${connection.way} after ${SILENCE_MS} ms of silence`);
  assert.equal(await connection.invoke('Echo', 'still here'), 'still here', connection.way);
}

async function theLog(gateway) {
  await until(() => gateway.log.stdout.includes('access_token='), 'the access line of the server-sent events');
  assert.ok(!`${gateway.log.stdout}${gateway.log.stderr}`.includes(TOKEN), 'the bearer token is in no log');
}
