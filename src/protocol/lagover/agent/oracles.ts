/**
 * The oracles that a real peer can ask, by name, and its part in answering others.
 *
 * Random walks over the ring for the paper's four; two directories, in the DHT and filled by the metadata tree.
 */
import type { Contact } from '../../../core/contact.ts';
import type { Local } from '../../local.ts';
import type { Requests } from '../../requests.ts';
import type { Membership } from '../../ring/membership.ts';
import type { Router } from '../../routing/router.ts';
import type { Somo } from '../../somo/somo.ts';
import type { LagAsk, LagList, LagLook } from '../../wire/lagover-messages.ts';
import { Directory } from './directory.ts';
import { DirectoryHost } from './directory-host.ts';
import type { Lagover } from './lagover.ts';
import type { PeerOracle } from './oracle.ts';
import type { WalkName } from './ring-walk.ts';
import { RingWalk } from './ring-walk.ts';
import { PlacesWatch } from './somo-directory.ts';
import type { Tree } from './tree.ts';

/** `directory` lies in the DHT or at the peers that the tree names; `somo` needs the metadata tree to be on in the whole pool. */
export type TreeOracle = WalkName | 'directory' | 'somo';

export interface OracleParts {
  readonly local: Local;
  readonly requests: Requests;
  readonly membership: Membership;
  readonly router: Router;
  readonly lagover: Lagover;
  randomNeighbour(): Contact | undefined;
  /** It must be on. */
  somo(): Somo;
}

export class TreeOracles {
  readonly host: DirectoryHost;
  readonly #parts: OracleParts;
  readonly #walk: RingWalk;

  constructor(parts: OracleParts) {
    const { local, requests, membership, lagover } = parts;
    this.#parts = parts;
    this.host = new DirectoryHost(local, (key) => membership.owns(key));
    this.#walk = new RingWalk(local, requests, lagover, () => parts.randomNeighbour());
  }

  oracle(tree: Tree, name: TreeOracle): PeerOracle {
    if (name !== 'directory' && name !== 'somo') return this.#walk.oracle(name);
    const { local, requests, router } = this.#parts;
    const findOwner = (...[key, onDone, onFail]: Parameters<ConstructorParameters<typeof Directory>[3]>): void => {
      router.lookup(key, ({ owner }) => onDone(owner), onFail);
    };
    if (name === 'directory') return new Directory(local, requests, this.host, findOwner, tree, { pinned: tree.directory, lists: true });
    const directory = new Directory(local, requests, this.host, findOwner, tree, { pinned: [tree.source], lists: false });
    if (!local.isSelf(tree.source)) return directory;
    const watch = new PlacesWatch(this.#parts.somo(), this.host, tree, local.options.somoPeriodMs, () => local.env.now());
    return { ask: (wish, onAnswer) => directory.ask(wish, onAnswer), follow: () => watch };
  }

  onMessage(from: Contact, message: LagLook | LagList | LagAsk): void {
    if (message.type === 'lagLook') this.#walk.onLook(from, message);
    else this.host.onMessage(from, message);
  }
}
