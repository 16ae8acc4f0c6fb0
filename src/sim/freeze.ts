/**
 * Deep freezing of messages on send, for tests: a protocol that changes a message after sending it (or one it received)
 * throws at the spot instead of corrupting another peer's state.
 */

/** Freezes plain objects and arrays all the way down. Bytes cannot be frozen in JavaScript and are left alone. */
export function deepFreeze(value: unknown): void {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value) || ArrayBuffer.isView(value)) return;
  Object.freeze(value);
  for (const inner of Object.values(value)) deepFreeze(inner);
}
