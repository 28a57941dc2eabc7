// The demo's game: real socket.io 1.7.4 behind `/applet/websocket`, met as a mini program meets it.

import assert from 'node:assert/strict';

import { CLOSE, TEXT, closePayload, frame } from '../lib/frames.mjs';
import { MINI_PROGRAM } from '../lib/client.mjs';
import { Refused } from '../lib/raw-socket.mjs';
import { DEMO_PATH } from '../lib/socketio-server.mjs';

const CONNECT = `${DEMO_PATH}?EIO=3&transport=websocket`;
const HELLO = '42["hello",{"user":{"uid":"u1","uname":"ann","uavatar":""},"cordinate":{"lat":22.5,"lng":113.9}}]';

export const cases = [
  ['socket.io: the demo\'s URL opens, hello is answered with hi', async ({ client, game }) => {
    const socket = await client.raw(CONNECT, MINI_PROGRAM);
    assert.equal(socket.answer['sec-websocket-extensions'], undefined);
    await opened(socket);
    socket.send(frame(TEXT, HELLO));
    assert.equal(await text(socket), '42["hi",{"message":"welcome ann","nearby":10}]');
    await goodbye(socket);
    const { url, headers } = game.seen.at(-1);
    assert.equal(url, CONNECT, 'the raw path, double slash and query, reaches the server');
    assert.equal(headers.origin, MINI_PROGRAM.Origin);
    assert.equal(headers.referer, MINI_PROGRAM.Referer);
  }],

  ['socket.io: the application\'s ping is answered by the server', async ({ client }) => {
    const socket = await client.raw(CONNECT, MINI_PROGRAM);
    await opened(socket);
    socket.send(frame(TEXT, '2'));
    assert.equal(await text(socket), '3');
    await goodbye(socket);
  }],

  ['socket.io: the frame behind the 101 arrives, 50 connections in a row', async ({ client }) => {
    for (let round = 0; round < 50; round += 1) {
      const socket = await client.raw(CONNECT, MINI_PROGRAM);
      await opened(socket);
      socket.destroy();
    }
  }],

  ['socket.io: the polling transport works by GET and POST', async ({ client }) => {
    const poll = `${DEMO_PATH}?EIO=3&transport=polling&b64=1`;
    const first = await client.request(poll);
    assert.equal(first.status, 200);
    assert.match(first.headers['set-cookie'][0], /^io=/);
    const { sid } = JSON.parse(/\{.*?\}/.exec(first.body)[0]);
    const packet = `${HELLO.length}:${HELLO}`;
    const posted = await client.request(`${poll}&sid=${sid}`, {
      method: 'POST', body: packet, headers: { 'Content-Type': 'text/plain;charset=UTF-8' },
    });
    assert.equal(posted.body.toString(), 'ok');
    let heard = first.body.toString();
    for (let polls = 0; polls < 3 && !heard.includes('"hi"'); polls += 1) {
      heard += (await client.request(`${poll}&sid=${sid}`)).body;
    }
    assert.match(heard, /42\["hi",\{"message":"welcome ann"/);
  }],

  ['socket.io: a long poll is held open until there is something to say', async ({ client }) => {
    const poll = `${DEMO_PATH}?EIO=3&transport=polling&b64=1`;
    const first = await client.request(poll);
    const { sid } = JSON.parse(/\{.*?\}/.exec(first.body)[0]);
    if (!first.body.includes('2:40')) await client.request(`${poll}&sid=${sid}`);
    let answered = false;
    const waiting = client.request(`${poll}&sid=${sid}`).then((answer) => {
      answered = true;
      return answer;
    });
    await new Promise((resolve) => { setTimeout(resolve, 200); });
    assert.equal(answered, false);
    await client.request(`${poll}&sid=${sid}`, {
      method: 'POST', body: '1:2', headers: { 'Content-Type': 'text/plain;charset=UTF-8' },
    });
    assert.equal((await waiting).body.toString(), '1:3');
  }],

  ['socket.io: a wrong path under the prefix, closed without an answer, is a 502', async ({ client }) => {
    const refused = client.raw('/applet/websocket/elsewhere?EIO=3&transport=websocket', MINI_PROGRAM);
    await assert.rejects(refused, (error) => error instanceof Refused && error.status === 502);
  }],

  ['socket.io: a plain request under the prefix reaches the same server', async ({ client }) => {
    const answer = await client.request('/applet/websocket/plain');
    assert.equal(answer.status, 200);
    assert.equal(answer.body.toString(), 'it works');
  }],
];

/** The two packets that the server sends first: the session and the namespace. */
async function opened(socket) {
  const session = await text(socket);
  assert.equal(session[0], '0');
  assert.equal(typeof JSON.parse(session.slice(1)).sid, 'string');
  assert.equal(await text(socket), '40');
}

async function text(socket) {
  const got = await socket.next();
  assert.equal(got?.opcode, TEXT, `a text frame, not ${JSON.stringify(got)}`);
  return got.payload.toString();
}

async function goodbye(socket) {
  socket.send(frame(CLOSE, closePayload(1000)));
  const got = await socket.next();
  assert.equal(got?.opcode, CLOSE);
  assert.equal((await socket.next()).ended, 'fin');
}
