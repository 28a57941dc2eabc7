// Tencent's mini-program demo: its game on its path, played by mini programs.

import assert from 'node:assert/strict';

import { PAPER, ROCK, SCISSORS, startGame } from '../lib/rock-paper-scissors.mjs';
import { startSessionServer } from '../lib/session-server.mjs';
import { WxSocketIo } from '../lib/wx-socketio.mjs';
import { phone } from '../lib/wx.mjs';

export const name = 'rock-paper-scissors';
export const system = 'Socket.IO 1.7.4 and a client for mini programs';
export const limitMs = 130_000;
export const lane = 'patient';

/** The page adds one slash, the client another. */
const GAME = 'wss://game.example.test/applet/websocket/socket.io/';
const SILENCE_MS = 90_000;
/** engine.io 1.x gives up on a client that never pings after 60 + 25 s. */
const SERVER_PATIENCE_MS = 85_000;

export async function run(t) {
  const game = await startGame();
  t.after(() => game.stop());
  const session = await startSessionServer();
  t.after(() => session.stop());
  const gateway = await t.gateway(t.config('tencent-demo.toml', { 9595: game.port, 5757: session.port }));

  const [ann, ben] = [await player(gateway, 'ann', 'android'), await player(gateway, 'ben', 'olderIos')];
  const mute = await player(gateway, 'mute', 'iosGame', { heartbeat: false });
  await login(gateway);
  const [silent, againstTheServer] = [silence(ann, ben), droppedByTheServer(mute)];
  await againstRobot(await player(gateway, 'cleo', 'iosGame'));
  await silent;
  await againstTheServer;
  return 'rounds of two before and after 90 s of silence, one against the robot; '
    + 'a client without heartbeat is the server\'s to close, at 85 s with 1000';
}

/** The demo's session service, on the same domain. */
async function login({ host, port }) {
  const answer = await fetch(`https://${host}:${port}/applet/session/login`, {
    method: 'POST', body: JSON.stringify({ code: 'from wx.login' }),
  });
  assert.equal(answer.status, 200);
  assert.equal((await answer.json()).code, 0);
}

async function player(gateway, uid, device, options) {
  const client = await new WxSocketIo(phone(gateway, { device }), options).connect(GAME);
  client.uid = uid;
  client.emit('hello', { user: { uid, uname: `${uid} 玩家`, uavatar: '' }, cordinate: { lat: 22.5, lng: 113.9 } });
  assert.deepEqual(await client.next('hi'), { message: 'welcome', nearby: 10 });
  return client;
}

async function silence(ann, ben) {
  await round(ann, ben, ROCK, SCISSORS, { total: 1, streak: 1 });
  const pongs = ann.pongs;
  await new Promise((resolve) => { setTimeout(resolve, SILENCE_MS); });
  assert.equal(ann.closes.items.length + ben.closes.items.length, 0, 'nobody was closed in the silence');
  assert.ok(ann.pongs - pongs >= 3, 'the heartbeats of the silence were answered');
  await round(ann, ben, PAPER, ROCK, { total: 2, streak: 2 });
  ann.emit('leave');
  assert.deepEqual(await ben.next('leave'), { uid: 'ann' });
  ann.close();
  ben.close();
  assert.equal((await ann.closes.next()).code, 1000);
}

/** A round that `winner` wins, seen from both sides. */
async function round(winner, loser, choice, theirs, { total, streak }) {
  winner.emit('join');
  loser.emit('join');
  const starts = await Promise.all([winner.next('start'), loser.next('start')]);
  for (const { gameTime, roomUsers } of starts) {
    assert.equal(gameTime, 3);
    assert.deepEqual(roomUsers.map(({ uid }) => uid).sort(), [winner.uid, loser.uid].sort());
  }
  winner.emit('choice', { choice });
  assert.deepEqual(await loser.next('movement'), { uid: winner.uid, movement: 'choice' });
  loser.emit('face', { face: 2 });
  assert.deepEqual(await winner.next('movement'), { uid: loser.uid, movement: 'face', face: 2 });
  loser.emit('choice', { choice: theirs });
  assert.deepEqual(await winner.next('movement'), { uid: loser.uid, movement: 'choice' });
  for (const { result } of await Promise.all([winner.next('result'), loser.next('result')])) {
    const of = (uid) => result.find((one) => one.uid === uid);
    assert.deepEqual(of(winner.uid), { uid: winner.uid, choice, roundScore: 1, totalScore: total, winStreak: streak });
    assert.deepEqual(of(loser.uid), { uid: loser.uid, choice: theirs, roundScore: 0, totalScore: 0, winStreak: 0 });
  }
}

async function againstRobot(cleo) {
  await new Promise((resolve) => { setTimeout(resolve, 500); }); // so that the other two found each other
  cleo.emit('join');
  const { roomUsers } = await cleo.next('start');
  assert.ok(roomUsers.some(({ uid }) => uid === 'robot'));
  assert.deepEqual(await cleo.next('movement'), { uid: 'robot', movement: 'choice' });
  cleo.emit('choice', { choice: PAPER });
  const { result } = await cleo.next('result');
  assert.equal(result.find(({ uid }) => uid === 'cleo').roundScore, 1);
  cleo.close();
}

/** The demo's own client never pings: its backend, not the gateway, decides when that is too long. */
async function droppedByTheServer(mute) {
  const began = performance.now();
  const { code } = await mute.closes.next(undefined, SERVER_PATIENCE_MS + 15_000);
  const ms = performance.now() - began;
  assert.equal(code, 1000);
  assert.ok(ms > SERVER_PATIENCE_MS - 2000, `closed after ${Math.round(ms)} ms, before the server's patience ended`);
}
