/**
 * Every maximum and every time of a session's streams, in one place.
 * What a bound costs or saves is said beside it; the reasons are in docs/decisions/0041.
 */

/** Data streams of sessions say so in their first bytes (core's Streams, `purpose`). */
export const CAST_PURPOSE = 1;

/** Payload of one chunk; longer messages travel as several. With its heads it fits one message of the transport, so that nobody has to join it. */
export const CHUNK_BYTES_MAX = 32 * 1024;
/** Of one message: the smallest window holds a whole one, so that nobody has to begin within it. */
export const MESSAGE_BYTES_MAX = 512 * 1024;
/** What an edge carries in one frame: small chunks that wait together leave together, because every frame is answered below. */
export const BATCH_BYTES_MAX = 32 * 1024;
export const BATCH_CHUNKS_MAX = 256;
/** Of a frame without its length. */
export const FRAME_BYTES_MAX = CHUNK_BYTES_MAX + 4 * 1024;

/** What a peer keeps of a stream for its children, its readers and whoever missed something. */
export const WINDOW_BYTES_MIN = 2 * 1024 * 1024;
export const WINDOW_BYTES_DEFAULT = 8 * 1024 * 1024;
export const WINDOW_BYTES_MAX = 32 * 1024 * 1024;
/** Twice as much while somebody below is being hung on elsewhere; that lasts so long after the latest sign of it. */
export const HOLD_MS = 4_000;
/** At the stream's rate the window holds as much. */
export const WINDOW_MS = 8_000;
/** Many small chunks: bookkeeping has a bound, too. */
export const WINDOW_CHUNKS_MAX = 65_536;
/** The root keeps more: it is everybody's ancestor, and whoever lost its parent may be behind by the buffers of several. */
export const ROOT_WINDOW_TIMES = 4;
export const ROOT_WINDOW_BYTES_MAX = 64 * 1024 * 1024;

/** How long a consumer has to have been behind before it may be called slow; for each hop below it more, so that the lowest is blamed first. */
export const SLOW_AFTER_MS = 2_000;
export const SLOW_PER_HOP_MS = 1_000;
/** Whoever fills a gap more slowly than the stream's stated rate for so long never catches up. */
export const GAP_MS = 15_000;
/** An ancestor whose stream breaks off while it fills a gap is asked again at once; so often in a row if it brings nothing. */
export const REFILL_BREAKS_MAX = 3;
/** Without a stated rate, whoever takes less than this while all wait for it is too slow. */
export const RATE_FLOOR_BPS = 256_000;

/** Children of one peer in one session, those that wait for permission, and local readers. */
export const CHILDREN_MAX = 64;
export const STRANGERS_MAX = 16;
export const READERS_MAX = 16;
/** A child that knocks before the root's order about it has come waits so long. */
export const STRANGER_MS = 3_000;

/** Between two looks at clocks, silence and slowness. */
export const TICK_MS = 500;
/** A parent that has nothing to send says so. */
export const KEEP_ALIVE_MS = 1_000;
/** A parent that says nothing at all for so long counts as lost. */
export const SILENT_MS = 5_000;
/** A parent that was asked for the stream and did not begin. */
export const START_MS = 4_000;
/** The clock of a parent is compared this often. */
export const PING_MS = 2_000;
