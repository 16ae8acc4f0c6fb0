/** An overlay in one Map, for what stands on operations: answers at once or when told, fails where told. */
import type { Contact } from '../../../src/core/contact.ts';
import type { Position } from '../../../src/core/position.ts';
import { positionOfKey } from '../../../src/daemon/key.ts';
import type { OperationsNode } from '../../../src/daemon/operations.ts';
import { Operations } from '../../../src/daemon/operations.ts';
import type { Failure, ReadOutcome, WriteOutcome } from '../../../src/protocol/overlay/outcomes.ts';
import type { Field, StoredObject } from '../../../src/protocol/wire/messages.ts';

export const HOST: Contact = { peerId: 'host', position: positionOfKey('host'), addresses: ['/ip4/192.0.2.1/tcp/1'], name: 'host', incarnation: 1 };
const VERSION = { wallMs: 1, counter: 0, writer: 'host' };

export class FakeOverlay {
  readonly objects = new Map<string, StoredObject>();
  /** Most puts that were under way at one time. */
  putsAtOnceMax = 0;
  /** What a put of this many so far answers; undefined stores. */
  onPut: (count: number) => Failure | undefined = () => undefined;
  readonly operations: Operations;
  #puts = 0;
  #underWay = 0;

  constructor() {
    this.operations = new Operations(this.node(), (call) => call(), 10_000);
  }

  node(): OperationsNode {
    const missing: Failure = { ok: false, code: 'missing', reason: 'there is no such object' };
    const written = (): WriteOutcome => ({ ok: true, version: VERSION, copies: 2, host: HOST, hops: 1 });
    const read = (key: Position): ReadOutcome => {
      const object = this.objects.get(key.hex);
      return object === undefined ? missing : { ok: true, object, host: HOST, hops: 1 };
    };
    return {
      lookup: (_key, onDone) => {
        onDone({ owner: HOST, hops: 1, tookMs: 1 });
        return 1;
      },
      overlay: {
        put: (key, value, options, done) => {
          this.putsAtOnceMax = Math.max(this.putsAtOnceMax, ++this.#underWay);
          setImmediate(() => {
            this.#underWay--;
            const failure = this.onPut(++this.#puts);
            if (failure === undefined) this.#store(key, value, options.fields ?? []);
            done(failure ?? written());
          });
        },
        get: (key, done) => done(read(key)),
        direct: (key, _host, done) => done(read(key)),
        remove: (key, done) => done(this.objects.delete(key.hex) ? written() : missing),
        setref: (_a, _field, _b, done) => done(written()),
        deref: (_a, _field, done) => done(missing),
        removeRef: (_a, _field, done) => done(missing),
      },
    };
  }

  #store(key: Position, value: Uint8Array, fields: readonly Field[]): void {
    this.objects.set(key.hex, { key, version: VERSION, value: value.slice(), fields, expiresAtMs: 0, deleted: false });
  }
}
