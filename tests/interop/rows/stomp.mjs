// STOMP over WebSocket, behind the rule that Spring puts before it: an Origin other than its own address is 403.
// Browsers and mini programs come with theirs all the same, since the gateway decides who may.

import assert from 'node:assert/strict';
import http from 'node:http';

import { Client } from '@stomp/stompjs';
import StompBroker from 'stomp-broker-js';
import WebSocket from 'ws';

import { DEVICES } from '../lib/devices.mjs';
import { Inbox } from '../lib/inbox.mjs';
import { listen } from '../lib/ports.mjs';
import { refused } from '../lib/wx-waits.mjs';
import { phone } from '../lib/wx.mjs';

export const name = 'STOMP';
export const system = 'stomp-broker-js 1.3.0 behind Spring\'s Origin rule, @stomp/stompjs 7.5.0';

const TOPIC = '/topic/sale';
const HEARTBEAT_MS = 500;

export async function run(t) {
  const broker = await startBroker(t);
  const gateway = await t.gateway(t.config('spring.toml', { 8080: broker.port }));
  const browser = await connected(t, gateway, { Origin: 'https://game.example.com' }, [0, HEARTBEAT_MS]);
  const program = await connected(t, gateway, DEVICES.android(), [HEARTBEAT_MS, 0]);
  await Promise.all([browser, program].map((client) => subscribed(client, broker)));
  await talk(browser, program);
  await new Promise((resolve) => { setTimeout(resolve, 4 * HEARTBEAT_MS); });
  await talk(program, browser);
  assert.deepEqual(broker.admitted, ['v12.stomp', 'v12.stomp']);
  assert.equal(broker.turnedAway.length, 0);
  await strangers(gateway, broker);
  return 'subprotocol v12.stomp echoed, subscriptions, heartbeats of either side; '
    + 'a page and a mini program pass Spring\'s Origin rule, a stranger does not pass the gateway';
}

/** Same origin only, as computed from Host and the forwarded header fields. */
function springAdmits({ origin, host, 'x-forwarded-host': outer, 'x-forwarded-proto': scheme = 'http' }) {
  return origin === undefined || origin === `${scheme}://${outer ?? host}`;
}

async function startBroker(t) {
  const server = http.createServer();
  const [admitted, turnedAway] = [[], []];
  const broker = new StompBroker({ server, path: '/stomp', heartbeat: [HEARTBEAT_MS, HEARTBEAT_MS] });
  const [upgrade] = server.listeners('upgrade');
  server.removeAllListeners('upgrade').on('upgrade', (request, socket, head) => {
    if (!springAdmits(request.headers)) {
      turnedAway.push(request.headers.origin);
      socket.end('HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\nConnection: close\r\n\r\n');
      return;
    }
    admitted.push(request.headers['sec-websocket-protocol'].split(',')[0]);
    upgrade(request, socket, head);
  });
  t.after(() => server.close());
  t.after(() => server.closeAllConnections());
  const subscriptions = new Inbox('SUBSCRIBE at the broker');
  broker.on('subscribe', subscriptions.push);
  broker.on('error', () => {});
  return { port: await listen(server), admitted, turnedAway, subscribed: subscriptions };
}

/** `beats`: how often the server and the client do; this broker keeps one direction for each connection. */
async function connected(t, { host, port }, headers, beats) {
  const connections = new Inbox('CONNECTED');
  const client = new Client({
    webSocketFactory: () => {
      client.socket = new WebSocket(`wss://${host}:${port}/stomp`, ['v12.stomp', 'v11.stomp', 'v10.stomp'], { headers });
      return client.socket;
    },
    heartbeatIncoming: beats[0], heartbeatOutgoing: beats[1], reconnectDelay: 0,
    onConnect: connections.push,
  });
  t.after(() => client.deactivate());
  client.activate();
  const { headers: answer } = await connections.next();
  assert.equal(client.socket.protocol, 'v12.stomp');
  assert.equal(answer['heart-beat'], beats.join());
  return client;
}

async function subscribed(client, { subscribed: known }) {
  client.heard = new Inbox('a MESSAGE');
  client.subscribe(TOPIC, client.heard.push);
  await known.next();
}

/** In ASCII: this broker's content-length counts characters. */
async function talk(from, to) {
  for (const body of ['one mug', 'x'.repeat(50_000)]) {
    from.publish({ destination: TOPIC, body });
    assert.equal((await to.heard.next()).body, body);
  }
  assert.ok(from.connected && to.connected);
}

async function strangers(gateway, { admitted, turnedAway }) {
  const error = await refused(phone(gateway), {
    url: 'wss://game.example.test/stomp', protocols: ['v12.stomp'], header: { Origin: 'https://evil.example' },
  });
  assert.match(error, /code:20/);
  assert.deepEqual([admitted.length, turnedAway.length], [2, 0], 'it never reached the broker');
}
