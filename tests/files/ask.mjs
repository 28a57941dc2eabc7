// One request on a connection of its own, byte for byte as it is written, and the answer in parts. Knows HTTP/1.1.

import tls from 'node:tls';

const LIMIT_MS = 20_000;

/** Gives `{ status, fields, body }`; `fields` have lower-case names, `body` is without its chunks. */
export function ask(port, host, { method, target, fields }) {
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const request = `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n${lines}Connection: close\r\n\r\n`;
  return new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', port, servername: host, rejectUnauthorized: false, ALPNProtocols: ['http/1.1'] });
    const pieces = [];
    socket.setTimeout(LIMIT_MS, () => socket.destroy(new Error(`no answer to ${method} ${target}`)));
    socket.on('secureConnect', () => socket.write(request, 'latin1'));
    socket.on('data', (piece) => pieces.push(piece));
    socket.on('error', reject);
    socket.on('close', () => {
      try {
        resolve(parsed(Buffer.concat(pieces), method));
      } catch (error) {
        reject(error);
      }
    });
  });
}

function parsed(bytes, method) {
  const end = bytes.indexOf('\r\n\r\n');
  if (end < 0) throw new Error(`no head in ${bytes.length} bytes`);
  const [first, ...lines] = bytes.subarray(0, end).toString('latin1').split('\r\n');
  const fields = Object.fromEntries(lines.map((it) => [it.slice(0, it.indexOf(':')).toLowerCase(), it.slice(it.indexOf(':') + 1).trim()]));
  const rest = bytes.subarray(end + 4);
  const body = fields['transfer-encoding'] === 'chunked' && method !== 'HEAD' ? unchunked(rest) : rest;
  return { status: Number(first.split(' ')[1]), fields, body };
}

function unchunked(bytes) {
  const pieces = [];
  let at = 0;
  for (;;) {
    const line = bytes.indexOf('\r\n', at);
    if (line < 0) throw new Error('a chunked body without its end');
    const length = Number.parseInt(bytes.subarray(at, line).toString('latin1'), 16);
    if (!(length > 0)) return Buffer.concat(pieces);
    pieces.push(bytes.subarray(line + 2, line + 2 + length));
    at = line + 2 + length + 2;
  }
}
