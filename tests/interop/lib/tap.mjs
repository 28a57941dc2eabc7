// Listens in on an upgraded socket of any library: the frames it reads and the frames it writes, as they are on
// the wire. Changes nothing. Data frames only are kept unless told otherwise.

import { CLOSE, FrameReader } from './frames.mjs';

/** Starts now: `socket` must be between two frames. Gives `{ read, written }`, growing lists of frames. */
export function tap(socket, { control = false } = {}) {
  const frames = { read: [], written: [] };
  const keep = (list) => {
    const reader = new FrameReader();
    return (chunk) => {
      reader.push(Buffer.from(chunk));
      for (let frame = reader.next(); frame; frame = reader.next()) {
        if (control || frame.opcode < CLOSE) list.push(frame);
      }
    };
  };
  socket.prependListener('data', keep(frames.read)); // before a library takes the mask off in place
  const write = socket.write;
  const wrote = keep(frames.written);
  socket.write = function tapped(chunk, ...rest) {
    wrote(typeof chunk === 'string' ? Buffer.from(chunk, typeof rest[0] === 'string' ? rest[0] : 'utf8') : chunk);
    return write.call(this, chunk, ...rest);
  };
  return frames;
}
