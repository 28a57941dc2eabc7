// Backends that say what reached them: the answer to a request, and the first message of a WebSocket, is the head
// that came. Knows nothing of what stands in front.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import http from 'node:http';

const GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';

/** Starts a backend that calls itself `label`; gives its port and `stop()`. */
export async function startBackend(label) {
  const server = http.createServer((request, response) => {
    let length = 0;
    request.on('data', (piece) => { length += piece.length; });
    request.on('end', () => {
      const body = JSON.stringify({ ...seen(label, request), length });
      response.writeHead(200, { 'Content-Type': 'application/json', 'X-Backend': label });
      response.end(body);
    });
    request.on('error', () => {});
  });
  server.on('upgrade', (request, socket) => {
    socket.on('error', () => {});
    const accept = createHash('sha1').update(request.headers['sec-websocket-key'] + GUID).digest('base64');
    const offered = request.headers['sec-websocket-protocol'];
    socket.write(['HTTP/1.1 101 Switching Protocols', 'Upgrade: websocket', 'Connection: Upgrade',
      `Sec-WebSocket-Accept: ${accept}`, ...(offered ? [`Sec-WebSocket-Protocol: ${offered.split(',')[0].trim()}`] : []),
      '', ''].join('\r\n'));
    socket.write(textFrame(JSON.stringify(seen(label, request))));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const stop = () => {
    server.closeAllConnections();
    server.close();
  };
  return { label, port: server.address().port, stop };
}

function seen(label, request) {
  return { backend: label, method: request.method, url: request.url, headers: request.headers };
}

/** An unmasked text frame of at most 65535 bytes (RFC 6455 section 5.2). */
function textFrame(text) {
  const payload = Buffer.from(text);
  const head = payload.length < 126 ? Buffer.from([0x81, payload.length]) : Buffer.from([0x81, 126, payload.length >> 8, payload.length & 255]);
  return Buffer.concat([head, payload]);
}
