/**
 * Which of a peer's addresses it tells others, and in which order.
 *
 * libp2p lists every interface. A loopback address told to another machine leads that machine to itself, so loopback is
 * only told when there is nothing else (several peers on one machine); then public before private before relayed.
 */
import { ADDRESS_BYTES_MAX, ADDRESSES_MAX } from './handshake.ts';

const LOOPBACK = /^\/(ip4\/127\.|ip6\/(::1|0:0:0:0:0:0:0:1)\/|dns[46]?\/localhost\/)/;
const PRIVATE = /^\/(ip4\/(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.)|ip6\/(f[cd]|fe[89ab]))/i;

export function isRelayed(address: string): boolean {
  return address.includes('/p2p-circuit');
}

export function isLoopback(address: string): boolean {
  return LOOPBACK.test(address);
}

/** The addresses to tell, best first, within the limits that others enforce. */
export function presentableAddresses(all: readonly string[]): string[] {
  const usable = [...new Set(all)].filter((address) => address.length <= ADDRESS_BYTES_MAX);
  const remote = usable.filter((address) => !isLoopback(address));
  const told = remote.length > 0 ? remote : usable;
  return told
    .map((address, index) => ({ address, index, rank: rank(address) }))
    .sort((a, b) => a.rank - b.rank || a.index - b.index)
    .slice(0, ADDRESSES_MAX)
    .map((entry) => entry.address);
}

function rank(address: string): number {
  if (isRelayed(address)) return 3;
  if (isLoopback(address)) return 2;
  return PRIVATE.test(address) ? 1 : 0;
}
