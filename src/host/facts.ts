/**
 * What the host itself has to tell: facts for logs and counters for metrics. Never control flow.
 *
 * A fact is for what an operator may want to read about one peer; whatever happens often is only counted.
 */
export type HostFact =
  | { readonly kind: 'wire-error'; readonly peerId: string; readonly reason: string }
  | { readonly kind: 'peer-proven'; readonly peerId: string; readonly name: string; readonly tookMs: number }
  | { readonly kind: 'peer-refused'; readonly peerId: string; readonly address: string; readonly reason: string }
  | { readonly kind: 'dial-failed'; readonly peerId: string; readonly reason: string }
  | { readonly kind: 'connection-closed'; readonly peerId: string; readonly inUse: boolean }
  | { readonly kind: 'self-changed'; readonly addresses: readonly string[] }
  | { readonly kind: 'relay-reserved'; readonly peerId: string }
  | { readonly kind: 'relay-failed'; readonly peerId: string; readonly reason: string }
  | { readonly kind: 'host-failed'; readonly reason: string };

/** Counted since the host started. */
export interface HostCounters {
  messagesSent: number;
  messagesReceived: number;
  bytesSent: number;
  bytesReceived: number;
  /** Writes to control streams: fewer than messages, because what one tick produces goes out together. */
  writes: number;
  /** Oldest frames of a full queue. */
  framesDroppedQueue: number;
  /** Frames for a peer that could not be reached. */
  framesDroppedUnreachable: number;
  /** Messages that were too large to send at all. */
  framesDroppedSize: number;
  wireErrors: number;
  dials: number;
  dialsFailed: number;
  handshakes: number;
  handshakesFailed: number;
  streamsOpened: number;
  streamsAccepted: number;
  streamsReset: number;
  streamsRefused: number;
  streamBytesSent: number;
  streamBytesReceived: number;
  linksReleased: number;
  /** Of bandwidth measurements, datagrams and bursts. */
  probeBytesSent: number;
  probeBytesReceived: number;
  /** Datagrams that belong to no measurement. */
  probeDatagramsDropped: number;
}

export function newCounters(): HostCounters {
  return {
    messagesSent: 0,
    messagesReceived: 0,
    bytesSent: 0,
    bytesReceived: 0,
    writes: 0,
    framesDroppedQueue: 0,
    framesDroppedUnreachable: 0,
    framesDroppedSize: 0,
    wireErrors: 0,
    dials: 0,
    dialsFailed: 0,
    handshakes: 0,
    handshakesFailed: 0,
    streamsOpened: 0,
    streamsAccepted: 0,
    streamsReset: 0,
    streamsRefused: 0,
    streamBytesSent: 0,
    streamBytesReceived: 0,
    linksReleased: 0,
    probeBytesSent: 0,
    probeBytesReceived: 0,
    probeDatagramsDropped: 0,
  };
}
