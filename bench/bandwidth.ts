/**
 * Bottleneck bandwidth over real UDP sockets, behind a path of a known rate ([0075], [0076]).
 *
 * To reach: within 5 % from 1 to 100 Mbit/s. Sender and receiver are the daemon's own code in one process, the path is a
 * second process (rate-limiter.ts). Each line is one rate, over several measurements; `untold` of them found no agreement and gave a lower bound. `node bench/bandwidth.ts runs=10`.
 */
import { fork } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { join } from 'node:path';
import { newCounters } from '../src/host/facts.ts';
import { TOKEN_BYTES } from '../src/host/probing/datagrams.ts';
import { ProbeSockets } from '../src/host/probing/probe-sockets.ts';
import { arrivalsOf, rateOverUdp } from '../src/host/probing/trains.ts';
import { argument, describeMachine, print } from './report.ts';

const HERE = '127.0.0.1';
const runs = argument('runs', 10);
const counters = newCounters();
const [sending, receiving] = [new ProbeSockets(counters, () => true), new ProbeSockets(counters, () => true)];

/** In Mbit/s; a lower bound is no answer: NaN. */
async function measured(ports: { readonly near: number; readonly far: number }): Promise<number> {
  const token = new Uint8Array(randomBytes(TOKEN_BYTES));
  const sender = await sending.meet(token, 'udp4', { address: HERE, port: ports.near });
  const receiver = await receiving.meet(token, 'udp4', { address: HERE, port: ports.far });
  if (!sender || !receiver) return Number.NaN;
  const greeted = sender.greet();
  void receiver.greet();
  const endpoint = await greeted;
  const rate = endpoint && (await rateOverUdp(sender, endpoint, async (train, packets) => arrivalsOf(receiver, train, packets)));
  sender.close();
  receiver.close();
  return rate === undefined || rate.isAtLeast ? Number.NaN : rate.bitsPerSecond / 1e6;
}

describeMachine('bandwidth');
for (const mbps of [1, 2, 5, 10, 20, 50, 100, 200]) {
  const path = fork(join(import.meta.dirname, 'rate-limiter.ts'), [String(await receiving.port('udp4')), String(mbps)]);
  const [ports] = (await once(path, 'message')) as [{ near: number; far: number }];
  const before = counters.probeBytesSent;
  const rates: number[] = [];
  for (let run = 0; run < runs; run++) rates.push(await measured(ports));
  path.kill();
  const errors = rates.filter((rate) => !Number.isNaN(rate)).map((rate) => rate / mbps - 1).sort((a, b) => a - b);
  const round = (value: number | undefined): number => Math.round((value ?? Number.NaN) * 1e4) / 1e4;
  print({
    bench: 'bandwidth', mbps, runs, untold: runs - errors.length, medianError: round(errors[errors.length >> 1]), worstError: round(Math.max(...errors.map(Math.abs))),
    kilobytesSent: Math.round((counters.probeBytesSent - before) / runs / 1000),
  });
}
await Promise.all([sending.stop(), receiving.stop()]);
