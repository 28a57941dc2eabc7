// Things that arrive and are awaited one by one, for callbacks of any library. Knows nothing of sockets.

import { within } from './ports.mjs';

const LIMIT_MS = 10_000;

export class Inbox {
  #what;
  #waiting = [];
  items = [];

  constructor(what) {
    this.#what = what;
  }

  /** Give this to whatever calls back. */
  push = (item) => {
    const index = this.#waiting.findIndex(({ wanted }) => wanted(item));
    if (index < 0) this.items.push(item);
    else this.#waiting.splice(index, 1)[0].resolve(item);
  };

  /** The first item, here or to come, that is `wanted`; others stay. */
  async next(wanted = () => true, limitMs = LIMIT_MS) {
    const index = this.items.findIndex(wanted);
    if (index >= 0) return this.items.splice(index, 1)[0];
    const arrival = new Promise((resolve) => { this.#waiting.push({ wanted, resolve }); });
    return within(limitMs, this.#what, arrival);
  }
}
