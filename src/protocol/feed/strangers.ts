/**
 * Versions that are signed by nobody who polls or polled, as far as this peer knows.
 *
 * The register may know better, and so does the lead if it holds the very same version under that number: both are asked. If neither does, the
 * version is passed over, and this peer's own host has a look at the origin, which may acquit the signer. docs/decisions/0055-trust-in-feeds.md.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis } from '../../core/env.ts';
import type { Local } from '../local.ts';
import { ACK } from '../wire/feed-messages.ts';
import { LATER_MS, STRANGER_MS } from './bounds.ts';
import type { FeedVersion, Stamp } from './feed.ts';
import { compareStamps } from './feed.ts';
import type { Holding } from './holding.ts';
import type { FeedStanding } from './standing.ts';
import type { TreeLink } from './tree-link.ts';

export interface StrangersParts {
  readonly local: Local;
  readonly holding: Holding;
  readonly standing: FeedStanding;
  readonly tree: TreeLink;
  askRegister(): void;
  /** What the lead has under that number. */
  askLead(stamp: Stamp, onHash: (hash: string) => void): void;
  /** For what this peer has not got; later: when what is under way has come. */
  askParent(): void;
  askParentLater(): void;
  /** This peer's host compares it with the origin, at that instant. */
  audit(version: FeedVersion, at: Millis): void;
}

const NOBODY = { hash: '', signer: '', since: 0 };

export class Strangers {
  readonly #parts: StrangersParts;
  /** A version whose signer the register was asked about. */
  #asked = NOBODY;
  /** The last version that was passed over because of its signer. */
  #passedOver: FeedVersion | undefined;

  constructor(parts: StrangersParts) {
    this.#parts = parts;
  }

  /** What the sender is answered: it may try again while others are asked, and after that the version counts as had. */
  onPush(from: Contact, version: FeedVersion): number {
    const { local, holding, askRegister, askLead, audit } = this.#parts;
    const now = local.env.now();
    if (this.#asked.hash !== version.hash) {
      this.#asked = { hash: version.hash, signer: signerOf(version), since: now };
      askLead(version.stamp, (hash) => this.#onCompared(from, version, hash));
    }
    if (now - this.#asked.since < STRANGER_MS) {
      askRegister();
      return ACK.later;
    }
    this.#ignore();
    this.#passedOver = version;
    holding.passOver(version.stamp);
    audit(version, now + LATER_MS);
    return ACK.held;
  }

  /** The signer is none any more: the version is asked for at once, because those below wait for it too. */
  takeIfKnown(): void {
    if (this.#asked.hash === '' || !this.#parts.standing.isSigner(this.#asked.signer)) return;
    this.#asked = NOBODY;
    this.#parts.askParent();
  }

  /** The origin has that document: if a stranger signed it, it told the truth, and the version is asked for again. */
  onSeen(hash: string): void {
    const version = this.#passedOver;
    if (version?.hash !== hash) return;
    const { holding, standing, askParentLater } = this.#parts;
    this.#passedOver = undefined;
    standing.believe(signerOf(version));
    // What came after it counts: a lead that went back would give its last number twice.
    if (holding.have === undefined || compareStamps(holding.have, version.stamp) !== 0) return;
    holding.askAgainFrom(version.stamp);
    askParentLater();
  }

  #onCompared(from: Contact, version: FeedVersion, hash: string): void {
    const { standing, tree } = this.#parts;
    if (this.#asked.hash !== version.hash) return;
    if (hash === version.hash) {
      standing.believe(signerOf(version));
      return this.takeIfKnown();
    }
    this.#ignore();
    // Nobody who is honest passes it on.
    if (tree.parent?.peerId === from.peerId) tree.distrustParent();
  }

  #ignore(): void {
    this.#parts.local.env.emit({ kind: 'message-ignored', type: 'feedPush', why: 'it is signed by nobody who polls' });
  }
}

function signerOf({ attestations }: FeedVersion): string {
  return attestations[0]?.peerId as string;
}
