/**
 * One whole peer in a RecordingEnv: the test plays everybody else, message by message.
 */
import type { Contact } from '../../../src/core/contact.ts';
import { Node } from '../../../src/protocol/node.ts';
import type { ProtocolOptions } from '../../../src/protocol/options.ts';
import { protocolOptions } from '../../../src/protocol/options.ts';
import type { Message, StoredObject, TableEntry } from '../../../src/protocol/wire/messages.ts';
import { STATUS } from '../../../src/protocol/wire/messages.ts';
import type { Sent } from './recording-env.ts';
import { peerAt, RecordingEnv, vitalsOf } from './recording-env.ts';

export class LonePeer {
  readonly env: RecordingEnv;
  readonly options: ProtocolOptions;
  readonly self: Contact;
  readonly node: Node;
  /** Everything that `advanceAnswering` took from the env. */
  readonly log: Sent[] = [];

  constructor(options: Partial<ProtocolOptions> = {}, env = new RecordingEnv()) {
    this.env = env;
    this.options = protocolOptions({ leafsetRadius: 4, ...options });
    this.self = peerAt(0.5);
    this.node = new Node(env, this.options, this.self);
    env.onTimer = (kind) => this.node.onTimer(kind);
  }

  /** A member of a ring with these neighbours, whatever it said on the way forgotten. */
  static member(neighbours: readonly Contact[], options: Partial<ProtocolOptions> = {}, table: readonly TableEntry[] = []): LonePeer {
    const peer = new LonePeer(options);
    peer.node.startWired(neighbours, table);
    peer.env.advance(1_500);
    peer.serve(neighbours);
    peer.env.take();
    peer.env.facts = [];
    return peer;
  }

  /** `message` arrives from `from`. */
  hear(from: Contact, message: Message): void {
    this.node.onMessage(from, message, this.env.now());
  }

  isNeighbour(peer: Contact): boolean {
    return this.node.membership.leafset.find(peer) !== undefined;
  }

  /** Lets time pass in small steps while these peers answer what they are asked and send heartbeats; the rest is silent. */
  advanceAnswering(ms: number, answering: readonly Contact[]): void {
    const step = 50;
    for (let passed = 0; passed < ms; passed += step) {
      this.env.advance(step);
      this.serve(answering);
      if (passed % 10_000 === 0) for (const from of answering) this.hear(from, { type: 'heartbeat', vitals: vitalsOf(), announcement: false });
    }
  }

  /** Answers everything that was sent to these peers, as members without objects would. */
  serve(answering: readonly Contact[], kept: StoredObject[] = []): void {
    for (let sent = this.env.take(); sent.length > 0; sent = this.env.take()) {
      for (const entry of sent) {
        this.log.push(entry);
        const from = answering.find(({ peerId }) => peerId === entry.to.peerId);
        const reply = from && answerTo(entry.message, kept);
        if (from && reply) this.hear(from, reply);
      }
    }
  }
}

function answerTo(message: Message, kept: StoredObject[]): Message | undefined {
  switch (message.type) {
    case 'probe': return { type: 'probeReply', op: message.op, vitals: vitalsOf(), leafset: [] };
    case 'tableRequest': return { type: 'tableReply', op: message.op, vitals: vitalsOf(), entries: [], gone: [] };
    case 'sync': return { type: 'syncReply', op: message.op, equal: true, entries: [], coveredTo: undefined };
    case 'route': return { type: 'hopAck', hop: message.hop };
    case 'replicate': {
      kept.push(...message.objects);
      return { type: 'replicateReply', op: message.op, statuses: message.objects.map(() => STATUS.ok) };
    }
    case 'get': return { type: 'getReply', op: message.op, status: STATUS.missing, object: undefined };
    default: return undefined;
  }
}
