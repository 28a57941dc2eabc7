// A WebSocket server that sends every frame back as the frame it was, fragment by fragment, so that a
// client sees what became of the borders on both legs. It checks nothing but the mask.

import net from 'node:net';

import { CLOSE, FrameReader, frame } from './frames.mjs';
import { listen } from './ports.mjs';
import { acceptFor } from './raw-socket.mjs';

/** `seen` holds every frame received, over all connections. */
export async function startFrameServer() {
  const seen = [];
  const open = new Set();
  const server = net.createServer((socket) => {
    open.add(socket);
    socket.on('close', () => open.delete(socket));
    socket.on('error', () => {});
    serve(socket, seen);
  });
  const port = await listen(server);
  return {
    port,
    seen,
    stop: () => {
      open.forEach((socket) => socket.destroy());
      server.close();
    },
  };
}

function serve(socket, seen) {
  const reader = new FrameReader();
  let head = Buffer.alloc(0);
  let upgraded = false;
  socket.on('data', (chunk) => {
    if (upgraded) {
      reader.push(chunk);
    } else {
      head = Buffer.concat([head, chunk]);
      const end = head.indexOf('\r\n\r\n');
      if (end < 0) return;
      upgraded = true;
      socket.write(answer(head.subarray(0, end).toString('latin1')));
      reader.push(head.subarray(end + 4));
    }
    for (let got = reader.next(); got; got = reader.next()) sendBack(socket, got, seen);
  });
}

function sendBack(socket, got, seen) {
  seen.push(got);
  socket.write(frame(got.opcode, got.payload, { fin: got.fin, rsv: got.rsv, mask: false }));
  if (got.opcode === CLOSE) socket.end();
}

function answer(head) {
  const [, key] = /^sec-websocket-key:[ \t]*(\S+)/im.exec(head) ?? [null, ''];
  return [
    'HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
    `Sec-WebSocket-Accept: ${acceptFor(key)}`, '', '',
  ].join('\r\n');
}
