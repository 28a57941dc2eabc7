// MQTT over WebSocket: mqtt.js, as it is in Node and as it is in mini programs, with a real broker.

import '../lib/unpooled.mjs';

import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';

import { Aedes } from 'aedes';
import mqtt from 'mqtt';
import wxTransport from 'mqtt/lib/connect/wx';
import { WebSocketServer, createWebSocketStream } from 'ws';

import { Inbox } from '../lib/inbox.mjs';
import { listen } from '../lib/ports.mjs';
import { phone } from '../lib/wx.mjs';

export const name = 'MQTT over ws';
export const system = 'aedes 1.2.0, mqtt 5.16.0 in Node and in a mini program';

const TOPIC = 'room/小程序';
const KEEPALIVE_S = 1;

export async function run(t) {
  const broker = await startBroker(t);
  const gateway = await t.gateway(t.config('mqtt.toml', { 8083: broker.port }));
  const node = await inNode(t, gateway);
  const program = await inMiniProgram(t, gateway);
  await talk(node, program);
  await talk(program, node);
  await heartbeats(broker, [node, program]);
  assert.deepEqual(broker.protocols, ['mqtt', 'mqtt'], 'the subprotocol was echoed to both');
  return 'subprotocol mqtt echoed; QoS 0, 1 and 2 both ways between Node and a mini program, 60 kB whole, '
    + 'PINGREQ answered by the broker';
}

async function startBroker(t) {
  const aedes = await Aedes.createBroker();
  const pings = new Map();
  aedes.on('ping', (packet, client) => pings.set(client.id, (pings.get(client.id) ?? 0) + 1));
  const server = http.createServer();
  const protocols = [];
  const sockets = new WebSocketServer({ server });
  sockets.on('connection', (socket, request) => {
    protocols.push(socket.protocol);
    const stream = createWebSocketStream(socket);
    stream.on('error', () => {});
    aedes.handle(stream, request);
  });
  t.after(() => new Promise((resolve) => { aedes.close(resolve); }));
  t.after(() => server.close());
  return { port: await listen(server), protocols, pings };
}

async function inNode(t, { host, port }) {
  return connected(t, mqtt.connect(`wss://${host}:${port}/mqtt`, { clientId: 'node', keepalive: KEEPALIVE_S }));
}

/** mqtt.js' own transport for mini programs wants a global `wx`. */
async function inMiniProgram(t, gateway) {
  globalThis.wx = phone(gateway);
  const options = {
    ...DEFAULTS, protocol: 'wxs', hostname: gateway.host, path: '/mqtt', clientId: 'mini-program', keepalive: KEEPALIVE_S,
  };
  const dial = (client) => wxTransport.default(client, { ...client.options });
  return connected(t, new mqtt.MqttClient(dial, options));
}

const DEFAULTS = { protocolId: 'MQTT', protocolVersion: 4, reconnectPeriod: 0 };

async function connected(t, client) {
  t.after(() => client.end(true));
  client.heard = new Inbox('a message');
  client.on('message', (topic, payload) => client.heard.push({ topic, payload }));
  await once(client, 'connect');
  await client.subscribeAsync(`${TOPIC}/${client.options.clientId}`, { qos: 2 });
  return client;
}

async function talk(from, to) {
  const topic = `${TOPIC}/${to.options.clientId}`;
  for (const [qos, payload] of [[0, 'once at most'], [1, 'x'.repeat(60_000)], [2, Buffer.from([0, 255, 1])]]) {
    await from.publishAsync(topic, payload, { qos });
    const heard = await to.heard.next();
    assert.equal(heard.topic, topic);
    assert.ok(heard.payload.equals(Buffer.from(payload)), `qos ${qos}`);
  }
}

async function heartbeats({ pings }, clients) {
  await new Promise((resolve) => { setTimeout(resolve, 3000 * KEEPALIVE_S); });
  clients.forEach((client) => {
    assert.ok(client.connected, `${client.options.clientId} is still connected`);
    assert.ok(pings.get(client.options.clientId) >= 1, `${client.options.clientId}: PINGREQ reached the broker`);
  });
}
