// Runs in a network of its own (see rows/source-ports.mjs): takes most source ports away, then opens many sockets
// through a gateway to one server. Argument: how many. Prints one line of JSON; exit code 0 when that is done.

import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';

import { WebSocketServer } from 'ws';

import { TEXT, frame } from './frames.mjs';
import { DOMAIN, startGateway } from './gateway.mjs';
import { LOOPBACK } from './ports.mjs';
import { RawSocket } from './raw-socket.mjs';

const RANGE = '/proc/sys/net/ipv4/ip_local_port_range';
const [FIRST, LAST] = [40_000, 40_099];
const SERVER_PORT = 9595;
/** SIOCSIFFLAGS with IFF_UP: a new network has its loopback down, and `ip` is not on every machine. */
const LOOPBACK_UP = `import fcntl, socket, struct
fcntl.ioctl(socket.socket(), 0x8914, struct.pack("16sh14x", b"lo", 1))`;

const wanted = Number(process.argv[2]);
execFileSync('python3', ['-c', LOOPBACK_UP]);
const sources = {};
const server = new WebSocketServer({ host: LOOPBACK, port: SERVER_PORT });
server.on('connection', (socket, request) => {
  const { remoteAddress } = request.socket;
  sources[remoteAddress] = (sources[remoteAddress] ?? 0) + 1;
  socket.on('error', () => {});
  socket.on('message', (data, isBinary) => socket.send(data, { binary: isBinary }));
});
await once(server, 'listening');

// Clients come through a unix socket: they need no ports.
const door = path.join(os.tmpdir(), `wsgate-door-${process.pid}.sock`);
const gateway = await startGateway(`[[sites.routes]]
path = "/"
backend = "${LOOPBACK}:${SERVER_PORT}"

[[listeners]]
address = "unix:${door}"
protocol = "http"
`);
writeFileSync(RANGE, `${FIRST} ${LAST}`);
const [first, last] = readFileSync(RANGE, 'utf8').split(/\s+/).map(Number);

const sockets = [];
let refused = 0;
for (let at = 0; at < wanted; at += 1) {
  const socket = new RawSocket(net.connect(door));
  try {
    await socket.upgrade(DOMAIN, '/');
    sockets.push(socket);
  } catch {
    refused += 1;
  }
}
let echoed = 0;
for (const [at, socket] of sockets.entries()) {
  socket.send(frame(TEXT, `socket ${at}`));
  const answer = await socket.next();
  echoed += answer.payload.toString() === `socket ${at}` ? 1 : 0;
}
console.log(JSON.stringify({ echoed, refused, sources, ports: last - first + 1 }));
sockets.forEach((socket) => socket.destroy());
const code = await gateway.stop();
rmSync(door, { force: true });
process.exit(code === 0 && !gateway.log.stderr.includes('panicked') ? 0 : 1);
