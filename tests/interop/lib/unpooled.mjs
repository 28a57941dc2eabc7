// Import for its effect, before the libraries that make Buffers: no memory pool lies behind a Buffer, as in a mini
// program. mqtt.js relies on it there: it sends `chunk.buffer` whole.

Buffer.poolSize = 0;
