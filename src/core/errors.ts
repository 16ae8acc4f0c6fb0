/**
 * Errors that people meet. One class with a stable code, so that the CLI maps codes to exit status, the API to HTTP
 * status, and library users can tell them apart; the message is one clear sentence that says what to do next.
 */

export type ErrorCode =
  | 'usage' // wrong arguments: exit code 2
  | 'not-found'
  | 'too-large'
  | 'quota' // a peer's storage is full
  | 'timeout'
  | 'unreachable' // nobody answers at an address
  | 'refused' // the pool's membership proof failed, or the pool differs
  | 'in-use' // state directory or port taken
  | 'state' // state directory unwritable or corrupt
  | 'not-running'
  | 'stopped';

export class GroveError extends Error {
  override readonly name = 'GroveError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** Bytes from another machine that are not a message: counted and dropped, never shown to a person as a failure. */
export class WireError extends Error {
  override readonly name = 'WireError';
}
