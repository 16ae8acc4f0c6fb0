/**
 * The protocol for users of the package: one peer's parts, to be driven by a host of one's own through the Env seam, and
 * the pure decisions on their own. What is not named here is internal and may change without notice.
 */
export type { Contact } from '../core/contact.ts';
export type { Codec, Env, Millis, Network, Protocol, Store, StreamId, Streams, TimerKind, Timers } from '../core/env.ts';
export type { Position } from '../core/position.ts';
export { parsePosition, positionFromBytes, positionToBytes } from '../core/position.ts';
export type { Random } from '../core/random.ts';
export { randomFrom } from '../core/random.ts';
export type { Fact } from './facts.ts';
export { Node } from './node.ts';
export type { ProtocolOptions, StrategyName } from './options.ts';
export { DEFAULTS, protocolOptions, STRATEGY_NAMES } from './options.ts';
export type { LookupResult } from './routing/router.ts';
export { PullForm } from './somo/pull.ts';
export type { Message, MessageType } from './wire/messages.ts';
export { createCodec } from './wire/codec.ts';
export { ALGORITHM_NAMES, ALGORITHMS } from './lagover/algorithm.ts';
export { findShortage, meetsSufficientCondition } from './lagover/feasibility.ts';
export { checkTree } from './lagover/tree-check.ts';
