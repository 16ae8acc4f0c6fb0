/**
 * A simulated ring whose peers run the metadata tree, with drawn reports and, on request, a roll call at the root.
 *
 * Tests, benchmarks and `grove sim somo --protocol` drive this one class; everything is the daemon's own protocol code.
 */
import { must } from '../../core/assert.ts';
import type { Millis } from '../../core/env.ts';
import { CIRCLE, positionFromLead } from '../../core/position.ts';
import type { Report } from '../../protocol/pool/report.ts';
import type { ProtocolOptions } from '../../protocol/options.ts';
import type { Partial as PartialReport } from '../../protocol/somo/partial.ts';
import type { Somo } from '../../protocol/somo/somo.ts';
import { createCodec } from '../../protocol/wire/codec.ts';
import { RingWorld } from '../ring/ring-world.ts';
import type { RingWorldOptions } from '../ring/ring-world.ts';
import { DrawnReports } from './drawn-reports.ts';
import { countPresent, isPresent, ROLL_CALL, rollCall } from './roll-call.ts';

export interface SomoWorldOptions extends RingWorldOptions {
  /** Share of a machine's values that change at each period. */
  readonly changeShare?: number;
  /** Register the roll call, so that `coverage` can be asked. */
  readonly rollCall?: boolean;
}

const ROLL_CALL_ID = 1;
/** The roll call's lease is renewed in every machine long before it ends. */
const RENEW_MS = 300_000;
const LEASE_MS = 600_000;

export class SomoWorld {
  readonly ring: RingWorld;
  /** Bytes of reports as they were told, and as they would be if each told everything. */
  readonly reportBytes = { told: 0, full: 0 };
  readonly #options: SomoWorldOptions;
  readonly #codec = createCodec();
  readonly #reports = new Map<number, DrawnReports>();
  readonly #indexes = new Map<string, number>();

  constructor(world: SomoWorldOptions, options: ProtocolOptions) {
    this.#options = world;
    this.ring = new RingWorld(world, options);
  }

  wire(count: number): void {
    const first = this.ring.world.peerCount;
    this.ring.wire(count);
    for (let index = first; index < first + count; index++) this.#equip(index);
    if (this.#options.rollCall === true) this.#keepRollCall();
  }

  /** A newcomer. Returns its index. */
  join(through?: number): number {
    const index = this.ring.join(through);
    this.#equip(index);
    return index;
  }

  restart(index: number): void {
    this.ring.restart(index);
    this.#equip(index);
  }

  somo(index: number): Somo {
    return this.ring.node(index).somo;
  }

  /** What the machine reports now. */
  report(index: number): Report {
    return must(this.#reports.get(index), 'an equipped peer').at(this.ring.world.now());
  }

  /** The member that hosts the root, as the oracle knows it. */
  get rootIndex(): number {
    return this.ring.world.indexOf(must(this.ring.oracle.ownerOf(positionFromLead(CIRCLE / 2)), 'somebody is there'));
  }

  /** What the root knows; undefined while its host does not know that it is the root. */
  get view(): PartialReport | undefined {
    return this.somo(this.rootIndex).view;
  }

  /** Share of the living members that are in the root's view. */
  get coverage(): number {
    const bits = this.#present();
    let present = 0;
    for (const member of this.ring.oracle.members) if (isPresent(bits, this.ring.world.indexOf(member))) present++;
    return present / this.ring.oracle.size;
  }

  /** Machines that the root counts beyond those it knows by name: more than none means that somebody is counted twice. */
  get surplus(): number {
    return (this.view?.machines ?? 0) - countPresent(this.#present());
  }

  /** Age of the oldest input in the root's view. */
  get ageMs(): Millis {
    const { view } = this;
    return view ? this.ring.world.now() - view.oldestAt : Infinity;
  }

  #present(): readonly number[] {
    return this.view?.tallies.get(ROLL_CALL_ID)?.states[0]?.numbers ?? [];
  }

  #equip(index: number): void {
    const { world, options } = this.ring;
    const reports = this.#reports.get(index) ?? new DrawnReports(world.random('report', index), world.now(), options.somoPeriodMs, this.#options.changeShare ?? 0);
    this.#reports.set(index, reports);
    const somo = this.somo(index);
    somo.readReport = (now) => ({ report: reports.at(now), at: now });
    somo.gather.links.measure = { bytes: this.reportBytes, sizeOf: (message) => this.#codec.size(message) };
    if (this.#options.rollCall !== true) return;
    this.#indexes.set(world.contact(index).peerId, index);
    somo.ops.register(rollCall((peerId) => must(this.#indexes.get(peerId), 'an equipped peer')));
    this.#learnRollCall(index);
  }

  #learnRollCall(index: number): void {
    const { world } = this.ring;
    this.somo(index).standing.learn({
      id: ROLL_CALL_ID, origin: world.contact(index), aggregates: [{ op: ROLL_CALL, field: '', parameter: 0 }], where: '', from: 0, to: CIRCLE, leaseMs: LEASE_MS, topic: '',
    }, this.somo(index).ops, world.now(), true);
  }

  #keepRollCall(): void {
    const { world } = this.ring;
    world.at(world.now() + RENEW_MS, () => {
      for (const index of world.alive()) this.#learnRollCall(index);
      this.#keepRollCall();
    });
  }
}
