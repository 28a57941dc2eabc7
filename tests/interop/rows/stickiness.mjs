// Two thousand polling sessions over two Socket.IO servers and two gateways that share nothing but their
// configuration: each request of a session goes to the other gateway, and still to the server that knows the session.

import assert from 'node:assert/strict';
import https from 'node:https';

import { PollingSession } from '../lib/polling-client.mjs';

export const name = 'stickiness';
export const system = 'socket.io 4.8.4, two servers behind two gateways, 2,000 polling sessions';
export const limitMs = 60_000;

const SESSIONS_EACH_WAY = 1000;
const ADDRESSES = 250;
const AT_ONCE = 40;
/** Of one way's sessions, for each server. 250 addresses fall below it by chance once in some 500,000 runs. */
const FAIR_SHARE = 0.35;

export async function run(t) {
  const servers = await Promise.all([t.server('socketio.mjs', 4, 'one'), t.server('socketio.mjs', 4, 'two')]);
  const ports = { 3000: servers[0].port, 3001: servers[1].port };
  const byAddress = await way(t, servers, t.config('socketio-by-address.toml', ports), addresses(t));
  const byCookie = await way(t, servers, t.config('socketio-by-cookie.toml', ports), browsers(t));
  await withoutIt(t, t.config('socketio-two-servers.toml', ports));
  assert.deepEqual(byAddress.cookies.flat(), [], 'no cookie where none is asked for');
  checkCookies(byCookie.cookies);
  return `${2 * SESSIONS_EACH_WAY} sessions, each request through the other gateway, no unknown session: `
    + `by client_ip ${byAddress.shares}, by the gateway's cookie ${byCookie.shares}`;
}

/** The other side of the proof: taken in turn, the servers do not know each other's sessions. */
async function withoutIt(t, toml) {
  const gateway = await t.gateway(toml);
  const agent = keptAgent(t, {});
  const strange = new PollingSession(gateway.host, [{ port: gateway.port, agent }]).run('echo', 'anything');
  await assert.rejects(strange, ({ status, message }) => status === 400 && /Session ID unknown/.test(message));
}

/** All sessions of one way to stick; gives how the servers shared them. */
async function way(t, servers, toml, sessionOf) {
  const gateways = await Promise.all([t.gateway(toml), t.gateway(toml)]);
  const before = await sessions(servers);
  const [refusals, cookies] = [[], []];
  await inParallel(SESSIONS_EACH_WAY, AT_ONCE, async (n) => {
    try {
      const session = sessionOf(gateways, n);
      const [echoed] = await session.run('echo', `session ${n}`);
      assert.equal(echoed, `session ${n}`);
      cookies.push(session.received);
    } catch (error) {
      refusals.push(error.message);
    }
  });
  assert.deepEqual(refusals.slice(0, 3), [], `${refusals.length} of ${SESSIONS_EACH_WAY} sessions failed`);
  const shares = (await sessions(servers)).map((count, n) => count - before[n]);
  assert.equal(shares[0] + shares[1], SESSIONS_EACH_WAY);
  shares.forEach((share) => assert.ok(share > FAIR_SHARE * SESSIONS_EACH_WAY, `shares of ${shares.join(' and ')}`));
  return { shares: shares.join(':'), cookies };
}

/** One for each client, once, that pages on other origins may bring back and scripts cannot read. */
function checkCookies(cookies) {
  for (const received of cookies) {
    assert.equal(received.length, 1, `one cookie: ${received}`);
    const [pair, ...attributes] = received[0].split('; ');
    assert.match(pair, /^wsgate=.{8,}$/);
    assert.deepEqual(attributes.sort(), ['HttpOnly', 'Path=/', 'SameSite=None', 'Secure']);
  }
  assert.equal(new Set(cookies.flat()).size, cookies.length, 'no two clients share one');
}

async function sessions(servers) {
  return Promise.all(servers.map(async (server) => (await server.ask('tally')).sessions));
}

/** Clients without cookies on many addresses of the loopback network. */
function addresses(t) {
  const agents = Array.from({ length: ADDRESSES }, (_, n) => keptAgent(t, {
    localAddress: `127.1.${n >> 7}.${(n & 127) + 1}`,
  }));
  return (gateways, n) => {
    const agent = agents[n % ADDRESSES];
    return new PollingSession(gateways[0].host, gateways.map(({ port }) => ({ port, agent })));
  };
}

/** Clients that all share one address and keep cookies. */
function browsers(t) {
  const agent = keptAgent(t, { maxSockets: AT_ONCE });
  return (gateways, n) => {
    const routes = gateways.map(({ port }) => ({ port, agent }));
    return new PollingSession(gateways[0].host, n % 2 ? routes : routes.reverse(), { cookie: true });
  };
}

function keptAgent(t, options) {
  const agent = new https.Agent({ keepAlive: true, ...options });
  t.after(() => agent.destroy());
  return agent;
}

async function inParallel(count, atOnce, work) {
  let next = 0;
  await Promise.all(Array.from({ length: atOnce }, async () => {
    while (next < count) {
      next += 1;
      await work(next - 1);
    }
  }));
}
