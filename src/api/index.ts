/**
 * The library's entry: `import { createPeer } from 'grove'`. What is exported here is the public interface; everything
 * else may change between versions.
 */
export type { ErrorCode } from '../core/errors.ts';
export { GroveError } from '../core/errors.ts';
export type { LoggedEvent } from '../daemon/event-log.ts';
export { positionOfKey } from '../daemon/key.ts';
export type { FeedService } from '../daemon/feeds/readers.ts';
export type { FeedDetail, FeedReasons, FeedSummary, FeedWish, ServedDocument } from '../daemon/feeds/views.ts';
export type { Value } from '../daemon/objects.ts';
export type { PoolSettings } from '../daemon/pool.ts';
export type { PoolAnswer, TreeView, Whom } from '../daemon/pool-view.ts';
export type { TreeMap } from '../daemon/tree-map.ts';
export type { RingMember, RingView } from '../daemon/ring-view.ts';
export type { DaemonStatus } from '../daemon/status.ts';
export type {
  Dereferenced, Found, Key, Lookup, ObjectKey, OperationOptions, PeerName, PeerOptions, PutOptions, Stored,
} from './peer.ts';
export type { Op } from '../protocol/pool/ops.ts';
export { createPeer, Peer, PeerOverlay } from './peer.ts';
