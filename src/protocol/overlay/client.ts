/**
 * The caller's side of operations on objects: find the owner, ask it, and ask again until the deadline.
 *
 * DHT_insert, DHT_lookup and DHT_direct of [0037]. Whatever goes wrong on the way (an owner that changes, dies, or has too
 * few replicas just now) is tried again through a fresh lookup; only a refusal, success or the deadline end an operation.
 */
import type { Contact } from '../../core/contact.ts';
import type { Position } from '../../core/position.ts';
import { unreachable } from '../../core/assert.ts';
import type { Local } from '../local.ts';
import type { Requests } from '../requests.ts';
import type { Router } from '../routing/router.ts';
import type { Get, GetReply, Message, Put, SetField, StoredObject, WriteReply } from '../wire/messages.ts';
import { STATUS } from '../wire/messages.ts';
import type { Alarms } from './alarms.ts';
import type { Failure, FailureCode, ReadOutcome, WriteOutcome } from './outcomes.ts';
import type { Owner } from './owner.ts';
import { transferMs } from './transfers.ts';

const RETRY_MS = 300;
/** An owner usually answers after one more round trip, to its replicas; a repeated request does no harm (replies.ts). */
const OWNER_WORK_MS = 500;
const ASK_ATTEMPTS = 3;

type Request = (Put | SetField | Get) & { op: number };
type Reply = WriteReply | GetReply;

interface Operation {
  readonly key: Position;
  readonly bytes: number;
  readonly request: (op: number) => Request;
  /** What to do with a good reply; undefined when it lacks what was asked for. */
  readonly onReply: (reply: Reply, host: Contact, hops: number) => (() => void) | undefined;
  readonly onFail: (failure: Failure) => void;
  readonly deadline: number;
  lastTrouble: { code: FailureCode; reason: string };
  open: boolean;
}

export class Client {
  readonly #local: Local;
  readonly #requests: Requests;
  readonly #router: Router;
  readonly #owner: Owner;
  readonly #alarms: Alarms;
  #open = 0;

  constructor(local: Local, parts: { requests: Requests; router: Router; owner: Owner; alarms: Alarms }) {
    this.#local = local;
    this.#requests = parts.requests;
    this.#router = parts.router;
    this.#owner = parts.owner;
    this.#alarms = parts.alarms;
  }

