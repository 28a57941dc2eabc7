// The live room's JSON heartbeat, answered by the gateway on one route and by the server on another: who hears it.

import assert from 'node:assert/strict';

import { LiveRoomSocket } from '../lib/live-room-client.mjs';
import { until } from '../lib/ports.mjs';
import { phone } from '../lib/wx.mjs';

export const name = 'application heartbeats';
export const system = 'a GatewayWorker-style server, 2 x 200 mini programs with a JSON ping each 3 s';
export const limitMs = 80_000;
export const lane = 'patient';

const URL_OF_APP = 'wss://game.example.test/live';
const VIEWERS = 200;
const OBSERVED_MS = 30_000;
const JOIN_LIMIT_MS = 20_000;
/** Of 30 s, less one interval for where in it the first comes. */
const AT_LEAST_EACH = 9;

export async function run(t) {
  const [answered, passed] = await Promise.all([
    observe(t, 'gatewayworker-answer.toml'), observe(t, 'application-pass.toml'),
  ]);
  assert.equal(answered.heartbeats, 0, 'with answer = true the backend receives none');
  assert.equal(passed.heartbeats, passed.sent, 'with answer = false it receives all');
  return `over 30 s, answer = true: ${answered.sent} pings, each answered, 0 at the backend; answer = false: `
    + `${passed.sent} pings, each answered, all at the backend`;
}

async function observe(t, config) {
  const server = await t.server('live-room.mjs', 0);
  const gateway = await t.gateway(t.config(config, { 8282: server.port }));
  const viewers = Array.from({ length: VIEWERS }, (_, n) => new LiveRoomSocket(phone(gateway), URL_OF_APP, {
    room: 'sale', user: `viewer ${n}`,
  }).connect());
  t.after(() => viewers.forEach((viewer) => viewer.close()));
  await Promise.all(viewers.map((viewer) => viewer.next('join', JOIN_LIMIT_MS)));
  await new Promise((resolve) => { setTimeout(resolve, OBSERVED_MS); });
  viewers.forEach((viewer) => viewer.stopBeating());
  await until(() => viewers.every(({ heartbeats }) => heartbeats.answered >= heartbeats.sent), 'the last answers');
  for (const { heartbeats, connections } of viewers) {
    assert.ok(heartbeats.sent >= AT_LEAST_EACH, `${heartbeats.sent} pings of a viewer`);
    assert.equal(heartbeats.answered, heartbeats.sent, 'each client got each answer');
    assert.equal(connections, 1, 'and kept its socket');
  }
  await roomStillWorks(viewers);
  const { heartbeats } = await server.ask('tally');
  return { heartbeats, sent: viewers.reduce((sum, viewer) => sum + viewer.heartbeats.sent, 0) };
}

async function roomStillWorks(viewers) {
  viewers[0].say('message', { content: 'between heartbeats' });
  const heard = await Promise.all(viewers.map((viewer) => viewer.next('message')));
  heard.forEach(({ content }) => assert.equal(content, 'between heartbeats'));
}
