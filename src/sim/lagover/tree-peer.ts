/**
 * A peer that does nothing but take part in latency-graded trees: the daemon's own agents without a ring below them.
 *
 * What the ring would do for them, naming somebody to meet, is the simulator's exact oracle here.
 */
import type { Contact } from '../../core/contact.ts';
import type { Millis, Protocol, StreamId, TimerKind } from '../../core/env.ts';
import { Lagover } from '../../protocol/lagover/agent/lagover.ts';
import type { NodeEnv } from '../../protocol/local.ts';
import { Local, TIMER } from '../../protocol/local.ts';
import type { ProtocolOptions } from '../../protocol/options.ts';
import { Requests } from '../../protocol/requests.ts';
import type { Message } from '../../protocol/wire/messages.ts';

export class TreePeer implements Protocol<Message> {
  readonly lagover: Lagover;
  readonly #requests: Requests;

  constructor(env: NodeEnv, options: ProtocolOptions, self: Contact) {
    const local = new Local(env, options, self);
    this.#requests = new Requests(local);
    this.lagover = new Lagover(local, this.#requests);
  }

  onMessage(from: Contact, message: Message, at: Millis): void {
    switch (message.type) {
      case 'lagLocked':
      case 'lagAck':
      case 'lagReportReply':
      case 'lagNamed':
        this.#requests.onReply(message.op, from, message, at);
        break;
      case 'lagAnswer':
        if (!this.#requests.onReply(message.op, from, message, at)) this.lagover.onMessage(from, message);
        break;
      case 'lagMeet':
      case 'lagClaim':
      case 'lagLock':
      case 'lagUnlock':
      case 'lagMove':
      case 'lagRelease':
      case 'lagReport':
      case 'lagWay':
      case 'lagBye':
      case 'lagAudit':
        this.lagover.onMessage(from, message);
        break;
      default:
    }
    this.lagover.settle();
  }

  onTimer(kind: TimerKind): void {
    if (kind === TIMER.requests) this.#requests.onTimer();
    else this.lagover.onTimer();
    this.lagover.settle();
  }

  onPeerUnreachable(peer: Contact): void {
    this.lagover.onPeerUnreachable(peer);
  }

  onStreamOpened(_from: Contact, _stream: StreamId): void {
    // Trees use no streams.
  }

  onStreamData(): void {
    // Trees use no streams.
  }

  onStreamWritable(): void {
    // Trees use no streams.
  }

  onStreamClosed(): void {
    // Trees use no streams.
  }
}
