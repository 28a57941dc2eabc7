// Socket.IO 3 with the client of its own major version.

import { fullRow } from '../lib/socketio-peers.mjs';

export const name = 'Socket.IO 3';
export const system = 'socket.io 3.1.2, socket.io-client 3.1.3';

export const run = (t) => fullRow(t, 3);
