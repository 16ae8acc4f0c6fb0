/**
 * Who hosts a logical node: known from the leafset near by, remembered from the last lookup further off ([0057], "using a
 * DHT lookup, x finds the machine y that hosts that key").
 *
 * Remembered hosts are checked by use: one that denies hosting the node, or stays silent, is forgotten and looked up again.
 */
import type { Contact } from '../../core/contact.ts';
import { samePeer } from '../../core/contact.ts';
import type { Local } from '../local.ts';
import type { Membership } from '../ring/membership.ts';
import type { Router } from '../routing/router.ts';
import type { LogicalNode, LogicalTree } from './tree.ts';
import { numberOf } from './tree.ts';

/** Hosts remembered; a machine needs the parents of the nodes it hosts, and whoever asks queries the tops of regions. */
const REMEMBERED_MAX = 256;

export class Hosts {
  readonly #local: Local;
  readonly #membership: Membership;
  readonly #router: Router;
  readonly #tree: LogicalTree;
  readonly #known = new Map<number, Contact>();
  readonly #asked = new Map<number, ((host: Contact | undefined) => void)[]>();

  constructor(local: Local, membership: Membership, router: Router, tree: LogicalTree) {
    this.#local = local;
    this.#membership = membership;
    this.#router = router;
    this.#tree = tree;
  }

  /** The host as far as is known now. */
  find(node: LogicalNode): Contact | undefined {
    const key = this.#tree.keyPosition(node);
    const { leafset } = this.#membership;
    if (this.#membership.owns(key)) return this.#local.contact;
    if (leafset.covers(key)) return leafset.ownerOf(key)?.contact;
    return this.#known.get(numberOf(node));
  }

  /** Finds the host by a lookup if need be; `onHost` runs once, now or later, without a host if nobody answers. */
  resolve(node: LogicalNode, onHost: (host: Contact | undefined) => void): void {
    const known = this.find(node);
    if (known) return onHost(known);
    const number = numberOf(node);
    const waiting = this.#asked.get(number);
    if (waiting) {
      waiting.push(onHost);
      return;
    }
    this.#asked.set(number, [onHost]);
    const answer = (host: Contact | undefined): void => {
      const handlers = this.#asked.get(number) ?? [];
      this.#asked.delete(number);
      if (host) this.#remember(number, host);
      for (const handler of handlers) handler(host);
    };
    this.#router.lookup(this.#tree.keyPosition(node), ({ owner }) => answer(owner), () => answer(undefined));
  }

  /** It turned out not to be the host. */
  forget(node: LogicalNode): void {
    this.#known.delete(numberOf(node));
  }

  /** It does not answer. */
  forgetPeer(peer: Contact): void {
    for (const [number, host] of this.#known) if (samePeer(host, peer)) this.#known.delete(number);
  }

  #remember(number: number, host: Contact): void {
    this.#known.delete(number);
    this.#known.set(number, host);
    if (this.#known.size > REMEMBERED_MAX) this.#known.delete(this.#known.keys().next().value as number);
  }
}
