// DIFFERENCES.md: sections that each explain one kind of difference, say by a pattern which lines are of that kind,
// and list them. Knows the file and its lines, not what they mean.

import { readFileSync, writeFileSync } from 'node:fs';

export class Differences {
  #url;
  #whole;
  #head;
  #sections;

  /** `whole`: every configuration is run, so that each listed line has to be found again. */
  constructor(url, whole) {
    this.#url = url;
    this.#whole = whole;
    const [head, ...sections] = readFileSync(url, 'utf8').split(/^(?=## )/m);
    this.#head = head;
    this.#sections = sections.map(section);
  }

  /** Notes what was found in one configuration; gives what no section lists. */
  check(name, found) {
    const unknown = [];
    for (const line of found) {
      const kind = this.#sections.find(({ pattern }) => pattern.test(line));
      if (!kind) unknown.push(line);
      else {
        kind.found.push(line);
        if (!kind.listed.includes(line) && !process.env.UPDATE_GOLDEN) unknown.push(line);
      }
    }
    return unknown;
  }

  /** What is wrong with the file itself. */
  finish() {
    if (!this.#whole) return [];
    if (process.env.UPDATE_GOLDEN) {
      const written = this.#sections.map(({ text, found }) => `${text}\n\n${found.map((it) => `- \`${it}\``).join('\n')}\n`);
      writeFileSync(this.#url, this.#head + written.join('\n'));
      this.#sections.forEach((it) => { it.listed = it.found; });
    }
    return this.#sections.flatMap(({ title, text, listed, found }) => [
      ...(found.length === 0 ? [`nothing is of this kind any more: ${title}`] : []),
      ...(text.split('\n').length < 4 ? [`no explanation: ${title}`] : []),
      ...listed.filter((it) => !found.includes(it)).map((it) => `listed, but not found: ${it}`),
    ]);
  }
}

function section(text) {
  const [title] = text.split('\n');
  const pattern = /^Pattern: `(.+)`$/m.exec(text);
  if (!pattern) throw new Error(`DIFFERENCES.md: no pattern in ${title}`);
  const lines = text.split('\n');
  const listed = lines.filter((it) => it.startsWith('- `')).map((it) => it.slice(3, -1));
  const prose = lines.filter((it) => !it.startsWith('- `')).join('\n').trim();
  return { title, pattern: new RegExp(pattern[1]), text: prose, listed, found: [] };
}
