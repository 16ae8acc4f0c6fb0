/**
 * Which addresses are nobody's business from outside: the guard against being sent to a machine's own network (SSRF).
 *
 * Checked on the address that is really connected, after DNS. ipaddr.js knows the registries; what it calls "unicast" is the
 * public internet, and everything else is refused: loopback, private, link-local (with the cloud's metadata addresses),
 * carrier NAT, reserved, multicast. An IPv6 address that carries an IPv4 one (mapped, NAT64, 6to4) is judged by that one too.
 */
import ipaddr from 'ipaddr.js';
import type { UrlParts } from '../../protocol/feed/feed-url.ts';

/** Names that only exist in somebody's own network. */
const PRIVATE_NAMES = /(?:^|\.)(?:localhost|local|lan|home|internal|intranet|corp|private|home\.arpa|localdomain)\.?$/i;
const NAT64 = ipaddr.parseCIDR('64:ff9b::/96');
const NAT64_LOCAL = ipaddr.parseCIDR('64:ff9b:1::/48');

export function isPublicAddress(address: string): boolean {
  if (!ipaddr.isValid(address)) return false;
  const parsed = ipaddr.parse(address.replace(/%.*$/, ''));
  if (parsed.kind() === 'ipv4') return parsed.range() === 'unicast';
  const six = parsed as ipaddr.IPv6;
  const bytes = six.toByteArray();
  if (six.isIPv4MappedAddress()) return isPublicAddress(six.toIPv4Address().toString());
  if (six.match(NAT64_LOCAL)) return false;
  if (six.match(NAT64)) return isPublicAddress(bytes.slice(12).join('.'));
  if (six.range() === '6to4') return isPublicAddress(bytes.slice(2, 6).join('.'));
  return six.range() === 'unicast';
}

export function isLoopbackAddress(address: string): boolean {
  return ipaddr.isValid(address) && ipaddr.process(address).range() === 'loopback';
}

/** The host of a URL names this machine. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host.endsWith('.localhost') || isLoopbackAddress(host);
}

/** What can be told without asking DNS. */
export function isPrivateHost({ host }: Pick<UrlParts, 'host'>): boolean {
  if (ipaddr.isValid(host)) return !isPublicAddress(host);
  return !host.includes('.') || PRIVATE_NAMES.test(host);
}
