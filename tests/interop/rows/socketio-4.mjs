// Socket.IO 4 with the client of its own major version.

import { fullRow } from '../lib/socketio-peers.mjs';

export const name = 'Socket.IO 4';
export const system = 'socket.io 4.8.4, socket.io-client 4.8.4';

export const run = (t) => fullRow(t, 4);