  write(key: Position, bytes: number, request: (op: number) => Put | SetField, done: (outcome: WriteOutcome) => void): void {
    this.#begin(key, bytes, request, (reply, host, hops) => {
      if (reply.type !== 'writeReply' || !reply.version) return undefined;
      const { version, copies } = reply;
      return () => done({ ok: true, version, copies, host, hops });
    }, done);
  }

  read(key: Position, done: (outcome: ReadOutcome) => void): void {
    this.#begin(key, 0, (op) => ({ type: 'get', op, key, local: false }), (reply, host, hops) => {
      const object = objectIn(reply, key);
      return object && (() => done({ ok: true, object, host, hops }));
    }, done);
  }

  /** Asks `host` without any lookup; `missing` when it is not (or no longer) the one. */
  direct(key: Position, host: Contact, done: (outcome: ReadOutcome) => void): void {
    const missing = (reason: string): void => done({ ok: false, code: 'missing', reason });
    const onReply = (reply: Message): void => {
      const object = objectIn(reply, key);
      if (object) done({ ok: true, object, host, hops: 0 });
      else missing('the peer does not host this object');
    };
    if (this.#local.isSelf(host)) return this.#owner.get({ type: 'get', op: 0, key, local: false }, onReply);
    this.#requests.ask({
      to: host,
      attempts: 2,
      timeoutMs: this.#local.options.initialTimeoutMs,
      message: (op) => ({ type: 'get', op, key, local: false }),
      onReply,
      onSilent: () => missing('the peer does not answer'),
    });
  }

  #begin(key: Position, bytes: number, request: Operation['request'], onReply: Operation['onReply'], onFail: Operation['onFail']): void {
    const { env, options } = this.#local;
    if (this.#open >= options.operationsMax) return onFail({ ok: false, code: 'busy', reason: `${options.operationsMax} operations are in progress` });
    this.#open++;
    const operation: Operation = {
      key, bytes, request, onReply, onFail, deadline: env.now() + options.operationMs, open: true,
      lastTrouble: { code: 'timeout', reason: 'nobody answered' },
    };
    const alarm = this.#alarms.in(options.operationMs, () => this.#fail(operation, operation.lastTrouble.code, operation.lastTrouble.reason));
    this.#attempt(operation, alarm);
  }

  #attempt(operation: Operation, alarm: number): void {
    if (!operation.open) return;
    this.#router.lookup(operation.key, ({ owner, hops }) => {
      if (!operation.open) return;
      if (this.#local.isSelf(owner)) this.#askSelf(operation, alarm, hops);
      else this.#ask(operation, alarm, owner, hops);
    }, (reason) => this.#retry(operation, alarm, 'timeout', `the owner was not found: ${reason}`));
  }

  #askSelf(operation: Operation, alarm: number, hops: number): void {
    const request = operation.request(0);
    const self = this.#local.contact;
    const onReply = (reply: Reply): void => this.#onReply(operation, alarm, reply, self, hops);
    switch (request.type) {
      case 'put': return this.#owner.put(request, self, onReply);
      case 'setField': return this.#owner.setField(request, self, onReply);
      case 'get': return this.#owner.get(request, onReply);
      default: return unreachable(request);
    }
  }

  #ask(operation: Operation, alarm: number, owner: Contact, hops: number): void {
    this.#requests.ask({
      to: owner,
      attempts: ASK_ATTEMPTS,
      timeoutMs: this.#local.options.initialTimeoutMs + OWNER_WORK_MS + 2 * transferMs(operation.bytes),
      message: operation.request,
      onReply: (reply) => {
        if (reply.type === 'writeReply' || reply.type === 'getReply') this.#onReply(operation, alarm, reply, owner, hops);
      },
      onSilent: () => this.#retry(operation, alarm, 'timeout', 'the owner did not answer'),
    });
  }

  #onReply(operation: Operation, alarm: number, reply: Reply, host: Contact, hops: number): void {
    if (!operation.open) return;
    switch (reply.status) {
      case STATUS.ok: {
        const finish = operation.onReply(reply, host, hops);
        if (!finish) return this.#retry(operation, alarm, 'timeout', 'the owner gave no proper answer');
        this.#end(operation, alarm);
        return finish();
      }
      case STATUS.missing:
        return this.#fail(operation, 'missing', 'there is no such object', alarm);
      case STATUS.quota:
        return this.#fail(operation, 'quota', `the storage of ${host.name || host.peerId} is full`, alarm);
      case STATUS.tooFewCopies:
        return this.#retry(operation, alarm, 'too-few-copies', 'too few peers took a copy');
      default:
        return this.#retry(operation, alarm, 'timeout', 'the owner changed');
    }
  }

  #retry(operation: Operation, alarm: number, code: FailureCode, reason: string): void {
    if (!operation.open) return;
    operation.lastTrouble = { code, reason };
    this.#alarms.in(RETRY_MS, () => this.#attempt(operation, alarm));
  }

  #fail(operation: Operation, code: FailureCode, reason: string, alarm?: number): void {
    if (!operation.open) return;
    this.#end(operation, alarm);
    operation.onFail({ ok: false, code, reason });
  }

  #end(operation: Operation, alarm: number | undefined): void {
    operation.open = false;
    this.#open--;
    if (alarm !== undefined) this.#alarms.cancel(alarm);
  }
}

/** The object that was asked for; another one, or none, is no answer. */
function objectIn(reply: Message, key: Position): StoredObject | undefined {
  const object = reply.type === 'getReply' && reply.status === STATUS.ok ? reply.object : undefined;
  return object?.key.hex === key.hex ? object : undefined;
}
