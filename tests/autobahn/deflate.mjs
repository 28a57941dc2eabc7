// permessage-deflate (RFC 7692) for the fuzzing client: what the server's answer means, and messages
// deflated and inflated by it. Knows nothing of frames.

import { createDeflateRaw, createInflateRaw, constants } from 'node:zlib';

const TAIL = Buffer.from([0, 0, 0xff, 0xff]);

/** The agreed parameters, or null when the answer has no permessage-deflate. */
export function agreed(answer = '') {
  const [name, ...parameters] = answer.split(';').map((part) => part.trim());
  if (name !== 'permessage-deflate') return null;
  const given = new Map(parameters.map((part) => part.split('=').map((side) => side.replaceAll('"', ''))));
  return {
    out: { reset: given.has('client_no_context_takeover'), bits: Number(given.get('client_max_window_bits') ?? 15) },
    in: { reset: given.has('server_no_context_takeover'), bits: Number(given.get('server_max_window_bits') ?? 15) },
  };
}

/** Both directions of one connection. */
export class Codec {
  #out;
  #in;

  constructor(parameters) {
    this.#out = new Direction(parameters.out, createDeflateRaw);
    this.#in = new Direction(parameters.in, createInflateRaw);
  }

  async deflate(data) {
    const bytes = await this.#out.pass(data);
    return bytes.subarray(0, bytes.length - TAIL.length);
  }

  /** Rejects when the bytes are no deflate stream of the agreed window. */
  inflate(data) {
    return this.#in.pass(Buffer.concat([data, TAIL]));
  }

  end() {
    this.#out.end();
    this.#in.end();
  }
}

class Direction {
  #stream = null;

  constructor({ reset, bits }, make) {
    this.reset = reset;
    this.make = () => make({ windowBits: bits });
  }

  async pass(data) {
    this.#stream ??= this.make();
    const stream = this.#stream;
    const pieces = [];
    const take = (piece) => pieces.push(piece);
    stream.on('data', take);
    try {
      await new Promise((resolve, reject) => {
        stream.once('error', reject);
        stream.write(data);
        stream.flush(constants.Z_SYNC_FLUSH, () => {
          stream.removeListener('error', reject);
          resolve();
        });
      });
    } finally {
      stream.removeListener('data', take);
      if (this.reset) this.end();
    }
    return Buffer.concat(pieces);
  }

  end() {
    this.#stream?.close();
    this.#stream = null;
  }
}
