// Socket.IO 2 with the client of its own major version.

import { fullRow } from '../lib/socketio-peers.mjs';

export const name = 'Socket.IO 2';
export const system = 'socket.io 2.5.1, socket.io-client 2.5.0';

export const run = (t) => fullRow(t, 2);
