// Python's servers, each with its own defaults: they ping every 20 s and drop who does not answer. Nearly all of
// the row is that silence, side by side for all of them; before it, deflate from the first message.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { promisify } from 'node:util';
import zlib from 'node:zlib';

import { Client, close, message } from '../lib/client.mjs';
import { CLOSE, COMPRESSED, PING, TEXT, frame } from '../lib/frames.mjs';
import { pythonPeers, runPython, startPython } from '../lib/python.mjs';

export const name = 'Python';
export const system = 'websockets 17.4, uvicorn 0.54.0, daphne 4.2.3 with channels 4.3.2, python-socketio 5.18.1';
export const lane = 'patient';
/** The first time, 24 MB are fetched and installed. */
export const limitMs = 300_000;

/** How each server pings, when it gives a silent client up, and how that arrives. */
const SERVERS = {
  websockets: { pingSize: 4, gaveUpMs: 40_000, deflates: true, reason: 'keepalive ping timeout' },
  uvicorn: { pingSize: 4, gaveUpMs: 40_000, deflates: true, reason: 'keepalive ping timeout' },
  // It resets the connection without a word: the Close is the gateway's own.
  daphne: { pingSize: 12, gaveUpMs: 50_000, deflates: false },
};
const OFFER = 'permessage-deflate; client_max_window_bits';
const AGREED = 'permessage-deflate; server_max_window_bits=12; client_max_window_bits=12';
const TAIL = Buffer.from([0, 0, 0xff, 0xff]);
const SLACK_MS = 3_000;

export async function run(t) {
  const python = await pythonPeers();
  const ports = {};
  const programs = { ...Object.fromEntries(Object.keys(SERVERS).map((it) => [it, `${it}_echo.py`])), 'socket.io': 'socketio_room.py' };
  await Promise.all(Object.entries(programs).map(async ([route, program]) => {
    const server = await startPython(python, program);
    t.after(server.stop);
    ports[route] = server.port;
  }));
  const gateway = await t.gateway(Object.entries(ports).map(([route, port]) => (
    `[[sites.routes]]\npath = "/${route}"\nbackend = "127.0.0.1:${port}"\n`)).join('\n'));
  const client = new Client(gateway);
  await plainRequest(client);
  for (const server of Object.keys(SERVERS)) await deflateFromTheFirst(client, server);
  await Promise.all([
    ...Object.keys(SERVERS).flatMap((server) => [
      answersPings(client, server), neverAnswers(client, server), pythonClient(python, gateway, server),
    ]),
    socketIo(python, gateway),
  ]);
  return 'deflate from the first message, RSV1 end to end; their 20 s pings answered by ws and by websockets, alive '
    + 'past each limit; who does not answer is closed with 1011, in the server\'s own words where it has any; '
    + 'python-socketio polls, upgrades and stays';
}

/** uvicorn believes the forwarded fields of a proxy on its own machine. */
async function plainRequest(client) {
  const { status, body } = await client.request('/uvicorn/plain');
  assert.equal(status, 200);
  assert.deepEqual(JSON.parse(body), { scheme: 'https', client: '127.0.0.1', path: '/uvicorn/plain' });
}

async function deflateFromTheFirst(client, server) {
  const { deflates } = SERVERS[server];
  const socket = await client.raw(`/${server}`, { 'Sec-WebSocket-Extensions': OFFER });
  assert.equal(socket.answer['sec-websocket-extensions'], deflates ? AGREED : undefined, server);
  const text = 'content that repeats itself, '.repeat(100);
  const rsv = deflates ? COMPRESSED : 0;
  for (let round = 0; round < 3; round += 1) {
    socket.send(frame(TEXT, deflates ? await deflated(text) : text, { rsv }));
    const got = await socket.next();
    assert.equal(got?.opcode, TEXT, `${server}: ${JSON.stringify(got)}`);
    assert.equal(got.rsv, rsv, `${server}: RSV1`);
    if (deflates && round === 0) assert.equal(await inflated(got.payload), text, server);
    if (!deflates) assert.equal(got.payload.toString(), text, server);
  }
  socket.destroy();

  const usual = await client.open(`/${server}`, { deflate: true });
  for (const sent of ['你好 👋', 'a'.repeat(200_000), Buffer.alloc(100_000, 'ab')]) {
    usual.send(sent);
    assert.deepEqual(await message(usual), sent, server);
  }
  await close(usual, 1000);
}

