/**
 * Whom a peer turns to when it loses its parent: succession.ts with contacts.
 *
 * The heir goes to the grandparent, where the lost parent's slot becomes free, the others to the heir, and both then up the
 * path that they remember. It is remembered that the heir will have that place, so that its siblings may join it at once.
 */
import type { Contact } from '../../../core/contact.ts';
import { samePeer } from '../../../core/contact.ts';
import type { LagPath } from '../../wire/lagover-messages.ts';
import type { Reference } from './seeker.ts';
import type { Tree } from './tree.ts';
import type { LossReason } from './uplink.ts';

export interface Orphan {
  readonly contacts: Reference[];
  /** The delay of the place that it will have, if it is the heir. */
  readonly awaited: number | undefined;
}

export function orphanContacts(tree: Tree, self: Contact, path: LagPath, constraint: number, why: LossReason): Orphan {
  const [parent, grandparent, ...further] = path.steps;
  if (tree.algorithm !== 'adaptive' || why === 'false' || why === 'cycle' || parent === undefined) return { contacts: [], awaited: undefined };
  // Further up there are places only for who can stand there.
  const up = [grandparent, ...further].filter((step) => step !== undefined).map(({ contact }) => reference(contact));
  const first = up[0];
  if (why === 'dropped') return { contacts: [reference(parent.contact), ...up], awaited: undefined };
  const isHeir = path.heir !== undefined && samePeer(path.heir, self);
  if (first === undefined || !isHeir) return { contacts: path.heir === undefined || isHeir ? up : [{ ...reference(path.heir), lost: parent.contact.peerId }, ...up], awaited: undefined };
  const awaited = path.rooted && parent.delay <= constraint ? parent.delay : undefined;
  return { contacts: [{ ...first, lost: parent.contact.peerId }, ...up.slice(1)], awaited };
}

/** Its neighbours know best what is left there. */
export function turnedOutContacts(by: Contact | undefined): Reference[] {
  return by === undefined ? [] : [reference(by)];
}

function reference(contact: Contact): Reference {
  return { contact, descends: false, lost: '' };
}
