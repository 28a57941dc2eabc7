// What the READMEs tell people to write is what the rows ran: each block of TOML in a section on a kind of backend
// is a file of configs/, the same ones in both languages, and each of those files is used by a row.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';

export const name = 'READMEs';
export const system = 'the configurations of the sections "Behind ..."';

const ROOT = new URL('../../../', import.meta.url);
const CONFIGS = new URL('../configs/', import.meta.url);
const ROWS = new URL('./', import.meta.url);
const READMES = { 'README.md': /^## Behind /, 'README.zh-CN.md': /^## 接在/ };

export async function run() {
  const files = new Map(readdirSync(CONFIGS).map((file) => [file, read(new URL(file, CONFIGS)).trimEnd()]));
  const shown = Object.entries(READMES).map(([readme, heading]) => filesShown(readme, heading, files));
  assert.deepEqual(shown[0], shown[1], 'both languages show the same files in the same order');
  const rows = readdirSync(ROWS).map((row) => read(new URL(row, ROWS))).concat(sharedRows()).join('\n');
  const unused = [...files.keys()].filter((file) => !rows.includes(`'${file}'`));
  assert.deepEqual(unused, [], 'each configuration is used by a row');
  return `${shown[0].length} blocks in each language are files that rows run; ${files.size} files, each used`;
}

function filesShown(readme, heading, files) {
  const sections = read(new URL(readme, ROOT)).split(/^(?=## )/m).filter((section) => heading.test(section));
  const found = sections.flatMap((section) => [...section.matchAll(/^```toml\n(.*?)^```$/gms)]);
  const blocks = found.map(([, text]) => text.trimEnd());
  assert.ok(sections.length > 0 && blocks.length >= sections.length,
    `${readme}: ${blocks.length} blocks in ${sections.length} sections`);
  return blocks.map((block) => {
    const [file] = [...files].find(([, text]) => text === block) ?? [];
    assert.ok(file, `${readme}: this block is no file of configs/: ${block.slice(0, 120)}`);
    return file;
  });
}

/** What several rows have in common lies in lib/. */
function sharedRows() {
  return [read(new URL('../lib/socketio-peers.mjs', import.meta.url))];
}

function read(url) {
  return readFileSync(url, 'utf8');
}
