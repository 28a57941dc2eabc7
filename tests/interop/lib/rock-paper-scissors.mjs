// The game of Tencent's mini-program demo on real socket.io 1.7.4, written from its protocol: rooms of two, a
// robot for who waits alone, a choice each, a result after the round's time. Rooms live in this process.

import http from 'node:http';

import socketio from 'socket.io-1';

import { listen } from './ports.mjs';

export const SCISSORS = 1;
export const ROCK = 2;
export const PAPER = 3;

const ROUND_S = 3;
const ROBOT_AFTER_MS = 1000;
const ROBOT = { uid: 'robot', uname: 'robot', uavatar: '' };
const BEATS = { [ROCK]: SCISSORS, [PAPER]: ROCK, [SCISSORS]: PAPER };

/** Gives `{ port, stop }`. */
export async function startGame() {
  const server = http.createServer((request, response) => response.end('it works'));
  const io = socketio(server, { path: '/applet/websocket/socket.io' });
  const lobby = new Lobby();
  io.on('connection', (socket) => {
    const player = new Player(socket);
    socket.on('hello', ({ user }) => {
      player.user = user;
      socket.emit('hi', { message: 'welcome', nearby: 10 });
    });
    socket.on('join', () => lobby.join(player));
    socket.on('choice', ({ choice }) => player.room?.choose(player, choice));
    socket.on('face', ({ face }) => {
      player.room?.tellOthers(player, 'movement', { uid: player.user.uid, movement: 'face', face });
    });
    socket.on('leave', () => lobby.leave(player));
    socket.on('disconnect', () => lobby.leave(player));
  });
  return { port: await listen(server), stop: () => { io.close(); server.closeAllConnections(); } };
}

class Player {
  room = null;
  user = null;
  score = { totalScore: 0, winStreak: 0 };

  constructor(socket) {
    this.socket = socket;
  }

  tell(event, data) {
    this.socket?.emit(event, data);
  }
}

class Lobby {
  #waiting = null;

  /** A second `join` in the same room is the wish for another round. */
  join(player) {
    if (player.room) return player.room.again(player);
    if (!this.#waiting) return this.#wait(player);
    const other = this.#waiting;
    this.#stopWaiting();
    return new Room([other, player]);
  }

  leave(player) {
    if (this.#waiting === player) this.#stopWaiting();
    player.room?.leave(player);
  }

  #wait(player) {
    this.#waiting = player;
    this.timer = setTimeout(() => {
      this.#stopWaiting();
      const robot = new Player(null);
      robot.user = ROBOT;
      const room = new Room([player, robot]);
      room.choose(robot, ROCK);
    }, ROBOT_AFTER_MS);
  }

  #stopWaiting() {
    clearTimeout(this.timer);
    this.#waiting = null;
  }
}

class Room {
  #players;
  #choices = new Map();
  #ready = new Set();
  #timer = null;

  constructor(players) {
    this.#players = players;
    players.forEach((player) => { player.room = this; });
    this.#start();
  }

  again(player) {
    this.#ready.add(player);
    if (this.#players.every((one) => one.socket === null || this.#ready.has(one))) this.#start();
  }

  choose(player, choice) {
    if (!this.#timer || !(choice in BEATS)) return;
    this.#choices.set(player, choice);
    this.tellOthers(player, 'movement', { uid: player.user.uid, movement: 'choice' });
  }

  leave(player) {
    this.tellOthers(player, 'leave', { uid: player.user.uid });
    clearTimeout(this.#timer);
    this.#players.forEach((one) => { one.room = null; });
  }

  tellOthers(player, event, data) {
    this.#players.filter((one) => one !== player).forEach((one) => one.tell(event, data));
  }

  #tellAll(event, data) {
    this.#players.forEach((one) => one.tell(event, data));
  }

  #start() {
    this.#choices.clear();
    this.#ready.clear();
    this.#timer = setTimeout(() => this.#finish(), ROUND_S * 1000);
    this.#tellAll('start', { gameTime: ROUND_S, roomUsers: this.#players.map(({ user }) => user) });
  }

  #finish() {
    this.#timer = null;
    const [one, other] = this.#players;
    this.#tellAll('result', { result: [this.#outcome(one, other), this.#outcome(other, one)] });
  }

  #outcome(player, other) {
    const choice = this.#choices.get(player) ?? 0;
    const theirs = this.#choices.get(other) ?? 0;
    const won = choice !== 0 && (theirs === 0 || BEATS[choice] === theirs);
    player.score.totalScore += won ? 1 : 0;
    player.score.winStreak = won ? player.score.winStreak + 1 : 0;
    return { uid: player.user.uid, choice, roundScore: won ? 1 : 0, ...player.score };
  }
}
