/**
 * What both sides of a bandwidth measurement say to each other (probe.proto), one step at a time, and bursts of padding.
 * A step out of turn, or more padding than a measurement has, ends it.
 */
import { randomFillSync } from 'node:crypto';
import type { Stream } from '@libp2p/interface';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { performance } from 'node:perf_hooks';
import { WireError } from '../../core/errors.ts';
import type { Millis } from '../../core/env.ts';
import type { Rate } from '../../protocol/measure/bandwidth.ts';
import { rateOf, RATE_MAX } from '../../protocol/measure/bandwidth.ts';
import type { ProbeStep } from '../../protocol/wire/gen/grove/v1/probe_pb.ts';
import { ProbeStepSchema } from '../../protocol/wire/gen/grove/v1/probe_pb.ts';
import { FramedStream } from '../framed-stream.ts';

export const PROBE_PROTOCOL = '/grove/1/probe';
const FRAME_BYTES_MAX = 2_048;
const PADDING = 1;
/** Of one frame of padding. */
export const PIECE_BYTES = 1_400;
/** IP and TCP headers and those of encryption and multiplexer, by the payload they carry. */
const STREAM_OVERHEAD = 1.045;
/** Whoever sends more is cut off. */
const PIECES_MAX = 512;

type Steps = NonNullable<ProbeStep['step']['case']>;
export type StepValue<Case extends Steps> = Extract<ProbeStep['step'], { case: Case }>['value'];
type Init<Case extends Steps> = Omit<StepValue<Case>, '$typeName' | '$unknown'>;

export class ProbeDialogue {
  readonly #stream: Stream;
  readonly #frames: FramedStream;
  #pieces: Millis[] = [];
  #piecesEver = 0;

  constructor(stream: Stream, signal: AbortSignal, onPiece: (bytes: number) => void) {
    this.#stream = stream;
    this.#frames = new FramedStream(stream, {
      frameBytesMax: FRAME_BYTES_MAX, signal,
      onOther: (_kind, payload) => {
        if (++this.#piecesEver > PIECES_MAX) return stream.abort(new Error('more padding than a measurement has'));
        onPiece(payload.length);
        this.#pieces.push(performance.now());
      },
    });
  }

  say<Case extends Steps>(step: Case, value: Init<Case>): void {
    this.#frames.write(toBinary(ProbeStepSchema, create(ProbeStepSchema, { step: { case: step, value } } as never)));
  }

  /** The next step, which must be this one. Rejects on anything else, on silence and on the stream's end. */
  async hear<Case extends Steps>(expected: Case): Promise<StepValue<Case>> {
    const { step } = decoded(await this.#frames.read());
    if (step.case !== expected) throw new WireError(`a measurement has ${String(step.case)} where ${expected} belongs`);
    return step.value as StepValue<Case>;
  }

  /** Padding, as fast as the stream takes it. */
  burst(pieces: number): number {
    for (let i = 0; i < pieces; i++) this.#frames.write(randomFillSync(new Uint8Array(PIECE_BYTES)), PADDING);
    return pieces * PIECE_BYTES;
  }

  /** How many pieces came since it was asked before, and how fast. */
  takeBurst(): { readonly pieces: number; readonly rate: Rate | undefined } {
    const pieces = this.#pieces;
    this.#pieces = [];
    return { pieces: pieces.length, rate: rateOf([pieces], PIECE_BYTES * STREAM_OVERHEAD) };
  }

  async close(): Promise<void> {
    await this.#stream.close({ signal: AbortSignal.timeout(1_000) }).catch(() => undefined);
  }

  abort(reason: string): void {
    if (this.#stream.status === 'open') this.#stream.abort(new Error(reason));
  }
}

/** As told by the other side: nothing above what can be told at all is believed. */
export function rateFrom({ bitsPerSecond, atLeast }: StepValue<'seen'>): Rate | undefined {
  if (!(bitsPerSecond > 0)) return undefined;
  return bitsPerSecond >= RATE_MAX ? { bitsPerSecond: RATE_MAX, isAtLeast: true } : { bitsPerSecond, isAtLeast: atLeast };
}

function decoded(bytes: Uint8Array): ProbeStep {
  try {
    return fromBinary(ProbeStepSchema, bytes);
  } catch (error) {
    throw new WireError('a step of a measurement cannot be decoded', { cause: error });
  }
}
