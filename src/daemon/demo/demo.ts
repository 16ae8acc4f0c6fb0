/**
 * The demonstration: an origin, a crowd of peers that subscribe to its feed, and what becomes of the number of requests while
 * peers are killed, come back and are added. What it shows live and what it counts at the end are the same records.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { must } from '../../core/assert.ts';
import type { Random } from '../../core/random.ts';
import { randomFrom } from '../../core/random.ts';
import { Crowd } from './crowd.ts';
import { DemoOrigin } from './demo-origin.ts';
import type { DemoFigures } from './figures.ts';
import { figuresOf } from './figures.ts';

export interface DemoOptions {
  readonly peers: number;
  readonly seconds: number;
  readonly seed: number;
  readonly signal: AbortSignal;
  /** Called every `LOOK_MS`, and once more at the end. */
  readonly onLook: (look: DemoLook) => void;
}

/** One look at what is going on. */
export interface DemoLook {
  readonly phase: 'starting' | 'running' | 'settling';
  /** Since the crowd is complete. */
  readonly elapsedSeconds: number;
  readonly peers: number;
  readonly wanted: number;
  readonly originRequests: number;
  readonly directWouldBe: number;
  /** Requests at the origin in each tenth of the time so far. */
  readonly requestsBySlice: readonly number[];
  readonly published: number;
  readonly figures: DemoFigures;
  readonly killed: number;
  readonly rejoined: number;
  readonly added: number;
  /** Who has its versions from whom; undefined: from the origin, or not yet from anybody. */
  readonly tree: readonly { readonly peer: number; readonly role: 'poller' | 'consumer' | 'local'; readonly parent: string | undefined }[];
}

export interface DemoResult extends DemoFigures {
  readonly peers: number;
  readonly seconds: number;
  readonly seed: number;
  readonly originRequests: number;
  /** If each of the peers asked by itself, as often as its max staleness demands. */
  readonly directWouldBe: number;
  /** Bytes received for versions over the bytes of the versions. */
  readonly deliveryFactor: number;
  readonly killed: number;
  readonly rejoined: number;
}

export const DEMO_STALENESS_MS = 10_000;
const ORIGIN_FLOOR_MS = 2_000;
const PUBLISH_MS = 3_000;
const LOOK_MS = 500;
/** A peer is killed, or a new one comes, this often; a killed one is back after `AWAY_MS`. */
const TROUBLE_MS = 4_000;
const AWAY_MS = 5_000;
/** After the last item, for the last ones to arrive. */
const SETTLE_MS = 1.5 * DEMO_STALENESS_MS;
const SETTLED_WITHIN_MS = 30_000;
const NEWCOMERS_MAX = 3;
const SLICES = 40;

export async function runDemo(options: DemoOptions): Promise<DemoResult> {
  const origin = await DemoOrigin.start(ORIGIN_FLOOR_MS / 1_000);
  const crowd = await Crowd.create({ url: origin.url, maxStalenessMs: () => DEMO_STALENESS_MS, originFloorMs: ORIGIN_FLOOR_MS, signal: options.signal });
  try {
    return await new Demo(options, origin, crowd).run();
  } finally {
    await crowd.stop();
    await origin.close();
  }
}

class Demo {
  readonly #options: DemoOptions;
  readonly #origin: DemoOrigin;
  readonly #crowd: Crowd;
  readonly #random: Random;
  readonly #away: { readonly peer: number; readonly backAt: number }[] = [];
  readonly #requests: number[] = [];
  #phase: DemoLook['phase'] = 'starting';
  #startedAt = 0;
  #before = 0;
  #killed = 0;
  #rejoined = 0;
  #added = 0;
  /** Peers times milliseconds: what direct polling is counted from. */
  #peerMs = 0;

  constructor(options: DemoOptions, origin: DemoOrigin, crowd: Crowd) {
    this.#options = options;
    this.#origin = origin;
    this.#crowd = crowd;
    this.#random = randomFrom(options.seed).fork('demo');
  }

