/**
 * How many trains of datagrams one measurement sends, and how long they are.
 *
 * Few short trains first: enough for a slow link, and cheap. A fast one needs longer ones, because a receiver in user space
 * stamps what comes within a millisecond at one instant. Each train is heard of before the next leaves, so that it never
 * queues behind the one before. When too few agree in the end, because a machine on the way stood still now and then, more
 * are sent.
 */
import { WireError } from '../../core/errors.ts';
import type { Rate } from '../../protocol/measure/bandwidth.ts';
import { PACKETS_MAX, TRAINS_MAX } from './datagrams.ts';
import type { Endpoint, Meeting } from './probe-sockets.ts';

const SHORT = { trains: 2, packets: 24 } as const;
const LONG = { trains: 3, packets: 48 } as const;
const MORE = { trains: TRAINS_MAX - SHORT.trains - LONG.trains, packets: 48 } as const;
/** Above this the short trains are over before a receiver wakes up twice. */
const FAST = 15e6;

/** What the receiver says after a train. */
export interface Seen {
  readonly arrived: number;
  /** By all trains so far. */
  readonly rate: Rate | undefined;
}

/** `hear` tells the receiver that a train has left, and brings its answer. */
export async function rateOverUdp(meeting: Meeting, endpoint: Endpoint, hear: (train: number, packets: number) => Promise<Seen>): Promise<Rate | undefined> {
  let train = 0;
  let rate: Rate | undefined;
  for (const { trains, packets } of [SHORT, LONG, MORE]) {
    for (const end = train + trains; train < end; train++) {
      await meeting.sendTrain(endpoint, train, packets);
      const seen = await hear(train, packets);
      if (seen.arrived === 0 && train === 0) return undefined; // hellos pass and packets do not: not open after all
      rate = seen.rate;
    }
    if (rate !== undefined && !rate.isAtLeast && (packets === LONG.packets || rate.bitsPerSecond < FAST)) return rate;
  }
  return rate;
}

/** The receiver's side, after a train has left. Throws WireError on a train that cannot be. */
export async function arrivalsOf(meeting: Meeting | undefined, train: number, packets: number): Promise<Seen> {
  if (meeting === undefined || train >= TRAINS_MAX || packets > PACKETS_MAX) throw new WireError('a train that cannot be');
  await meeting.settled(train, packets);
  return { arrived: meeting.arrivals.count(train), rate: meeting.arrivals.rate() };
}
