// The Tencent demo's game server, as far as a proxy can notice: real socket.io 1.7.4 under the demo's
// path, answering `hello` with `hi`.

import http from 'node:http';

import socketio from 'socket.io-1';

import { listen } from './ports.mjs';

/** Where the demo's client really connects: the page adds one slash, the library another. */
export const DEMO_PATH = '/applet/websocket/socket.io//';

/** `seen` holds the handshake's url and header fields of every Socket.IO connection. */
export async function startSocketIoServer() {
  const seen = [];
  const server = http.createServer((request, response) => response.end('it works'));
  const io = socketio(server, { path: '/applet/websocket/socket.io' });
  io.on('connection', (socket) => {
    seen.push({ url: socket.request.url, headers: socket.request.headers });
    socket.on('hello', (greeting) => {
      socket.emit('hi', { message: `welcome ${greeting.user.uname}`, nearby: 10 });
    });
  });
  return {
    port: await listen(server),
    seen,
    stop: () => {
      io.close();
      server.closeAllConnections();
    },
  };
}
