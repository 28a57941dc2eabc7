// The conforming echo server in a thread of its own, so that the fuzzing client's work delays no answer.

import { parentPort } from 'node:worker_threads';

import { startEchoServer } from '../interop/lib/websocket-server.mjs';

const { port } = await startEchoServer();
parentPort.postMessage(port);
