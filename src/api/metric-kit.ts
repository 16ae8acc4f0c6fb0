/**
 * How metrics are made here: all names begin with `grove_`, and a value is either counted as things happen or looked up when
 * somebody asks.
 */
import type { RegistryContentType } from 'prom-client';
import { Counter, Gauge, Histogram, Registry } from 'prom-client';

type Labels = Readonly<Record<string, string | number>>;

export class MetricKit {
  readonly #registry = new Registry<RegistryContentType>();
  /** The answer that is being made: one at a time, because the format is the registry's. */
  #rendering: Promise<unknown> = Promise.resolve();
  readonly #onAnswer: () => void;

  /** `onAnswer` is told before each answer is made. */
  constructor(onAnswer: () => void) {
    this.#onAnswer = onAnswer;
  }

  async text(accept: string): Promise<{ readonly type: string; readonly text: string }> {
    const type = accept.includes('application/openmetrics-text') ? Registry.OPENMETRICS_CONTENT_TYPE : Registry.PROMETHEUS_CONTENT_TYPE;
    const rendered = this.#rendering.then(async () => this.#render(type));
    this.#rendering = rendered.catch(() => undefined);
    return { type, text: await rendered };
  }

  counter(name: string, help: string, labelNames: string[] = []): Counter {
    return new Counter({ name: `grove_${name}`, help, labelNames, registers: [this.#registry] });
  }

  histogram(name: string, help: string, buckets: number[]): Histogram {
    return new Histogram({ name: `grove_${name}`, help, buckets, registers: [this.#registry] });
  }

  /** Set by whoever made it. */
  plainGauge(name: string, help: string): Gauge {
    return new Gauge({ name: `grove_${name}`, help, registers: [this.#registry] });
  }

  gauge(name: string, help: string, labelNames: string[], collect: (gauge: Gauge) => void | Promise<void>): void {
    const gauge: Gauge = new Gauge({ name: `grove_${name}`, help, labelNames, registers: [this.#registry], collect: () => collect(gauge) });
  }

  /** A counter that is kept elsewhere. */
  sum(name: string, help: string, labelNames: string[], read: () => readonly (readonly [Labels, number])[]): void {
    const counter: Counter = new Counter({
      name: `grove_${name}`, help, labelNames, registers: [this.#registry],
      collect: () => {
        counter.reset();
        for (const [labels, value] of readOr(read, [])) counter.inc(labels, value);
      },
    });
  }

  async #render(type: RegistryContentType): Promise<string> {
    const counters = this.#registry.getMetricsAsArray() as unknown as { name: string }[];
    const names = counters.map(({ name }) => name);
    this.#onAnswer();
    this.#registry.setContentType(type);
    try {
      return await this.#registry.metrics();
    } finally {
      // For OpenMetrics the library takes `_total` off the names of counters, and leaves them so.
      for (const [i, counter] of counters.entries()) counter.name = names[i] ?? counter.name;
    }
  }
}

/** Between two pools there is no session to read from. */
export function readOr<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
