// The mini-program shim itself, held against what is known of devices: what the server behind the gateway sees
// of each kind, and what the app is told when things go wrong.

import assert from 'node:assert/strict';
import http from 'node:http';

import { WebSocketServer } from 'ws';

import { DEVICES } from '../lib/devices.mjs';
import { Inbox } from '../lib/inbox.mjs';
import { freePort, listen } from '../lib/ports.mjs';
import { closed, opened, refused } from '../lib/wx-waits.mjs';
import { phone } from '../lib/wx.mjs';

export const name = 'mini program';
export const system = 'wx.connectSocket and wx.onSocket*, as on devices';

const URL_OF_APP = 'wss://game.example.test/echo';

export async function run(t) {
  const server = await echoServer(t);
  const gateway = await t.gateway(t.config('mini-program.toml', { 9595: server.port, 9596: await freePort() }));
  for (const device of Object.keys(DEVICES)) await arrivesAs(device, gateway, server);
  await strangersAreRefused(gateway);
  await subprotocols(gateway);
  await globalStyle(gateway);
  await fiveAtMost(gateway);
  await failures(gateway);
  return '4 Origins, Referer and User-Agent arrive; subprotocol and deflate only when asked; 5 sockets; '
    + 'errors as on phones';
}

async function echoServer(t) {
  const seen = [];
  const server = http.createServer();
  const sockets = new WebSocketServer({ server, perMessageDeflate: true });
  sockets.on('connection', (socket, { headers }) => {
    seen.push(headers);
    socket.on('error', () => {});
    socket.on('message', (data, binary) => {
      if (data.toString() === 'vanish') socket.terminate();
      else socket.send(data, { binary });
    });
  });
  t.after(() => sockets.clients.forEach((socket) => socket.terminate()));
  t.after(() => server.close());
  return { port: await listen(server), seen };
}

async function arrivesAs(device, gateway, server) {
  const wx = phone(gateway, { device });
  const task = await opened(wx.connectSocket({
    url: URL_OF_APP, header: { Authorization: 'Bearer 1', referer: 'https://evil.example/' },
  }));
  const wanted = DEVICES[device]('game.example.test');
  const seen = server.seen.at(-1);
  for (const [field, value] of Object.entries(wanted)) assert.equal(seen[field.toLowerCase()], value, `${device}: ${field}`);
  assert.equal('origin' in seen, 'Origin' in wanted, `${device}: no Origin made up`);
  assert.equal('referer' in seen, 'Referer' in wanted, `${device}: no Referer made up`);
  assert.equal(seen.authorization, 'Bearer 1');
  assert.equal(seen.host, 'game.example.test');
  assert.equal(seen['sec-websocket-extensions'], undefined);
  assert.equal(seen['sec-websocket-protocol'], undefined);
  const echoed = new Inbox('an echo');
  task.onMessage(echoed.push);
  task.send({ data: '小程序' });
  assert.equal((await echoed.next()).data, '小程序');
  task.send({ data: Uint8Array.from([0, 255]).buffer });
  assert.deepEqual(Buffer.from((await echoed.next()).data), Buffer.from([0, 255]));
  await closed(task, { code: '1000' });
}

async function strangersAreRefused(gateway) {
  const header = { Origin: 'https://evil.example' };
  assert.match(await refused(phone(gateway), { url: URL_OF_APP, header }), /code:20, msg:Invalid HTTP status/);
}

async function subprotocols(gateway) {
  const wx = phone(gateway, { device: 'devtools' });
  const inbox = new Inbox('an open socket');
  const task = wx.connectSocket({ url: URL_OF_APP, protocols: ['mqtt', 'v12.stomp'], perMessageDeflate: true });
  task.onOpen(inbox.push);
  const { header } = await inbox.next();
  assert.equal(header['sec-websocket-protocol'], 'mqtt');
  assert.match(header['sec-websocket-extensions'], /^permessage-deflate/);
  await closed(task);
}

async function globalStyle(gateway) {
  const wx = phone(gateway, { device: 'bare' });
  const [opens, messages, closes] = ['open', 'message', 'close'].map((what) => new Inbox(`wx.onSocket: ${what}`));
  wx.onSocketOpen(opens.push);
  wx.onSocketMessage(messages.push);
  wx.onSocketClose(closes.push);
  wx.connectSocket({ url: URL_OF_APP });
  await opens.next();
  wx.sendSocketMessage({ data: 'the older way' });
  assert.equal((await messages.next()).data, 'the older way');
  wx.closeSocket();
  assert.equal((await closes.next()).code, 1000);
}

async function fiveAtMost(gateway) {
  const wx = phone(gateway);
  const tasks = await Promise.all(Array.from({ length: 5 }, () => opened(wx.connectSocket({ url: URL_OF_APP }))));
  const failure = new Inbox('the sixth');
  wx.connectSocket({ url: URL_OF_APP, fail: failure.push });
  assert.match((await failure.next()).errMsg, /exceed max concurrent count/);
  await closed(tasks.pop());
  tasks.push(await opened(wx.connectSocket({ url: URL_OF_APP })));
  await Promise.all(tasks.map((task) => closed(task)));
}

async function failures(gateway) {
  const wx = phone(gateway);
  assert.match(await refused(wx, { url: 'wss://game.example.test/nowhere' }), /code:20, msg:Invalid HTTP status/);
  assert.match(await refused(wx, { url: 'wss://game.example.test/dead' }), /code:20, msg:Invalid HTTP status/);
  assert.match(await refused(wx, { url: 'wss://other.example.test/echo' }), /code:2, msg:Underlying Transport Error/);
  const task = await opened(wx.connectSocket({ url: URL_OF_APP }));
  const closes = new Inbox('the close');
  task.onClose(closes.push);
  task.send({ data: 'vanish' });
  assert.equal((await closes.next()).code, 1011, 'a server that vanished is told with a Close frame');
}
