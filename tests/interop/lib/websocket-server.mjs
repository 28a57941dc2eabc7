// The real `ws` server in two shapes: a strict echo server, and one that also does what its clients
// ask for by text (close, ping, speak first). Knows nothing of the gateway.

import http from 'node:http';

import { WebSocketServer } from 'ws';

import { listen } from './ports.mjs';

export const COMMAND = { close: 'please close with 4001', ping: 'please ping me', fragments: 'please send fragments' };
export const GREETING = 'the server speaks first';
export const PING_PAYLOAD = Buffer.from([0, 1, 2, 0xfd, 0xfe, 0xff, 0x70]);

/**
 * Echoes every message as it came: the conforming server of the Autobahn cases. UTF-8 is checked,
 * permessage-deflate is on for every size of message, nothing is too long.
 */
export async function startEchoServer() {
  const server = http.createServer();
  const sockets = new WebSocketServer({
    server, perMessageDeflate: { threshold: 0 }, maxPayload: 0, maxFragments: 0, maxBufferedChunks: 0,
  });
  sockets.on('connection', (socket) => {
    socket.on('error', () => {});
    socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  return { port: await listen(server), stop: () => stop(server, sockets) };
}

/**
 * An echo server with manners of its own. `seen` has a record for each socket:
 * its handshake, its pongs with their delay, and its close. `tally` counts TCP connections.
 */
export async function startWebSocketServer() {
  const server = http.createServer();
  const seen = [];
  const tally = { connections: 0 };
  server.on('connection', () => { tally.connections += 1; });
  const sockets = new WebSocketServer({ server, perMessageDeflate: true });
  sockets.on('connection', (socket, request) => {
    const { url, headers } = request;
    const record = { url, headers, extensions: socket.extensions, pongs: [], close: null };
    seen.push(record);
    serve(socket, record);
  });
  return { port: await listen(server), seen, tally, stop: () => stop(server, sockets) };
}

function serve(socket, record) {
  let pinged = 0;
  socket.on('error', () => {});
  socket.on('close', (code, reason) => { record.close = { code, reason: reason.toString() }; });
  socket.on('pong', (payload) => record.pongs.push({ payload, ms: performance.now() - pinged }));
  socket.on('message', (data, binary) => {
    switch (binary ? null : data.toString()) {
      case COMMAND.close:
        return socket.close(4001, 'the server says bye');
      case COMMAND.ping:
        pinged = performance.now();
        return socket.ping(PING_PAYLOAD);
      case COMMAND.fragments:
        ['one ', 'two ', 'three'].forEach((part, index) => socket.send(part, { fin: index === 2, compress: false }));
        return undefined;
      default:
        return socket.send(data, { binary });
    }
  });
  if (record.url.startsWith('/echo/greeting')) socket.send(GREETING);
}

function stop(server, sockets) {
  sockets.clients.forEach((socket) => socket.terminate());
  server.closeAllConnections();
  server.close();
}
