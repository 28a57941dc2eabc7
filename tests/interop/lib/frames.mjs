// WebSocket frames by hand (RFC 6455 section 5.2): written as asked, right or wrong, and read back
// one by one. Does no I/O and judges nothing.

export const CONTINUATION = 0;
export const TEXT = 1;
export const BINARY = 2;
export const CLOSE = 8;
export const PING = 9;
export const PONG = 10;

/** RSV bits as a number: RSV1 (compressed, RFC 7692) is 4, RSV2 is 2, RSV3 is 1. */
export const COMPRESSED = 4;

/** Payloads shorter than this are masked byte by byte. */
const WORDWISE = 1024;

/** The bytes of one frame. Clients mask. */
export function frame(opcode, payload = '', { fin = true, rsv = 0, mask = true } = {}) {
  const data = bytesOf(payload);
  const head = Buffer.alloc(headSize(data.length, mask));
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  writeLength(head, data.length, mask);
  if (!mask) return Buffer.concat([head, data]);
  const key = head.subarray(head.length - 4);
  key.writeInt32LE(Math.random() * 2 ** 32 | 0);
  return Buffer.concat([head, applyMask(data, key)]);
}

/** The payload of a Close frame. */
export function closePayload(code, reason = '') {
  const number = Buffer.alloc(2);
  number.writeUInt16BE(code);
  return Buffer.concat([number, Buffer.from(reason)]);
}

/** A text's UTF-8, or the buffer itself. */
export function bytesOf(payload) {
  return Buffer.isBuffer(payload) ? payload : Buffer.from(payload);
}

/** Takes bytes as they come and gives whole frames. */
export class FrameReader {
  #chunks = [];
  #size = 0;
  #head = null;

  push(chunk) {
    if (chunk.length === 0) return;
    this.#chunks.push(chunk);
    this.#size += chunk.length;
  }

  /** The next whole frame, its payload unmasked, or null while bytes are missing. */
  next() {
    this.#head ??= parseHead(this.#front(14));
    if (this.#head === null || this.#size < this.#head.size + this.#head.length) return null;
    const { size, length, key, ...rest } = this.#head;
    this.#head = null;
    this.#take(size);
    const payload = this.#take(length);
    return { ...rest, masked: key !== null, payload: key ? applyMask(payload, key) : payload };
  }

  /** Bytes that are not yet part of a whole frame. */
  get left() {
    return this.#size;
  }

  #front(wanted) {
    if (this.#chunks.length > 1 && this.#chunks[0].length < wanted) this.#chunks = [Buffer.concat(this.#chunks)];
    return this.#chunks[0] ?? Buffer.alloc(0);
  }

  #take(size) {
    const parts = [];
    let missing = size;
    while (missing > 0) {
      const first = this.#chunks[0];
      const part = first.subarray(0, missing);
      parts.push(part);
      missing -= part.length;
      if (part.length === first.length) this.#chunks.shift();
      else this.#chunks[0] = first.subarray(part.length);
    }
    this.#size -= size;
    return parts.length === 1 ? parts[0] : Buffer.concat(parts);
  }
}

function headSize(length, mask) {
  return 2 + (length < 126 ? 0 : length < 65536 ? 2 : 8) + (mask ? 4 : 0);
}

function writeLength(head, length, mask) {
  const bit = mask ? 0x80 : 0;
  if (length < 126) {
    head[1] = bit | length;
  } else if (length < 65536) {
    head[1] = bit | 126;
    head.writeUInt16BE(length, 2);
  } else {
    head[1] = bit | 127;
    head.writeBigUInt64BE(BigInt(length), 2);
  }
}

function parseHead(bytes) {
  if (bytes.length < 2) return null;
  const short = bytes[1] & 0x7f;
  const extra = short < 126 ? 0 : short === 126 ? 2 : 8;
  const masked = (bytes[1] & 0x80) !== 0;
  const size = 2 + extra + (masked ? 4 : 0);
  if (bytes.length < size) return null;
  return {
    fin: (bytes[0] & 0x80) !== 0,
    rsv: (bytes[0] >> 4) & 7,
    opcode: bytes[0] & 15,
    size,
    length: readLength(bytes, short),
    key: masked ? Buffer.from(bytes.subarray(size - 4, size)) : null,
  };
}

function readLength(bytes, short) {
  if (short < 126) return short;
  return short === 126 ? bytes.readUInt16BE(2) : Number(bytes.readBigUInt64BE(2));
}

function applyMask(data, key) {
  return data.length < WORDWISE ? maskBytes(Buffer.from(data), key, 0) : maskWords(data, key);
}

/** The large cases move hundreds of megabytes through here: four bytes at a time, in a buffer that is aligned. */
function maskWords(data, key) {
  const out = Buffer.allocUnsafeSlow(data.length);
  data.copy(out);
  const words = new Uint32Array(out.buffer, 0, data.length >>> 2);
  const mask = new Uint32Array(Uint8Array.from(key).buffer)[0];
  for (let n = 0; n < words.length; n += 1) words[n] ^= mask;
  return maskBytes(out, key, words.length * 4);
}

function maskBytes(bytes, key, from) {
  for (let n = from; n < bytes.length; n += 1) bytes[n] ^= key[n & 3];
  return bytes;
}
