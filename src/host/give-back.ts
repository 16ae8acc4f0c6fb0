/**
 * Memory of a buffer that nobody needs any more, given back at once and not when the garbage collector comes by.
 *
 * V8 collects the whole heap after each 64 MiB of buffers that were made, and earlier where little happens otherwise; and fresh memory costs
 * more than what was just used. Only whoever is the last to know of some bytes may do this: all views of the buffer are empty afterwards.
 */

/** Smaller buffers are not worth it, and often parts of a larger one. */
const BYTES_MIN = 4_096;

/** Bytes that are a whole buffer, or all of it but `headBytes` in front of them that nobody needs either. Others stay. */
export function giveBack({ buffer, byteOffset, byteLength }: Uint8Array, headBytes = 0): void {
  const isWhole = (byteOffset === 0 || byteOffset === headBytes) && byteOffset + byteLength === buffer.byteLength;
  if (isWhole && byteLength >= BYTES_MIN && buffer instanceof ArrayBuffer) buffer.transfer(0);
}
