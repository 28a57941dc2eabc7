// A live room with 200 viewers on 200 phones, whose server is killed and comes back.

import assert from 'node:assert/strict';

import { LiveRoomSocket } from '../lib/live-room-client.mjs';
import { phone } from '../lib/wx.mjs';

export const name = 'live room';
export const system = 'a GatewayWorker-style server, 200 mini programs with heartbeat and reconnect';
export const limitMs = 60_000;
export const lane = 'patient';

const URL_OF_APP = 'wss://game.example.test/live';
const VIEWERS = 200;
const PING_INTERVAL_S = 6;
const DEVICES = ['android', 'iosGame', 'olderIos', 'bare'];
/** Three seconds until the app's first try, and what 200 handshakes take on a small machine. */
const BACK_LIMIT_MS = 20_000;

export async function run(t) {
  const server = await t.server('live-room.mjs', PING_INTERVAL_S);
  const gateway = await t.gateway(t.config('gatewayworker.toml', { 8282: server.port }));
  const viewers = Array.from({ length: VIEWERS }, (_, n) => enter(gateway, `viewer ${n}`, DEVICES[n % DEVICES.length]));
  t.after(() => viewers.forEach((viewer) => viewer.close()));
  const mute = enter(gateway, 'mute', 'android', { beats: false });
  t.after(() => mute.close());
  await allJoined(viewers);
  assert.equal(new Set(viewers.map(({ clientId }) => clientId)).size, VIEWERS, 'each has a client_id of its own');
  await broadcast(viewers, 'before the restart');
  await shelf(viewers);

  await silentIsDropped(mute);
  await server.restart();
  const codes = await Promise.all(viewers.map(async (viewer) => (await viewer.ends.next()).code));
  assert.deepEqual([...new Set(codes)], [1011], 'a server that vanished is told with 1011');
  await allJoined(viewers);
  await broadcast(viewers, 'after the restart');
  await interrupted(viewers);
  return `${VIEWERS} viewers: init, broadcast, subscribe, leave; `
    + 'all closed with 1011 when the server died and back after its restart; '
    + 'who sends no heartbeat is dropped and told 1011';
}

function enter(gateway, user, device, options) {
  const viewer = new LiveRoomSocket(phone(gateway, { device }), URL_OF_APP, { room: 'sale', user }, options);
  return viewer.connect();
}

async function allJoined(viewers) {
  const joins = await Promise.all(viewers.map((viewer) => viewer.next('join', BACK_LIMIT_MS)));
  joins.forEach(({ client_id: id }, n) => assert.equal(id, viewers[n].clientId));
}

async function broadcast(viewers, content) {
  viewers[7].say('message', { content });
  const heard = await Promise.all(viewers.map((viewer) => viewer.next('message')));
  heard.forEach((message) => assert.deepEqual(message, { msg_type: 'message', user: 'viewer 7', content }));
}

async function shelf(viewers) {
  const interested = viewers.slice(0, 50);
  interested.forEach((viewer) => viewer.say('subscribe', { topic: 'shelf' }));
  await Promise.all(interested.map((viewer) => viewer.next('subscribe')));
  viewers.at(-1).say('on_off_shelf', { product: '小程序 mug', on: true });
  const heard = await Promise.all(interested.map((viewer) => viewer.next('on_off_shelf')));
  heard.forEach(({ product, on }) => assert.deepEqual([product, on], ['小程序 mug', true]));
  assert.ok(!viewers[60].inbox.items.some(({ msg_type: type }) => type === 'on_off_shelf'), 'only who subscribed');
}

/** GatewayWorker counts messages only, and hangs up without a Close frame. */
async function silentIsDropped(mute) {
  const { code } = await mute.ends.next(undefined, PING_INTERVAL_S * 2000 + 2000);
  assert.equal(code, 1011);
}

/** A phone call: the host takes the sockets down, the app comes back by itself, the others hear nothing of it. */
async function interrupted(viewers) {
  const [caller] = viewers;
  const before = caller.connections;
  caller.interrupt();
  assert.deepEqual(await caller.ends.next(), { code: 1000, reason: 'interrupted' });
  await caller.next('join', BACK_LIMIT_MS);
  assert.equal(caller.connections, before + 1);
  caller.say('leave');
  const { client_id: gone } = await viewers[1].next('leave');
  assert.equal(gone, caller.clientId);
}
