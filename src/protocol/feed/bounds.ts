/**
 * How much of everything the relay of feeds keeps, and for how long it waits: each bound
 * with what happens when it is reached.
 */

/** Children that a peer offers where nobody says how many. */
export const FANOUT = 4;
/** Feeds of one peer; more are not taken into the pool. */
export const FEEDS_MAX = 1_024;
/** Compressed bodies up to this travel inside a message; larger ones are pulled in pieces. */
export const INLINE_BYTES_MAX = 96 * 1024;
export const PIECE_BYTES_MAX = 64 * 1024;
/** Pieces of one body under way. */
export const PIECES_AT_ONCE = 4;
/** A compressed body is never much larger than it was. */
export const PACKED_BYTES_MAX = 16 * 1024 * 1024;
/** Compressed bodies being pulled by one peer, together; further ones are asked for later. */
export const PULLING_BYTES_MAX = 48 * 1024 * 1024;
/** Compressed forms kept for the next child; the one unused for the longest time goes first. */
export const PACKED_KEPT_BYTES_MAX = 8 * 1024 * 1024;
/** Versions that were found and have no number yet, of one feed; the oldest is forgotten first. */
export const PENDING_MAX = 4;
/** Versions that the lead compares a new one with. */
export const LATELY = 8;
/** Signers that a peer believes for one feed; the oldest is forgotten first. */
export const SIGNERS_KNOWN_MAX = 64;
/** Versions read from the shelf for one child at a time. */
export const READ_MAX = 8;

export const ATTEMPTS = 3;
/** Beside the round trip: a slow link, or a receiver that writes to its disk. */
export const TRANSFER_MS = 2_000;
/** Of a child that pulls a body: heard of by then, or taken to be gone. */
export const PULL_MS = 60_000;
/** Until a question that came too early is asked again. */
export const SOON_MS = 300;
export const LATER_MS = 2_000;
/** A version that nobody numbered is shown to this peer's own readers after so long. */
export const ALONE_MS = 5_000;
/** Until a version is offered to the lead again. */
export const OFFER_MS = 3_000;
/** A new lead first hears what those know who come to it. */
export const LEAD_SETTLE_MS = 2_000;
/** Without a way to the lead for so long a peer asks the register. */
export const LOST_MS = 2_500;
/** ... and again after twice as long each time, up to this. */
export const LOST_AGAIN_MAX_MS = 15_000;
/** The constraint of a consumer in the tree is at least that: no tree is faster. */
export const CONSTRAINT_MIN_MS = 1_000;
/** Peers that were found lying about one feed; the oldest is forgotten first. */
export const LIARS_MAX = 32;
export const LIARS_TOLD_MAX = 8;
/** Words of auditors about one feed that are known already; the oldest is forgotten first. */
export const WITNESSED_MAX = 128;
/** Subscribers besides the neighbours in the tree who hear of an audit: they may have been told something else. */
export const WITNESS_SAMPLES = 8;
/** Between two comparisons with the lead that others give reason for. */
export const COMPARE_PAUSE_MS = 5_000;
/** For so long the register is asked about an unknown signer before its version is passed over. */
export const STRANGER_MS = 5_000;
