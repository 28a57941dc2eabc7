// Folders of things that a test fetched or built once and uses again: below `.cache`, named by what they
// are made from. A change of an input makes another folder. Knows nothing of what is inside.

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import net from 'node:net';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../.cache/', import.meta.url));
const TURN_LIMIT_MS = 600_000;
const TURN_LOOK_MS = 200;

/**
 * The folder `name` made from `inputs` (files and words that pin its content): found, or made by
 * `make(folder)` in a folder that takes its name only when it is complete.
 */
export async function cached(name, inputs, make) {
  const ready = path.join(CACHE, `${name}-${fingerprint(inputs)}`);
  if (existsSync(ready)) return ready;
  mkdirSync(CACHE, { recursive: true });
  const release = await turn(ready);
  try {
    if (!existsSync(ready)) await fill(ready, name, make);
    return ready;
  } finally {
    release();
  }
}

async function fill(ready, name, make) {
  const unfinished = mkdtempSync(path.join(CACHE, `unfinished-${name}-`));
  const forget = () => rmSync(unfinished, { recursive: true, force: true });
  process.once('exit', forget);
  try {
    await make(unfinished);
    renameSync(unfinished, ready);
  } finally {
    forget();
    process.removeListener('exit', forget);
  }
}

/**
 * Rows are processes and may want the same folder: one makes it, the others wait. A name in Linux's abstract
 * namespace is free again when its holder dies, however it does.
 */
async function turn(folder) {
  if (process.platform !== 'linux') return () => {};
  const place = `\0wsgate-interop-${createHash('sha256').update(folder).digest('hex')}`;
  const deadline = Date.now() + TURN_LIMIT_MS;
  while (Date.now() < deadline) {
    const holder = net.createServer().listen({ path: place });
    try {
      await once(holder, 'listening');
      return () => holder.close();
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
      await sleep(TURN_LOOK_MS);
    }
  }
  throw new Error(`another process is still making ${folder}`);
}

function fingerprint(inputs) {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(input instanceof URL ? readFileSync(input) : String(input)).update('\0');
  return hash.digest('hex').slice(0, 16);
}
