// A plain HTTP service that answers as the demo's session service does, and shows what reached it:
// header fields, bodies, pieces sent one by one. Knows nothing of WebSockets.

import { createHash } from 'node:crypto';
import http from 'node:http';

import { listen, until } from './ports.mjs';

const PREFIX = '/applet/session';

/** `emit(data)` sends one event to every open event stream. */
export async function startSessionServer() {
  const streams = new Set();
  const server = http.createServer(async (request, response) => {
    const { pathname } = new URL(request.url, 'http://any');
    const answer = ANSWERS[pathname.slice(PREFIX.length).split('/')[1]] ?? notFound;
    await answer(request, response, streams);
  });
  return {
    port: await listen(server),
    emit: async (data) => {
      await until(() => streams.size > 0, 'an event stream');
      streams.forEach((stream) => stream.write(`data: ${data}\n\n`));
    },
    stop: () => {
      server.closeAllConnections();
      server.close();
    },
  };
}

const ANSWERS = {
  head: (request, response) => json(response, { method: request.method, url: request.url, fields: request.rawHeaders }),

  login: async (request, response) => {
    const { code } = JSON.parse(await body(request));
    response.setHeader('Set-Cookie', [`sid=${code}; Path=/; HttpOnly`, 'build=7; Path=/applet']);
    json(response, { code: 0, session: createHash('sha1').update(code).digest('hex') });
  },

  mirror: async (request, response) => {
    const data = await body(request);
    response.setHeader('X-Body-Hash', createHash('sha256').update(data).digest('hex'));
    response.setHeader('Content-Length', data.length);
    response.end(data);
  },

  chunks: (request, response) => {
    ['first ', 'second ', 'third'].forEach((piece) => response.write(piece));
    response.end();
  },

  events: (request, response, streams) => {
    response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
    response.flushHeaders();
    streams.add(response);
    response.on('close', () => streams.delete(response));
  },

  teapot: (request, response) => {
    response.writeHead(418, { 'X-Reason': 'short and stout' });
    response.end('no coffee');
  },
};

function notFound(request, response) {
  response.writeHead(404);
  response.end('no such thing');
}

function json(response, value) {
  response.setHeader('Content-Type', 'application/json');
  response.end(JSON.stringify(value));
}

async function body(request) {
  const pieces = [];
  for await (const piece of request) pieces.push(piece);
  return Buffer.concat(pieces);
}
