/**
 * Which pool a starting peer is in: decided here, once, from what its directory remembers and what it was told.
 *
 * Whatever contradicts is refused. A person who names another pool's invite wants to change pools, and that is done; a
 * key file that differs from the remembered key is more likely a mistake with directories, and refused.
 */
import { GroveError } from '../core/errors.ts';
import { decodeInvite, looksLikeInvite } from './invite.ts';
import type { Pool, PoolSettings } from './pool.ts';
import { checkWishes, INTRODUCERS_MAX, newPool, poolIdOf } from './pool.ts';

export interface PoolWishes {
  readonly stored: Pool | undefined;
  /** Invites and multiaddresses. */
  readonly join: readonly string[];
  readonly poolKey: Uint8Array | undefined;
  readonly settings: Partial<PoolSettings>;
}

export interface PoolChoice {
  readonly pool: Pool;
  /** Addresses that must lead into the pool, or the start fails. */
  readonly mustReach: readonly string[];
  /** The pool's settings are not known here: whoever is reached tells them. */
  readonly askSettings: boolean;
  /** Nobody else has this pool's key yet. */
  readonly isNew: boolean;
}

export function choosePool(wishes: PoolWishes): PoolChoice {
  const { stored, join, poolKey, settings } = wishes;
  const invited = join.filter(looksLikeInvite).map(decodeInvite);
  const addresses = join.filter((target) => !looksLikeInvite(target)).map(checkedAddress);
  const pool = mergedInvites(invited);
  if (pool !== undefined) {
    if (poolKey !== undefined && !sameKey(pool.key, poolKey)) {
      throw new GroveError('usage', '--pool-key and the invite name two different pools: leave one of them out.');
    }
    checkWishes(pool.settings, settings);
    return { pool, mustReach: [...pool.introducers, ...addresses], askSettings: false, isNew: false };
  }
  if (stored !== undefined) {
    if (poolKey !== undefined && !sameKey(stored.key, poolKey)) {
      throw new GroveError('usage', 'This state directory belongs to another pool than --pool-key: choose another --data directory, or leave --pool-key out.');
    }
    checkWishes(stored.settings, settings);
    return { pool: stored, mustReach: addresses, askSettings: false, isNew: false };
  }
  const asks = addresses.length > 0;
  return { pool: newPool(settings, poolKey), mustReach: addresses, askSettings: asks, isNew: !asks && poolKey === undefined };
}

function mergedInvites(invited: readonly Pool[]): Pool | undefined {
  const [first, ...others] = invited;
  if (first === undefined) return undefined;
  if (others.some((other) => !sameKey(other.key, first.key))) {
    throw new GroveError('usage', 'The invites are for different pools: a peer is in one pool, so give the invites of one.');
  }
  const introducers = [...new Set(invited.flatMap((pool) => pool.introducers))].slice(0, INTRODUCERS_MAX);
  return { ...first, introducers };
}

function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return poolIdOf(a) === poolIdOf(b);
}

/** A multiaddress by its looks; what it means is seen when it is dialled. */
export function checkedAddress(address: string): string {
  if (/^\/(?:ip4|ip6|dns|dns4|dns6|dnsaddr)\/[^/\s]+\/[!-~]+$/.test(address)) return address;
  throw new GroveError('usage', `Join takes an invite, or an address like /ip4/192.0.2.1/tcp/4001: ${JSON.stringify(address)} is neither an invite nor an address.`);
}
