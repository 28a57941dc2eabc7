// WebSocket-Node (npm `websocket`): keepalive pings that want their pong within 10 s, and messages that it splits.

import assert from 'node:assert/strict';
import http from 'node:http';

import websocket from 'websocket';

import { startFrameServer } from '../lib/frame-server.mjs';
import { BINARY, CLOSE, CONTINUATION, PING, TEXT } from '../lib/frames.mjs';
import { Inbox } from '../lib/inbox.mjs';
import { listen, until } from '../lib/ports.mjs';
import { connect } from '../lib/raw-socket.mjs';

export const name = 'WebSocket-Node';
export const system = 'websocket 1.0.35, server and client';
export const lane = 'patient';

const KEEPALIVE_MS = 1000;
/** The library's own: it hangs up on who has not answered by then. */
const GRACE_MS = 10_000;
const PINGS = 3;
/** The client's side sends masked frames of up to 16 KiB, the server's too. */
const MESSAGE = 40_000;
const PARTS = [16_384, 16_384, 7_232];

export async function run(t) {
  const server = await keepaliveServer(t);
  const frames = await startFrameServer();
  t.after(() => frames.stop());
  const gateway = await t.gateway(t.config('websocket-node.toml', { 8080: server.port, 8081: frames.port }));

  const slowest = await keepalive(gateway, server);
  await silentIsCut(gateway);
  await threeFramesDown(gateway);
  await threeFramesUp(gateway, frames);
  return `${PINGS} keepalive pings and pongs end to end, the slowest in ${slowest} ms of its 10 s; `
    + 'who never answers is cut and told 1011; 40 kB stay three frames down and up';
}

async function keepaliveServer(t) {
  const server = http.createServer((request, response) => response.writeHead(404).end());
  const sockets = new websocket.server({
    httpServer: server, keepaliveInterval: KEEPALIVE_MS, keepaliveGracePeriod: GRACE_MS,
  });
  const pongs = [];
  const sendPing = websocket.connection.prototype.ping;
  sockets.on('request', (request) => {
    const connection = request.accept(request.requestedProtocols[0], request.origin);
    let pinged = 0;
    connection.ping = function timed(data) {
      pinged = performance.now();
      return sendPing.call(this, data);
    };
    connection.on('pong', () => pongs.push(performance.now() - pinged));
    connection.on('message', (message) => connection.sendUTF(message.utf8Data));
    if (request.resource === '/chat/big') connection.sendBytes(Buffer.alloc(MESSAGE, 7));
  });
  t.after(() => server.closeAllConnections());
  t.after(() => sockets.shutDown());
  t.after(() => server.close());
  return { port: await listen(server), pongs };
}

/** Its own client answers; the server's connection lives on. */
async function keepalive(gateway, server) {
  const client = await ownClient(gateway, '/chat', 'chat');
  assert.equal(client.protocol, 'chat');
  let pings = 0;
  client.on('ping', () => { pings += 1; });
  await until(() => server.pongs.length >= PINGS, `${PINGS} pongs at the server`, GRACE_MS);
  assert.ok(pings >= PINGS, `the client saw ${pings} pings`);
  const echo = new Inbox('an echo');
  client.on('message', echo.push);
  client.sendUTF('still here');
  assert.equal((await echo.next()).utf8Data, 'still here');
  client.close();
  return Math.ceil(Math.max(...server.pongs));
}

/** The gateway must not answer in the client's place. */
async function silentIsCut(gateway) {
  const socket = await raw(gateway, '/chat');
  const began = performance.now();
  for (;;) {
    const got = await socket.next(KEEPALIVE_MS + GRACE_MS + 3000);
    if (got?.opcode === PING) continue;
    assert.equal(got?.opcode, CLOSE, `a Close frame, not ${JSON.stringify(got)}`);
    assert.equal(got.payload.readUInt16BE(0), 1011);
    break;
  }
  assert.ok(performance.now() - began > GRACE_MS, 'the server waited its whole grace');
  socket.destroy();
}

async function threeFramesDown(gateway) {
  const socket = await raw(gateway, '/chat/big');
  for (const [index, size] of PARTS.entries()) {
    const got = await socket.next();
    assert.equal(got.opcode, index === 0 ? BINARY : CONTINUATION);
    assert.equal(got.fin, index === PARTS.length - 1);
    assert.equal(got.payload.length, size);
  }
  socket.destroy();
}

async function threeFramesUp(gateway, { seen }) {
  const client = await ownClient(gateway, '/frames');
  const echo = new Inbox('an echo');
  client.on('message', echo.push);
  const text = 'x'.repeat(MESSAGE);
  client.sendUTF(text);
  assert.equal((await echo.next()).utf8Data, text);
  const shape = seen.map(({ opcode, fin, payload }) => [opcode, fin, payload.length]);
  assert.deepEqual(shape, [[TEXT, false, PARTS[0]], [CONTINUATION, false, PARTS[1]], [CONTINUATION, true, PARTS[2]]]);
  client.close();
}

async function ownClient({ host, port }, path, protocol) {
  const client = new websocket.client();
  const opened = new Promise((resolve, reject) => {
    client.on('connect', resolve);
    client.on('connectFailed', reject);
  });
  client.connect(`wss://${host}:${port}${path}`, protocol, 'https://servicewechat.com');
  return opened;
}

async function raw({ port, ca, host }, path) {
  const socket = await connect(port, { ca, servername: host });
  await socket.upgrade(`${host}:${port}`, path);
  return socket;
}
