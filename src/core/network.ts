/**
 * Which network of the public internet an address is in: /24 of IPv4, /48 of IPv6.
 *
 * Whoever has one address of such a block mostly has all of them, so many identities cost nothing there (ecosystem 4.2). Addresses that say nothing about
 * that are in no network: loopback, private, link-local, shared by a carrier, reserved, by name, and through a relay. So laboratories, home networks and
 * demonstrations know no limits. An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) counts as that.
 */
import type { Contact } from './contact.ts';

/** What one multiaddress says: the network's name, 'local' for no public one, undefined where it says nothing. */
export function networkOf(address: string): string | undefined {
  const [, kind, host = ''] = address.split('/', 3);
  if (address.includes('/p2p-circuit')) return undefined;
  if (kind === 'ip4') return networkOfFour(octetsOf(host));
  return kind === 'ip6' ? networkOfSix(groupsOf(host)) : undefined;
}

/** Of all addresses that a contact claims, the public ones, each once. A claim proves nothing: it may count against whoever makes it, never for it. */
export function claimedNetworks({ addresses }: Contact): readonly string[] {
  if (addresses.length === 0) return NONE;
  const networks = addresses.map(networkOf).filter((network) => network !== undefined && network !== LOCAL) as string[];
  return networks.length === 0 ? NONE : [...new Set(networks)];
}

export function shareNetwork(some: readonly string[], others: readonly string[]): boolean {
  return some.some((network) => others.includes(network));
}

export const LOCAL = 'local';
const NONE: readonly string[] = [];
/** First address and bits of what is nobody's own on the internet (RFC 6890). */
const NOT_PUBLIC: readonly (readonly [number, number])[] = (
  [[[0, 0, 0], 8], [[10, 0, 0], 8], [[100, 64, 0], 10], [[127, 0, 0], 8], [[169, 254, 0], 16], [[172, 16, 0], 12], [[192, 0, 0], 24], [[192, 0, 2], 24], [[192, 168, 0], 16], [[198, 18, 0], 15], [[198, 51, 100], 24], [[203, 0, 113], 24], [[224, 0, 0], 3]] as const
).map(([[a, b, c], bits]) => [a * 65_536 + b * 256 + c, bits] as const);

function networkOfFour(octets: readonly number[] | undefined): string | undefined {
  if (octets === undefined) return undefined;
  const [a = 0, b = 0, c = 0] = octets;
  const block = a * 65_536 + b * 256 + c;
  if (NOT_PUBLIC.some(([first, bits]) => block >>> (24 - bits) === first >>> (24 - bits))) return LOCAL;
  return `${a}.${b}.${c}.0/24`;
}

function networkOfSix(groups: readonly number[] | undefined): string | undefined {
  if (groups === undefined) return undefined;
  const [a = 0, b = 0, c = 0] = groups;
  const four = (place: number): string | undefined => networkOfFour([(groups[place] as number) >> 8, (groups[place] as number) & 255, (groups[place + 1] as number) >> 8, (groups[place + 1] as number) & 255]);
  const begins = (...head: number[]): boolean => head.every((group, place) => groups[place] === group);
  if (begins(0, 0, 0, 0, 0, 0xffff) || begins(0x64, 0xff9b, 0, 0, 0, 0)) return four(6);
  if (a === 0x2002) return four(1);
  // Only a quarter of what is left is given out; of that, 2001:db8::/32 is for documents.
  if (a >> 13 !== 1 || (a === 0x2001 && b === 0xdb8)) return LOCAL;
  return `${[a, b, c].map((group) => group.toString(16)).join(':')}::/48`;
}

function octetsOf(host: string): number[] | undefined {
  const octets = host.split('.').map((part) => (/^\d{1,3}$/.test(part) ? Number(part) : NaN));
  return octets.length === 4 && octets.every((octet) => octet <= 255) ? octets : undefined;
}

/** Eight of them. */
function groupsOf(host: string): number[] | undefined {
  const [head = '', tail, ...more] = host.split('%')[0]?.split('::') ?? [];
  const left = partsOf(head);
  const right = tail === undefined ? [] : partsOf(tail);
  if (more.length > 0 || left === undefined || right === undefined) return undefined;
  const missing = 8 - left.length - right.length;
  if (tail === undefined ? missing !== 0 : missing < 1) return undefined;
  return [...left, ...new Array<number>(missing).fill(0), ...right];
}

/** The last may be written as IPv4. */
function partsOf(text: string): number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const four = text.includes('.') ? octetsOf(parts.pop() ?? '') : [];
  const groups = parts.map((part) => (/^[\da-f]{1,4}$/i.test(part) ? Number.parseInt(part, 16) : NaN));
  if (four === undefined || groups.some(Number.isNaN)) return undefined;
  const [a, b, c, d] = four;
  return a === undefined ? groups : [...groups, a * 256 + (b as number), (c as number) * 256 + (d as number)];
}
