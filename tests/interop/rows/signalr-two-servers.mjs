// Two SignalR servers that know nothing of each other: a session is in one of them, and every request that
// belongs to it has to get there. Also what goes wrong without that, so that it is known to be noticed.

import assert from 'node:assert/strict';

import { MINI_PROGRAM } from '../lib/client.mjs';
import { signalr } from '../lib/dotnet.mjs';
import { Refused } from '../lib/raw-socket.mjs';
import {
  HANDSHAKE, SEPARATOR, WAYS, call, hear, native, negotiate, official, result, say,
} from '../lib/signalr-client.mjs';

export const name = 'SignalR, two servers';
export const system = 'ASP.NET Core 3.1.2 on Kestrel, twice; @microsoft/signalr 8.0.29';
/** The first time, more than 100 MB are fetched. */
export const limitMs = 300_000;

const STICKS_BY_COOKIE = 'signalr-two-servers.toml';
const STICKS_BY_ADDRESS = 'signalr-two-servers-by-address.toml';
const NEEDS_NONE = 'signalr-websockets-only.toml';
/** The negotiation has no id yet: a hash on it sends the negotiation anywhere, and what follows elsewhere. */
const LOSING = ['balance = "round_robin"', 'balance = "hash"\nhash_on = "query:id"'];
const ROUNDS = 10;
const SESSIONS = 20;

export async function run(t) {
  const { require, startHub } = await signalr();
  const library = require('@microsoft/signalr');
  const [a, b] = await Promise.all(['a', 'b'].map(startHub));
  [a, b].forEach((hub) => t.after(hub.stop));
  const given = { 5000: a.port, 5001: b.port };
  const turned = { 5000: b.port, 5001: a.port };

  await withoutNegotiation(await t.gateway(t.config(NEEDS_NONE, given)), library);
  for (const balance of LOSING) {
    const toml = t.config(STICKS_BY_COOKIE, given).replace(/^balance = .*\nhash_on = .*$/m, balance);
    await losesSessions(await t.gateway(toml), balance);
  }

  const byCookie = await t.gateway(t.config(STICKS_BY_COOKIE, given));
  await everyTransport(byCookie, library);
  await acrossGateways(byCookie, await t.gateway(t.config(STICKS_BY_COOKIE, turned)), () => ({}));

  const byAddress = await t.gateway(t.config(STICKS_BY_ADDRESS, given));
  const other = await t.gateway(t.config(STICKS_BY_ADDRESS, turned));
  await acrossGateways(byAddress, other, (n) => ({ from: `127.0.1.${n + 1}` }));
  return `${ROUNDS} sessions by each transport stick by cookie; ${SESSIONS} each negotiated at one gateway and opened at `
    + 'another, by cookie and by address; without negotiation none is needed; round robin and a hash on the query\'s '
    + 'id are seen to lose sessions';
}

/** One socket is the whole session: both servers get some, and nobody is refused. */
async function withoutNegotiation(gateway, library) {
  const names = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const connection = await official(library, gateway, 'WebSockets without negotiation');
    names.push(await connection.invoke('WhoAreYou'));
    await connection.stop();
    const socket = await native(gateway, MINI_PROGRAM);
    names.push(await whoIs(socket));
    socket.destroy();
  }
  assert.deepEqual([...new Set(names)].sort(), ['a', 'b'], 'both servers are used');
}

async function losesSessions(gateway, balance) {
  const outcomes = [];
  for (let n = 0; n < SESSIONS; n += 1) outcomes.push(await session(gateway, gateway, {}));
  assert.ok(outcomes.includes('lost'), `with ${balance} no session was lost: ${outcomes}`);
}

async function everyTransport(gateway, library) {
  const names = [];
  for (const way of Object.keys(WAYS)) {
    names.push(...await Promise.all(Array.from({ length: ROUNDS }, async () => {
      const connection = await official(library, gateway, way);
      const first = await connection.invoke('WhoAreYou');
      assert.equal(await connection.invoke('Transport'), WAYS[way].transport, way);
      for (const text of ['one', 'two', 'three']) assert.equal(await connection.invoke('Echo', text), text, way);
      assert.equal(await connection.invoke('WhoAreYou'), first, way);
      await connection.stop();
      return first;
    })));
  }
  assert.deepEqual([...new Set(names)].sort(), ['a', 'b'], 'both servers are used');
}

/** The second gateway lists the servers the other way round, and shares nothing with the first. */
async function acrossGateways(one, other, client) {
  const outcomes = [];
  for (let n = 0; n < SESSIONS; n += 1) outcomes.push(await session(one, other, client(n)));
  assert.deepEqual([...new Set(outcomes)].sort(), ['a', 'b'], `no session lost, both servers used: ${outcomes}`);
}

/** Negotiated at `one`, opened at `other`: the server's name, or that it had no such session. */
async function session(one, other, { from }) {
  const { token, headers } = await negotiate(one, { from });
  try {
    const socket = await native(other, { ...MINI_PROGRAM, ...headers }, { path: `/hub?id=${token}`, from });
    const server = await whoIs(socket);
    socket.destroy();
    return server;
  } catch (error) {
    if (error instanceof Refused && error.status === 404) return 'lost';
    throw error;
  }
}

async function whoIs(socket) {
  say(socket, HANDSHAKE);
  assert.equal((await hear(socket))?.payload?.toString(), `{}${SEPARATOR}`);
  say(socket, call('1', 'WhoAreYou'));
  const answer = (await hear(socket))?.payload?.toString();
  const server = ['a', 'b'].find((one) => answer === result('1', one));
  assert.ok(server, `not a server's name: ${answer}`);
  return server;
}
