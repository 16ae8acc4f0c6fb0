/**
 * This machine's own report: measured values, what the protocol knows of itself, and the operator's attributes.
 *
 * Sampled every two seconds, because the protocol may ask at any moment and never waits. A value that is not known is left
 * out: an aggregate over it then counts the machines that do know.
 */
import { performance } from 'node:perf_hooks';
import { tmpdir } from 'node:os';
import type { HostSample } from '../host/metrics.ts';
import { HostMetrics } from '../host/metrics.ts';
import type { BandwidthBook } from '../protocol/measure/bandwidth-book.ts';
import type { Node } from '../protocol/node.ts';
import type { Report, Value } from '../protocol/pool/report.ts';
import { isSettled } from '../protocol/measure/vivaldi.ts';
import type { Capability } from './capability.ts';
import { groveVersion } from './version.ts';

const SAMPLE_MS = 2_000;

export interface OwnReportOptions {
  readonly node: Node;
  readonly directory: string | undefined;
  readonly attributes: Report;
  /** Links that this machine offers to multicast trees. */
  readonly degreeBound: number;
  readonly bandwidth: BandwidthBook;
  /** Undefined: says nothing of it. */
  readonly capability: Capability | undefined;
  /** Some members cannot dial this machine. */
  readonly isHidden: () => boolean;
}

export class OwnReport {
  readonly #options: OwnReportOptions;
  readonly #metrics: HostMetrics;
  readonly #version = groveVersion();
  readonly #timer: NodeJS.Timeout;
  #sample: HostSample | undefined;
  #sampledAt = performance.now();

  constructor(options: OwnReportOptions) {
    this.#options = options;
    this.#metrics = new HostMetrics(options.directory ?? tmpdir());
    this.#timer = setInterval(() => void this.#look(), SAMPLE_MS);
    this.#timer.unref();
    options.node.somo.readReport = () => ({ report: this.report, at: this.#sampledAt });
    void this.#look();
  }

  get report(): Report {
    const { node, attributes, degreeBound, bandwidth, capability, isHidden } = this.#options;
    const { contact, coordinate } = node.local;
    const values = new Map<string, Value>([['name', contact.name], ['version', this.#version], ['degree.bound', degreeBound], ['degree.table', node.market.desk.table.rows]]);
    const put = (name: string, value: number | string | undefined): void => void (value !== undefined && values.set(name, value));
    put('addr', contact.addresses[0]);
    if (isSettled(coordinate)) values.set('coord', [...coordinate.vector, coordinate.height, coordinate.error]);
    const sample = this.#sample;
    put('cpu.load', sample?.load);
    put('cpu.cores', sample?.cores);
    put('mem.total', sample?.memoryBytes);
    put('mem.free', sample?.freeBytes);
    put('disk.free', sample?.diskFreeBytes);
    put('uptime', sample?.uptimeSeconds);
    const now = performance.now();
    put('net.up', bandwidth.own('outgoing', now));
    put('net.down', bandwidth.own('incoming', now));
    for (const [name, value] of attributes) values.set(name, value);
    if (contact.proof !== undefined) put('position', contact.position.hex);
    put('capability', capability?.(values, isHidden()));
    return values;
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  async #look(): Promise<void> {
    this.#sample = await this.#metrics.sample();
    this.#sampledAt = performance.now();
  }
}
