// The process of one row of the table: runs it, cleans up behind it, tells the verdict to its parent.
// Knows the shape of a row (see peers.mjs), nothing of what is in it.

import './names.mjs';

import { Tools } from './row-tools.mjs';

const [, , file, identity] = process.argv;
const tools = new Tools(identity);

process.setMaxListeners(100); // each gateway and each server of a row wants to hear of the end
process.once('SIGTERM', () => process.exit(1)); // so that those who wait for `exit` stop what they started
process.once('disconnect', () => process.exit(1));
process.on('uncaughtException', (error) => finish({ error: `thrown outside of the row: ${error.stack}` }));

try {
  const row = await import(`../rows/${file}`);
  const proved = await row.run(tools);
  if (typeof proved !== 'string' || proved === '') throw new Error('the row does not say what it proved');
  await tools.stopAll();
  finish({ proved });
} catch (error) {
  const logs = tools.logs();
  await tools.stopAll().catch(() => {});
  finish({ error: `${describe(error)}${logs && ` | the gateway said: ${logs}`}` });
}

function finish(verdict) {
  process.send(verdict, () => process.exit(0));
}

/** The message, and where in the row it was. */
function describe(error) {
  const where = /rows\/[\w-]+\.mjs:\d+/.exec(error?.stack ?? '');
  return `${error?.message ?? error}${where ? ` (${where[0]})` : ''}`;
}
