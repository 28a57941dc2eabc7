// A live room in the manner of GatewayWorker: `init` with the client_id in the same segment as the 101, JSON with
// msg_type, life judged by messages alone, and an end without a Close frame. As its 4.x does, it adds a field of its
// own to the 101 and never echoes a subprotocol. Argument: pingInterval in seconds (a client without a message for
// one to two of them is dropped), 0 for never.

import http from 'node:http';

import { WebSocketServer } from 'ws';

import { args, serve } from '../lib/served.mjs';

const pingIntervalMs = Number(args[0]) * 1000;
const tally = { heartbeats: 0 };
const rooms = new Map();
const products = { onShelf: new Set() };
let lastId = 0;

const ACTIONS = {
  ping: (client) => {
    tally.heartbeats += 1;
    say(client, { msg_type: 'pong' });
  },
  join: (client, { room, user }) => {
    client.room = room;
    client.user = user;
    roomOf(client).add(client);
    say(client, { msg_type: 'join', client_id: client.id, on_shelf: [...products.onShelf] });
  },
  message: (client, { content }) => tell(roomOf(client), { msg_type: 'message', user: client.user, content }),
  subscribe: (client, { topic }) => {
    client.topics.add(topic);
    say(client, { msg_type: 'subscribe', topic });
  },
  on_off_shelf: (client, { product, on }) => {
    products.onShelf[on ? 'add' : 'delete'](product);
    const interested = [...roomOf(client)].filter(({ topics }) => topics.has('shelf'));
    tell(interested, { msg_type: 'on_off_shelf', product, on });
  },
  leave: (client) => {
    tell(roomOf(client), { msg_type: 'leave', client_id: client.id });
    roomOf(client).delete(client);
  },
};

const sockets = new WebSocketServer({ noServer: true, handleProtocols: () => false });
sockets.on('headers', (lines) => lines.push('Sec-WebSocket-Version: 13'));
const server = http.createServer();
server.on('upgrade', (request, socket, head) => {
  socket.cork();
  sockets.handleUpgrade(request, socket, head, welcome);
  socket.uncork();
});
if (pingIntervalMs > 0) setInterval(dropTheSilent, pingIntervalMs / 2);

function welcome(client) {
  lastId += 1;
  Object.assign(client, { id: `7f0000010b54${lastId.toString(16).padStart(8, '0')}`, topics: new Set(), silentLooks: 0 });
  client.on('error', () => {});
  client.on('close', () => roomOf(client).delete(client));
  client.on('message', (data) => {
    client.silentLooks = 0;
    const message = JSON.parse(data);
    ACTIONS[message.msg_type]?.(client, message);
  });
  say(client, { msg_type: 'init', client_id: client.id });
}

/** As with pingNotResponseLimit = 1: two looks without a message in between. */
function dropTheSilent() {
  for (const client of sockets.clients) {
    client.silentLooks += 1;
    if (client.silentLooks > 2) client.terminate();
  }
}

function roomOf({ room }) {
  if (!rooms.has(room)) rooms.set(room, new Set());
  return rooms.get(room);
}

function say(client, message) {
  client.send(JSON.stringify(message));
}

function tell(clients, message) {
  const text = JSON.stringify(message);
  clients.forEach((client) => client.send(text));
}

await serve(server, (question) => (question === 'tally' ? tally : null));
