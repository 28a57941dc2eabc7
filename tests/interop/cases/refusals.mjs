// Who is turned away, how, and that no server behind the gateway notices; and TLS sessions resumed.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import tls from 'node:tls';

import { LOOPBACK, within } from '../lib/ports.mjs';
import { Refused } from '../lib/raw-socket.mjs';
import { MINI_PROGRAM } from '../lib/client.mjs';

const VERSIONS = ['TLSv1.2', 'TLSv1.3'];

export const cases = [
  ['refusal: only listed origins come in, and the server is not dialled for others', async ({ client, echo }) => {
    const listed = await client.raw('/guarded/listed', { Origin: 'https://game.example.test' });
    listed.destroy();
    const before = echo.tally.connections;
    for (const headers of [{ Origin: 'https://evil.example' }, {}, MINI_PROGRAM]) {
      await refused(client, '/guarded/foreign', headers, 403);
    }
    assert.equal(echo.tally.connections, before);
  }],

  ...VERSIONS.flatMap((version) => [['a foreign', 'other.example.test'], ['no', '']].map(([which, servername]) => [
    `refusal: ${which} server name gets unrecognized_name (${version})`,
    ({ client }) => alerted(client, { servername, minVersion: version, maxVersion: version }),
  ])),

  ['refusal: the Host of another domain is misdirected', async ({ client }) => {
    const headers = { Host: 'other.example.test' };
    const answer = await client.request('/applet/session/head/misdirected', { headers });
    assert.equal(answer.status, 421);
  }],

  ['refusal: an unknown path is not found', async ({ client }) => {
    assert.equal((await client.request('/nowhere')).status, 404);
    await refused(client, '/nowhere', {}, 404);
  }],

  ['refusal: a prefix ends at a segment\'s border', async ({ client }) => {
    await refused(client, '/echoes', {}, 404);
  }],

  ['refusal: a WebSocket version other than 13 is told which one is spoken', async ({ client }) => {
    const error = await refused(client, '/echo/version', { 'Sec-WebSocket-Version': '8' }, 426);
    assert.equal(error.headers['sec-websocket-version'], '13');
  }],

  ['refusal: an upgrade to anything else is not tunnelled', async ({ client, frames }) => {
    const before = frames.seen.length;
    await assert.rejects(client.raw('/frames/foreign', { Upgrade: 'h2c' }), Refused);
    assert.equal(frames.seen.length, before);
  }],

  ['refusal: a server that is not there is a 502', async ({ client }) => {
    await refused(client, '/dead/socket', {}, 502);
    assert.equal((await client.request('/dead/plain')).status, 502);
  }],

  ...VERSIONS.map((version) => [`tls: a session is resumed (${version})`, async ({ client }) => {
    const first = await handshake(client, version);
    assert.equal(first.reused, false);
    const second = await handshake(client, version, first.session);
    assert.equal(second.reused, true);
  }]),

  ['tls: who offers h2 gets it, all others http/1.1', async ({ client }) => {
    for (const [offered, agreed] of [[['h2', 'http/1.1'], 'h2'], [['http/1.1'], 'http/1.1'], [[], false]]) {
      const socket = tls.connect({
        ...client.secure, host: LOOPBACK, port: client.port, ALPNProtocols: offered,
      });
      await within(5000, 'the handshake', once(socket, 'secureConnect'));
      assert.equal(socket.alpnProtocol, agreed);
      socket.destroy();
    }
  }],
];

async function refused(client, path, headers, status) {
  try {
    (await client.raw(path, headers)).destroy();
  } catch (error) {
    assert.ok(error instanceof Refused, `${error}`);
    assert.equal(error.status, status);
    return error;
  }
  return assert.fail('the handshake was accepted');
}

async function alerted(client, options) {
  const socket = tls.connect({ host: LOOPBACK, port: client.port, ca: client.ca, ...options });
  let shown = false;
  socket.on('secureConnect', () => { shown = true; });
  const [error] = await within(5000, 'the alert', once(socket, 'error'));
  socket.destroy();
  assert.equal(shown, false);
  assert.match(error.message, /unrecognized name|alert number 112/i);
}

/** One handshake, a request over it, and the session that came with it. */
async function handshake(client, version, session) {
  const socket = tls.connect({
    ...client.secure, host: LOOPBACK, port: client.port, minVersion: version, maxVersion: version, session,
  });
  let latest;
  socket.on('session', (ticket) => { latest = ticket; });
  await within(5000, 'the handshake', once(socket, 'secureConnect'));
  socket.write(`GET /nowhere/resumed HTTP/1.1\r\nHost: ${client.host}\r\nConnection: close\r\n\r\n`);
  client.asked.set('/nowhere/resumed', (client.asked.get('/nowhere/resumed') ?? 0) + 1);
  socket.resume();
  await within(5000, 'the end', once(socket, 'end'));
  return { reused: socket.isSessionReused(), session: latest ?? socket.getSession() };
}
