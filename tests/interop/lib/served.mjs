// The server's end of lib/server-process.mjs: `node servers/FILE PORT ARGS...`, port 0 for a free one.
// It says `{ port }` when it listens, and answers questions with `{ answer }` until its parent has gone.

import { once } from 'node:events';

/**
 * Lets `server` (an http.Server, or what has `listen` and `address` like one) listen on the port of the
 * command line; `answer(question)` is what its parent may ask.
 */
export async function serve(server, answer = () => null) {
  server.listen(Number(process.argv[2]), '127.0.0.1');
  await once(server, 'listening');
  process.once('disconnect', () => process.exit(0));
  process.on('message', (question) => process.send({ answer: answer(question) }));
  process.send({ port: server.address().port });
}

/** What the row gave behind the file's name. */
export const args = process.argv.slice(3);
