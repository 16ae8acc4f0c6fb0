/**
 * Whether the parent stands where it says: its own parent is asked, because nobody else can know.
 *
 * A path that adds up may still be made up, by a peer that wants to be chosen. So once for each grandparent it names, a heartbeat
 * after the path came down, that one is asked whether it holds our parent and has the delay that the path gives it. Two
 * denials a heartbeat apart are a lie: one may be a path that has just changed. Silence proves nothing.
 */
import type { Context } from './context.ts';
import type { Parent } from './uplink.ts';

const ATTEMPTS = 2;
const DENIALS = 2;

export class Audit {
  readonly #context: Context;
  readonly #onLie: (parent: Parent) => void;
  /** Link, grandparent and its delay: what was looked at last. */
  #about = '';
  #isOpen = false;
  #isAsking = false;
  #denials = 0;

  constructor(context: Context, onLie: (parent: Parent) => void) {
    this.#context = context;
    this.#onLie = onLie;
  }

  /** To be called every heartbeat. */
  check(parent: Parent): void {
    const above = parent.path.rooted ? parent.path.steps[1] : undefined;
    if (above === undefined) return;
    const about = `${parent.link} ${above.contact.peerId} ${above.delay}`;
    if (about !== this.#about) {
      this.#about = about;
      this.#isOpen = true;
      this.#denials = 0;
      return;
    }
    if (!this.#isOpen || this.#isAsking) return;
    this.#isAsking = true;
    const { tree, requests } = this.#context;
    requests.ask({
      to: above.contact, attempts: ATTEMPTS, timeoutMs: this.#context.timeoutTo(above.contact),
      message: (op) => ({ type: 'lagAudit', op, tree: tree.id, child: parent.contact.peerId, delay: above.delay }),
      onReply: (reply, rttMs) => {
        this.#isAsking = false;
        this.#context.learnRtt(above.contact, rttMs);
        if (about !== this.#about || reply.type !== 'lagNamed') return;
        this.#isOpen = !reply.suits && ++this.#denials < DENIALS;
        if (!reply.suits && !this.#isOpen) this.#onLie(parent);
      },
      onSilent: () => {
        this.#isAsking = false;
        if (about === this.#about) this.#isOpen = false;
      },
    });
  }
}
