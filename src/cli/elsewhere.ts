/**
 * Addresses of feeds for readers on other machines and in containers, where this peer serves them (`grove up --readers`).
 * They differ from the local ones in how they begin, which only the peer knows: there is a secret in it.
 */
import { GroveError } from '../core/errors.ts';
import type { Client } from './client.ts';

interface Bases {
  readonly local: string;
  readonly elsewhere: string | null;
}

/** The address of a feed there, by its local one; undefined: this peer serves nobody elsewhere. */
export async function elsewhereOf(peer: Client): Promise<((local: string) => string) | undefined> {
  const { local, elsewhere } = await peer.json<Bases>('GET', 'readers');
  return elsewhere === null ? undefined : (url) => (url.startsWith(`${local}/`) ? `${elsewhere}${url.slice(local.length)}` : url);
}

/** Throws GroveError 'refused' when it serves nobody elsewhere. */
export async function addressElsewhere(peer: Client): Promise<(local: string) => string> {
  const address = await elsewhereOf(peer);
  if (address === undefined) throw new GroveError('refused', 'This peer serves readers on this machine only: start it with --readers HOST:PORT to have addresses for others.');
  return address;
}
