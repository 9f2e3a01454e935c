/**
 * Gives memory back without waiting for the garbage collector, which takes megabytes of it in flight for a reason to mark
 * the whole heap, again and again: more than half of a request's CPU went there (npm run bench). Bytes that are part of a
 * larger buffer stay. Nobody may hold them any more.
 */
export function freeAtOnce(bytes: Uint8Array): void {
  const { buffer } = bytes
  if (buffer instanceof ArrayBuffer && buffer.byteLength === bytes.length) buffer.transfer(0)
}
