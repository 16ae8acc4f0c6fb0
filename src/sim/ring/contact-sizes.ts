/**
 * Encoded sizes of contacts by peer index: two bytes a peer where the codec's own WeakMap would cost a hundred.
 *
 * A peer's contact changes by its incarnation only, and its size not before incarnation 128: those are not remembered.
 */
import type { Contact } from '../../core/contact.ts';
import type { ContactSizes } from '../../protocol/wire/sizes.ts';
import { capacityFor } from '../columns.ts';
import type { SimContact } from '../contacts.ts';

const ONE_BYTE_INCARNATIONS = 128;

export class SizesByIndex implements ContactSizes {
  #bytes = new Uint16Array(64);

  get(contact: Contact): number | undefined {
    const bytes = this.#bytes[indexOf(contact)];
    return bytes === 0 ? undefined : bytes;
  }

  set(contact: Contact, bytes: number): void {
    const index = indexOf(contact);
    if (index < 0) return;
    if (index >= this.#bytes.length) {
      const longer = new Uint16Array(capacityFor(index));
      longer.set(this.#bytes);
      this.#bytes = longer;
    }
    this.#bytes[index] = bytes;
  }
}

function indexOf(contact: Contact): number {
  const index = (contact as Partial<SimContact>).simIndex;
  return index === undefined || contact.incarnation >= ONE_BYTE_INCARNATIONS ? -1 : index;
}
