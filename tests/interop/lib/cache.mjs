// Folders of things that a test fetched or built once and uses again: below `.cache`, named by what they
// are made from. A change of an input makes another folder. Knows nothing of what is inside.

import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

const CACHE = fileURLToPath(new URL('../.cache/', import.meta.url));

/**
 * The folder `name` made from `inputs` (files and words that pin its content): found, or made by
 * `make(folder)` in a folder that takes its name only when it is complete.
 */
export async function cached(name, inputs, make) {
  const ready = path.join(CACHE, `${name}-${fingerprint(inputs)}`);
  if (existsSync(ready)) return ready;
  mkdirSync(CACHE, { recursive: true });
  const unfinished = mkdtempSync(path.join(CACHE, `unfinished-${name}-`));
  const forget = () => rmSync(unfinished, { recursive: true, force: true });
  process.once('exit', forget);
  try {
    await make(unfinished);
    takeName(unfinished, ready);
    return ready;
  } finally {
    forget();
    process.removeListener('exit', forget);
  }
}

/** Another run may have been quicker: then its folder is as good as ours. */
function takeName(unfinished, ready) {
  try {
    renameSync(unfinished, ready);
  } catch (error) {
    if (!existsSync(ready)) throw error;
  }
}

function fingerprint(inputs) {
  const hash = createHash('sha256');
  for (const input of inputs) hash.update(input instanceof URL ? readFileSync(input) : String(input)).update('\0');
  return hash.digest('hex').slice(0, 16);
}
