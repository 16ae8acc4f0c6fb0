/**
 * Peers that lie in a latency-graded tree, for tests: the daemon's own agent behind an Env that changes what it says.
 *
 * What a liar tells others is theirs to find out; its own agent knows nothing of it.
 */
import type { Contact } from '../../core/contact.ts';
import type { NodeEnv } from '../../protocol/local.ts';
import type { LagPath } from '../../protocol/wire/lagover-messages.ts';
import { OUTCOME } from '../../protocol/wire/lagover-messages.ts';
import type { Message } from '../../protocol/wire/messages.ts';

export type Lie =
  /** It claims free slots, and is busy whenever somebody comes. */
  | 'refuses'
  /** It keeps its children and passes nothing on: what they are told is never newer than when they came. */
  | 'silences'
  /** It claims to stand directly below the source, wherever it stands. */
  | 'flatters';

const CLAIMED_SLOTS = 8;

/** The Env of a peer that lies so. */
export function lyingEnv(env: NodeEnv, lie: Lie, source: Contact): NodeEnv {
  const stamps = new Map<string, number>();
  const firstStamp = (to: Contact, stamp: number): number => {
    if (!stamps.has(to.peerId)) stamps.set(to.peerId, stamp);
    return stamps.get(to.peerId) as number;
  };
  const lying = (to: Contact, message: Message): Message => {
    if (lie === 'refuses') return refusing(message);
    if (lie === 'silences') return 'stamp' in message && typeof message.stamp === 'number' ? ({ ...message, stamp: firstStamp(to, message.stamp) } as Message) : message;
    return 'path' in message && message.path !== undefined ? ({ ...message, path: flattering(message.path, source) } as Message) : message;
  };
  return {
    random: env.random, store: env.store, streams: env.streams,
    now: () => env.now(), wallClock: () => env.wallClock(), emit: (fact) => env.emit(fact),
    arm: (kind, at) => env.arm(kind, at), disarm: (kind) => env.disarm(kind),
    send: (to, message) => env.send(to, lying(to, message)),
  };
}

function refusing(message: Message): Message {
  if (message.type === 'lagAnswer' && message.outcome !== OUTCOME.ask) return { ...message, outcome: OUTCOME.busy, path: undefined, to: undefined };
  if (message.type !== 'lagReport' || message.self === undefined) return message;
  const room = message.room.map((slots, hops) => (hops > 0 ? slots + CLAIMED_SLOTS : slots));
  return { ...message, self: { ...message.self, fanout: message.self.fanout + CLAIMED_SLOTS, openSlots: CLAIMED_SLOTS }, room };
}

function flattering(path: LagPath, source: Contact): LagPath {
  const [self, parent] = path.steps;
  if (!path.rooted || self === undefined || parent === undefined || parent.contact.peerId === source.peerId) return path;
  return { ...path, steps: [{ ...self, delay: 1 }, { ...parent, contact: source, delay: 0, constraint: 0 }] };
}
