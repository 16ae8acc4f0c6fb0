/**
 * A transit-stub topology: the internet of the overlay papers (GT-ITM), small enough to hold all shortest paths.
 *
 * Transit routers form a few domains that are fully linked inside and linked to each other; every transit router serves
 * some stub domains, each a connected random graph. A peer hangs off a random stub router by a last hop of its own.
 * Because all traffic between two stub domains climbs through transit links, latencies come in clear steps, which is
 * what makes proximity-aware trees worth the effort.
 */
import { assert } from '../../core/assert.ts';
import type { Millis } from '../../core/env.ts';
import type { Random } from '../../core/random.ts';
import { SlotHeap } from '../slot-heap.ts';
import type { LatencyModel } from './latency-model.ts';

export interface TransitStubOptions {
  readonly transitRouters: number;
  readonly transitDomains: number;
  readonly stubRouters: number;
  readonly stubDomainsPerTransit: number;
  /** Links beyond a spanning tree, as a share of the routers of a stub domain. */
  readonly extraStubLinks: number;
  readonly transitTransitMs: Millis;
  readonly transitStubMs: Millis;
  readonly stubStubMs: Millis;
  readonly lastHopMinMs: Millis;
  readonly lastHopMaxMs: Millis;
}

export const TRANSIT_STUB_DEFAULTS: TransitStubOptions = {
  transitRouters: 24,
  transitDomains: 4,
  stubRouters: 576,
  stubDomainsPerTransit: 3,
  extraStubLinks: 0.5,
  transitTransitMs: 100,
  transitStubMs: 25,
  stubStubMs: 10,
  lastHopMinMs: 3,
  lastHopMaxMs: 8,
};

interface Router {
  readonly neighbours: number[];
  readonly linkMs: number[];
}

export class TransitStubLatency implements LatencyModel {
  readonly description: string;
  readonly places: number;
  readonly #random: Random;
  readonly #options: TransitStubOptions;
  readonly #routerCount: number;
  /** Row major, all pairs. */
  readonly #pathMs: Float32Array;
  readonly #routerOf: number[] = [];
  readonly #lastHopMs: number[] = [];

  constructor(random: Random, wishes: Partial<TransitStubOptions> = {}) {
    const options = { ...TRANSIT_STUB_DEFAULTS, ...wishes };
    this.#random = random;
    this.#options = options;
    this.places = options.stubRouters;
    this.description = `transit-stub, ${options.transitRouters} transit and ${options.stubRouters} stub routers`;
    const routers = buildRouters(random.fork('routers'), options);
    this.#routerCount = routers.length;
    this.#pathMs = shortestPaths(routers);
  }

  oneWayMs(a: number, b: number): Millis {
    if (a === b) return 0;
    this.#attach(a > b ? a : b);
    const path = (this.#routerOf[a] as number) * this.#routerCount + (this.#routerOf[b] as number);
    return (this.#lastHopMs[a] as number) + (this.#pathMs[path] as number) + (this.#lastHopMs[b] as number);
  }

  /** The stub router the peer hangs off. */
  routerOf(peer: number): number {
    this.#attach(peer);
    return this.#routerOf[peer] as number;
  }

  #attach(upTo: number): void {
    const { transitRouters, stubRouters, lastHopMinMs, lastHopMaxMs } = this.#options;
    for (let peer = this.#routerOf.length; peer <= upTo; peer++) {
      const draw = this.#random.fork('place', peer);
      this.#routerOf.push(transitRouters + draw.below(stubRouters));
      this.#lastHopMs.push(lastHopMinMs + draw.unit() * (lastHopMaxMs - lastHopMinMs));
    }
  }
}

/** Transit routers first, then the stub routers, domain by domain. */
function buildRouters(random: Random, options: TransitStubOptions): Router[] {
  const { transitRouters, transitDomains, stubRouters, stubDomainsPerTransit } = options;
  assert(transitRouters >= transitDomains && transitDomains >= 1, 'every transit domain has a router');
  const stubDomains = transitRouters * stubDomainsPerTransit;
  assert(stubRouters >= stubDomains && stubDomains >= 1, 'every stub domain has a router');
  const routers: Router[] = [];
  for (let i = 0; i < transitRouters + stubRouters; i++) routers.push({ neighbours: [], linkMs: [] });
  linkTransit(routers, random, options);
  for (let domain = 0; domain < stubDomains; domain++) {
    const first = transitRouters + Math.floor((domain * stubRouters) / stubDomains);
    const end = transitRouters + Math.floor(((domain + 1) * stubRouters) / stubDomains);
    linkStubDomain(routers, first, end, random, options);
    const gateway = first + random.below(end - first);
    link(routers, gateway, domain % transitRouters, options.transitStubMs);
  }
  return routers;
}

/** Router i belongs to domain i % domains. Inside a domain all are linked; between domains, one random pair each. */
function linkTransit(routers: Router[], random: Random, options: TransitStubOptions): void {
  const { transitRouters, transitDomains, transitTransitMs } = options;
  for (let a = 0; a < transitRouters; a++) {
    for (let b = a + transitDomains; b < transitRouters; b += transitDomains) link(routers, a, b, transitTransitMs);
  }
  const member = (domain: number): number => {
    const size = Math.floor((transitRouters - domain - 1) / transitDomains) + 1;
    return domain + transitDomains * random.below(size);
  };
  for (let a = 0; a < transitDomains; a++) {
    for (let b = a + 1; b < transitDomains; b++) link(routers, member(a), member(b), transitTransitMs);
  }
}

/** A random tree, so that the domain is connected, and some links more. */
function linkStubDomain(
  routers: Router[],
  first: number,
  end: number,
  random: Random,
  options: TransitStubOptions,
): void {
  for (let router = first + 1; router < end; router++) {
    link(routers, router, first + random.below(router - first), options.stubStubMs);
  }
  const extra = Math.floor((end - first) * options.extraStubLinks);
  for (let i = 0; i < extra; i++) {
    const a = first + random.below(end - first);
    const b = first + random.below(end - first);
    if (a !== b) link(routers, a, b, options.stubStubMs);
  }
}

function link(routers: Router[], a: number, b: number, ms: Millis): void {
  for (const [from, to] of [[a, b], [b, a]] as const) {
    routers[from]?.neighbours.push(to);
    routers[from]?.linkMs.push(ms);
  }
}

/** Dijkstra from every router. */
function shortestPaths(routers: readonly Router[]): Float32Array {
  const count = routers.length;
  const paths = new Float32Array(count * count).fill(Infinity);
  const heap = new SlotHeap();
  for (let source = 0; source < count; source++) {
    const row = paths.subarray(source * count, (source + 1) * count);
    row[source] = 0;
    heap.push(0, 0, source);
    while (heap.size > 0) {
      const reached = heap.topTime();
      const at = heap.pop();
      if (reached > (row[at] as number)) continue;
      const { neighbours, linkMs } = routers[at] as Router;
      for (let i = 0; i < neighbours.length; i++) {
        const to = neighbours[i] as number;
        const ms = Math.fround(reached + (linkMs[i] as number));
        if (ms >= (row[to] as number)) continue;
        row[to] = ms;
        heap.push(ms, to, to);
      }
    }
    assert(row.every((ms) => ms < Infinity), 'the router graph is connected');
  }
  return paths;
}
