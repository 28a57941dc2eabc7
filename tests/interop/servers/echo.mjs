// A `ws` echo server that also answers plain requests. It says its name first. Argument: the name.

import http from 'node:http';

import { WebSocketServer } from 'ws';

import { args, serve } from '../lib/served.mjs';

const [name] = args;
const server = http.createServer((request, response) => response.end(name));
const sockets = new WebSocketServer({ server });
sockets.on('connection', (socket) => {
  socket.on('error', () => {});
  socket.on('message', (data, binary) => socket.send(data, { binary }));
  socket.send(name);
});

await serve(server);