  async run(): Promise<DemoResult> {
    const { peers, seconds, seed } = this.#options;
    await this.#crowd.start(peers, () => this.#look());
    await this.#settle();
    this.#startedAt = Date.now();
    this.#before = this.#origin.requests;
    this.#phase = 'running';
    const endsAt = this.#startedAt + seconds * 1_000;
    const lastItemAt = Math.max(this.#startedAt + PUBLISH_MS, endsAt - SETTLE_MS);
    let publishAt = this.#startedAt;
    let troubleAt = this.#startedAt + TROUBLE_MS;
    for (let now = Date.now(); now < endsAt; now = Date.now()) {
      this.#phase = now < lastItemAt ? 'running' : 'settling';
      if (this.#phase === 'running' && now >= publishAt) {
        this.#origin.publish();
        publishAt += PUBLISH_MS;
      }
      await this.#comeBack(now);
      if (this.#phase === 'running' && now >= troubleAt) {
        troubleAt += TROUBLE_MS;
        await this.#trouble(now);
      }
      await sleep(Math.max(0, LOOK_MS - (Date.now() - now)), undefined, { signal: this.#options.signal });
      this.#peerMs += this.#crowd.living().length * (Date.now() - now);
      this.#look();
    }
    await this.#comeBack(Infinity);
    this.#look();
    const { originRequests, directWouldBe, killed, rejoined, figures } = this.#state();
    return { peers, seconds, seed, originRequests, directWouldBe, deliveryFactor: this.#crowd.deliveryFactor, ...figures, killed, rejoined };
  }

  /** Until everybody has a place, which is where counting begins; not for ever. */
  async #settle(): Promise<void> {
    const until = Date.now() + SETTLED_WITHIN_MS;
    while (Date.now() < until && !this.#crowd.living().every((peer) => this.#hasPlace(peer))) {
      await sleep(LOOK_MS, undefined, { signal: this.#options.signal });
      this.#look();
    }
  }

  #hasPlace(peer: number): boolean {
    const { role, parent } = this.#crowd.placeOf(peer);
    return parent !== undefined || role === 'poller';
  }

  /** Kills a peer, most often; now and then somebody new comes. */
  async #trouble(now: number): Promise<void> {
    if (this.#added < NEWCOMERS_MAX && this.#random.below(4) === 0) {
      this.#added++;
      await this.#crowd.add();
      return;
    }
    const living = this.#crowd.living();
    if (living.length < 3) return;
    const peer = must(living[this.#random.below(living.length)], 'somebody lives');
    this.#killed++;
    this.#away.push({ peer, backAt: now + AWAY_MS });
    await this.#crowd.kill(peer);
  }

  async #comeBack(now: number): Promise<void> {
    while (this.#away[0] !== undefined && this.#away[0].backAt <= now) {
      const { peer } = must(this.#away.shift(), 'somebody is away');
      await this.#crowd.restart(peer);
      this.#rejoined++;
    }
  }

  #look(): void {
    const slice = Math.floor(((Date.now() - this.#startedAt) / (this.#options.seconds * 1_000)) * SLICES);
    if (this.#startedAt > 0 && slice < SLICES) this.#requests[slice] = this.#origin.requests;
    this.#options.onLook(this.#state());
  }

  #state(): DemoLook {
    const { peers } = this.#options;
    const { receipts, arrivals, upSince } = this.#crowd;
    const living = this.#crowd.living();
    const sinceStart = <T extends { readonly at: number }>(all: readonly T[]): T[] => all.filter(({ at }) => at >= this.#startedAt);
    const figures = figuresOf({
      published: sinceStart(this.#origin.published), receipts: sinceStart(receipts), arrivals: sinceStart(arrivals), upSince,
      held: new Map(living.map((peer) => [peer, this.#crowd.held(peer)])),
    });
    return {
      phase: this.#phase, elapsedSeconds: this.#startedAt === 0 ? 0 : (Date.now() - this.#startedAt) / 1_000, peers: living.length, wanted: peers,
      originRequests: this.#origin.requests - this.#before, directWouldBe: Math.round(this.#peerMs / DEMO_STALENESS_MS),
      requestsBySlice: differences(this.#requests, this.#before), published: this.#origin.published.length, figures,
      killed: this.#killed, rejoined: this.#rejoined, added: this.#added, tree: living.map((peer) => ({ peer, ...this.#crowd.placeOf(peer) })),
    };
  }
}

/** A counter's value at the end of each slice, as what came in each. */
function differences(values: readonly (number | undefined)[], start: number): number[] {
  let before = start;
  return Array.from(values, (value) => {
    const more = (value ?? before) - before;
    before = value ?? before;
    return more;
  });
}
