// A real socket.io server of the major version given: rooms, echoes of text and binary, and a word on which
// server it is. Arguments: the major version, the server's name.

import http from 'node:http';

import { args, serve } from '../lib/served.mjs';

const [major, name] = args;
const VERSIONS = { 1: 'socket.io-1', 2: 'socket.io-2', 3: 'socket.io-3', 4: 'socket.io-4' };
const { Server, default: create } = await import(VERSIONS[major]);

const tally = { sessions: 0, upgrades: 0, open: 0 };
const server = http.createServer();
const io = Server ? new Server(server) : create(server);

io.on('connection', (socket) => {
  const engine = socket.conn;
  tally.sessions += 1;
  tally.open += 1;
  if (engine.transport.name === 'websocket') tally.upgrades += 1;
  else engine.once('upgrade', () => { tally.upgrades += 1; });
  socket.on('disconnect', () => { tally.open -= 1; });
  socket.on('join', (room, done) => {
    socket.join(room);
    done(name);
  });
  socket.on('say', (room, text) => socket.to(room).emit('said', text));
  socket.on('echo', (data, done) => done(data));
});

await serve(server, (question) => (question === 'tally' ? tally : null));