/** `ws` answers pings by itself; nothing else is sent until the server would have given up. */
async function answersPings(client, server) {
  const { pingSize, gaveUpMs } = SERVERS[server];
  const socket = await client.open(`/${server}`);
  const pings = [];
  socket.on('ping', (payload) => pings.push(payload.length));
  const ended = once(socket, 'close').then(([code]) => { throw new Error(`${server}: closed with ${code}`); });
  ended.catch(() => {});
  await Promise.race([ended, new Promise((resolve) => { setTimeout(resolve, gaveUpMs + SLACK_MS); })]);
  assert.deepEqual(pings, [pingSize, pingSize], `${server}: its pings, and nobody else's`);
  socket.send('still here');
  assert.equal(await message(socket), 'still here');
  assert.equal((await close(socket, 1000)).code, 1000, server);
}

/** Counts the server's pings and stays silent; the Close must be the server's own, and come in its time. */
async function neverAnswers(client, server) {
  const { gaveUpMs, pingSize, reason } = SERVERS[server];
  const socket = await client.raw(`/${server}`);
  const start = performance.now();
  let pings = 0;
  let got = await socket.next(gaveUpMs + SLACK_MS);
  while (got?.opcode === PING) {
    pings += Number(got.payload.length === pingSize);
    got = await socket.next(gaveUpMs + SLACK_MS);
  }
  const took = performance.now() - start;
  assert.ok(pings >= 1, `${server}: it pings`);
  assert.equal(got?.opcode, CLOSE, `${server} after ${Math.round(took)} ms: ${JSON.stringify(got)}`);
  assert.equal(got.payload.readUInt16BE(0), 1011, server);
  if (reason) assert.equal(got.payload.subarray(2).toString(), reason, server);
  assert.ok(took > gaveUpMs - 500 && took < gaveUpMs + SLACK_MS, `${server}: gave up after ${Math.round(took)} ms`);
  socket.destroy();
}

async function pythonClient(python, gateway, server) {
  const { gaveUpMs, deflates } = SERVERS[server];
  const silence = gaveUpMs + SLACK_MS;
  const said = await runPython(python, 'websockets_client.py',
    [gateway.host, String(gateway.port), process.env.NODE_EXTRA_CA_CERTS, `/${server}`, String(silence / 1000)],
    silence + 30_000);
  const { wrong, alive, extensions, close: code } = JSON.parse(said);
  assert.deepEqual({ wrong, alive, code }, { wrong: [], alive: true, code: 1000 }, server);
  assert.equal(extensions, deflates ? AGREED : null, server);
}

async function socketIo(python, gateway) {
  const said = JSON.parse(await runPython(python, 'socketio_client.py',
    [gateway.host, String(gateway.port), process.env.NODE_EXTRA_CA_CERTS, '46'], 80_000));
  const there = { transport: 'websocket' };
  assert.deepEqual(said, { heard: ['你好 👋', 'still here'], first: there, last: there, ended: [] });
  for (const transport of ['polling', 'websocket']) {
    assert.match(gateway.log.stdout, new RegExp(`/socket\\.io/\\S*transport=${transport}`));
  }
}

async function deflated(text) {
  const bytes = await promisify(zlib.deflateRaw)(text, { windowBits: 12, finishFlush: zlib.constants.Z_SYNC_FLUSH });
  return bytes.subarray(0, -TAIL.length);
}

async function inflated(bytes) {
  const whole = Buffer.concat([bytes, TAIL]);
  return (await promisify(zlib.inflateRaw)(whole, { finishFlush: zlib.constants.Z_SYNC_FLUSH })).toString();
}
