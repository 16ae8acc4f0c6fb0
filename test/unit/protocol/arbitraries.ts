/**
 * Generated positions, contacts and messages: one generator for every type of message, within the wire's maxima.
 *
 * Optional parts are present or `undefined`, never missing keys, because that is what a decoder gives.
 */
import fc from 'fast-check';
import type { Arbitrary } from 'fast-check';
import type { Contact } from '../../../src/core/contact.ts';
import type { Position } from '../../../src/core/position.ts';
import { positionFromBytes, positionFromLead } from '../../../src/core/position.ts';
import type {
  Coordinate, Field, Message, MessageType, Reference, StoredObject, SyncEntry, TableEntry, Version, Vitals,
} from '../../../src/protocol/wire/messages.ts';
import { utf8Bytes } from '../../../src/protocol/wire/sizes.ts';

export const position: Arbitrary<Position> = fc.uint8Array({ minLength: 20, maxLength: 20 }).map((bytes) => positionFromBytes(bytes));

/** From a handful of leads and tails, so that equal leads and equal positions come often. */
export const closePosition: Arbitrary<Position> = fc
  .tuple(fc.constantFrom(0, 1, 2 ** 51, 2 ** 52 - 2, 2 ** 52 - 1), fc.constantFrom('', '1', 'f', `${'0'.repeat(26)}1`, 'f'.repeat(27)))
  .map(([lead, tail]) => positionFromLead(lead, tail));

export const u32: Arbitrary<number> = fc.oneof(fc.constantFrom(0, 1, 127, 128, 16_383, 16_384, 2 ** 21, 2 ** 28, 2 ** 32 - 1), fc.nat(2 ** 31 - 1));
const float: Arbitrary<number> = fc.float({ noNaN: true, noDefaultInfinity: true });
const double: Arbitrary<number> = fc.double({ noNaN: true, noDefaultInfinity: true });
const maybe = <T>(arbitrary: Arbitrary<T>): Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });
const plain = { noNullPrototype: true } as const;

/** Whole code points of every length in UTF-8, at most so many bytes. */
export function text(maxBytes: number): Arbitrary<string> {
  return fc.string({ unit: 'binary', maxLength: Math.min(maxBytes, 24) }).filter((value) => utf8Bytes(value) <= maxBytes);
}

const ordinary: Arbitrary<Contact> = fc.record({
  peerId: text(64), position: fc.oneof(position, closePosition), addresses: fc.array(text(256), { maxLength: 8 }), name: text(64), incarnation: u32,
}, plain);

/** One in eight has swapped its position. */
export const contact: Arbitrary<Contact> = fc.oneof(
  { weight: 7, arbitrary: ordinary },
  { weight: 1, arbitrary: fc.tuple(ordinary, fc.uint8Array({ maxLength: 300 })).map(([one, chain]) => ({ ...one, proof: { chain } })) },
);

const coordinate: Arbitrary<Coordinate> = fc.record({ vector: fc.array(float, { maxLength: 8 }), height: float, error: float }, plain);

const vitals: Arbitrary<Vitals> = fc.record({
  incarnation: u32, zoneStart: maybe(position), coordinate: maybe(coordinate), leafsetDigest: u32, storedKib: u32,
}, plain);

const version: Arbitrary<Version> = fc.record({ wallMs: double, counter: u32, writer: text(64) }, plain);
const reference: Arbitrary<Reference> = fc.record({ key: position, host: maybe(contact) }, plain);
const field: Arbitrary<Field> = fc.record({ name: text(64), reference }, plain);
const fields = fc.array(field, { maxLength: 4 });
const contacts = fc.array(contact, { maxLength: 6 });
const gone = fc.array(position, { maxLength: 16 });
const value = fc.uint8Array({ maxLength: 300 });
const signature = fc.uint8Array({ maxLength: 64 });

export const storedObject: Arbitrary<StoredObject> = fc.record({ key: position, version, value, fields, expiresAtMs: double, deleted: fc.boolean() }, plain);
const syncEntry: Arbitrary<SyncEntry> = fc.record({ key: position, version }, plain);
const tableEntry: Arbitrary<TableEntry> = fc.record({ contact, zoneStart: maybe(position), tellerRttMs: u32 }, plain);

const state = fc.record({ numbers: fc.array(double, { maxLength: 6 }), texts: fc.array(text(64), { maxLength: 3 }) }, plain);
const somoNode = fc.record({ high: u32, low: u32 }, plain);
const somoField = fc.record({ id: u32, name: text(64), numbers: fc.array(double, { maxLength: 4 }), texts: fc.array(text(64), { maxLength: 3 }), kept: u32 }, plain);
const somoTally = fc.record({ query: double, matched: u32, states: fc.array(state, { maxLength: 3 }), machines: u32, space: double }, plain);
const somoPartial = fc.record({
  node: somoNode, machines: u32, space: double, ageMs: u32, height: u32, fields: fc.array(somoField, { maxLength: 4 }), tallies: fc.array(somoTally, { maxLength: 2 }),
  same: fc.boolean(), before: double, after: double,
}, plain);
const aggregates = fc.array(fc.record({ op: text(32), field: text(64), parameter: double }, plain), { maxLength: 3 });
const somoStanding = fc.record({ id: double, origin: contact, aggregates, where: text(200), from: double, to: double, leaseMs: u32, topic: text(64) }, plain);

const lagMember = fc.record({ contact, fanout: u32, constraint: double, limit: double, openSlots: u32, hop: double }, plain);
const lagMembers = fc.array(lagMember, { maxLength: 3 });
const lagStep = fc.record({ contact, delay: double, constraint: double, roomFrom: u32, laxer: u32 }, plain);
const lagPath = fc.record({ steps: fc.array(lagStep, { maxLength: 3 }), rooted: fc.boolean(), rootLimit: double, heir: maybe(contact) }, plain);
const lagEntry = fc.record({ contact, delay: double, openSlots: u32, rooted: fc.boolean(), ageMs: u32 }, plain);
const classes = fc.array(u32, { maxLength: 32 });

const digest = fc.uint8Array({ maxLength: 32 });
const feedStamp = fc.record({ epoch: u32, seq: double }, plain);
const feedAttestation = fc.record({ signer: text(64), at: double, signature }, plain);
const feedRecord = fc.record({
  stamp: maybe(feedStamp), hash: digest, size: u32, contentType: text(256), etag: text(1024), lastModified: text(128), fetchedAt: double, askedBefore: double,
  items: fc.uint8Array({ maxLength: 64 }), attestations: fc.array(feedAttestation, { maxLength: 3 }),
}, plain);
const feedPoller = fc.record({ slot: u32, contact }, plain);

function of<T extends MessageType>(type: T, parts: { [K in Exclude<keyof Extract<Message, { type: T }>, 'type'>]: Arbitrary<Extract<Message, { type: T }>[K]> }): Arbitrary<Message> {
  return fc.record({ type: fc.constant(type), ...parts } as unknown as Record<string, Arbitrary<unknown>>, plain) as unknown as Arbitrary<Message>;
}

/** One generator per type; the compiler asks for a new one when a type is added. */
export const messageOf: { readonly [T in MessageType]: Arbitrary<Message> } = {
  heartbeat: of('heartbeat', { vitals, announcement: fc.boolean() }),
  probe: of('probe', { op: u32, vitals, knownDigest: u32, leafset: contacts, failed: fc.array(text(64), { maxLength: 6 }) }),
  probeReply: of('probeReply', { op: u32, vitals, leafset: contacts }),
  leave: of('leave', { leafset: contacts }),
  route: of('route', { op: u32, hop: u32, purpose: u32, key: position, origin: contact, hops: u32, byRing: fc.boolean(), attempt: u32 }),
  hopAck: of('hopAck', { hop: u32 }),
  routeReply: of('routeReply', { op: u32, hops: u32, vitals, leafset: contacts }),
  tableRequest: of('tableRequest', { op: u32, part: u32, vitals, gone, reach: fc.uint8Array({ maxLength: 192 }), rttMs: u32 }),
  tableReply: of('tableReply', { op: u32, vitals, entries: fc.array(tableEntry, { maxLength: 6 }), gone }),
  put: of('put', { op: u32, key: position, value, fields, leaseMs: double, delete: fc.boolean() }),
  setField: of('setField', { op: u32, key: position, field: text(64), reference: maybe(reference), onlyHost: fc.boolean() }),
  writeReply: of('writeReply', { op: u32, status: u32, version: maybe(version), copies: u32 }),
  get: of('get', { op: u32, key: position, local: fc.boolean() }),
  getReply: of('getReply', { op: u32, status: u32, object: maybe(storedObject) }),
  replicate: of('replicate', { op: u32, objects: fc.array(storedObject, { maxLength: 4 }), handOver: fc.boolean() }),
  replicateReply: of('replicateReply', { op: u32, statuses: fc.array(u32, { maxLength: 64 }) }),
  sync: of('sync', { op: u32, from: position, to: position, count: u32, digest: u32 }),
  somoReport: of('somoReport', { op: u32, seq: u32, base: u32, partials: fc.array(somoPartial, { maxLength: 4 }), standing: u32, part: u32 }),
  somoAck: of('somoAck', { op: u32, needFull: fc.boolean(), astray: fc.array(somoNode, { maxLength: 4 }), standing: fc.array(somoStanding, { maxLength: 2 }) }),
  somoBreak: of('somoBreak', { nodes: fc.array(somoNode, { maxLength: 4 }) }),
  somoCall: of('somoCall', { round: u32, seq: u32 }),
  somoDown: of('somoDown', {
    op: u32, id: double, node: somoNode, kind: u32, from: double, to: double, where: text(200), budgetMs: u32, origin: contact, topic: text(64), text: text(300), transform: text(32),
    aggregates, standing: maybe(somoStanding),
  }),
  somoUp: of('somoUp', { op: u32, machines: u32, space: double, matched: u32, visited: u32, ageMs: u32, height: u32, states: fc.array(state, { maxLength: 3 }) }),
  somoNews: of('somoNews', { id: double, machines: u32, space: double, matched: u32, ageMs: u32, height: u32, states: fc.array(state, { maxLength: 3 }) }),
  swapAsk: of('swapAsk', { op: u32, position, otherPosition: position, swapAt: double, signature, leafset: contacts }),
  swapAnswer: of('swapAnswer', { op: u32, signature, leafset: contacts }),
  swapGo: of('swapGo', { op: u32, swapAt: double, signature }),
  swapDone: of('swapDone', { op: u32, moved: fc.boolean() }),
  moved: of('moved', { position, to: contact }),
  lagMeet: of('lagMeet', { op: u32, tree: text(64), link: double, self: lagMember, children: lagMembers, lost: text(64), hop: double, avoided: fc.array(text(64), { maxLength: 3 }) }),
  lagClaim: of('lagClaim', { op: u32, tree: text(64), link: double, self: lagMember, children: lagMembers, plan: double }),
  lagAnswer: of('lagAnswer', {
    op: u32, tree: text(64), link: double, outcome: u32, to: maybe(contact), descends: fc.boolean(), path: maybe(lagPath), stamp: u32, version: u32,
  }),
  lagLock: of('lagLock', {
    op: u32, tree: text(64), plan: double, leave: fc.array(text(64), { maxLength: 3 }), come: fc.array(text(64), { maxLength: 3 }), moves: fc.boolean(), parent: text(64),
    allLeave: fc.boolean(),
  }),
  lagLocked: of('lagLocked', { op: u32, locked: fc.boolean(), children: fc.array(contact, { maxLength: 3 }) }),
  lagUnlock: of('lagUnlock', { tree: text(64), plan: double }),
  lagMove: of('lagMove', { op: u32, tree: text(64), plan: double, to: maybe(contact), by: maybe(contact) }),
  lagRelease: of('lagRelease', { op: u32, tree: text(64), link: double }),
  lagAck: of('lagAck', { op: u32 }),
  lagReport: of('lagReport', {
    op: u32, tree: text(64), link: double, version: u32, same: fc.boolean(), self: maybe(lagMember), children: lagMembers, room: classes, laxer: classes, pathVersion: u32,
  }),
  lagReportReply: of('lagReportReply', { op: u32, held: fc.boolean(), needFull: fc.boolean(), stamp: u32, version: u32, path: maybe(lagPath) }),
  lagWay: of('lagWay', { tree: text(64), link: double, stamp: u32, version: u32, path: lagPath }),
  lagLook: of('lagLook', { op: u32, tree: text(64), delayBelow: double, openSlot: fc.boolean() }),
  lagNamed: of('lagNamed', { op: u32, suits: fc.boolean(), next: maybe(contact) }),
  lagAudit: of('lagAudit', { op: u32, tree: text(64), child: text(64), delay: double }),
  lagList: of('lagList', { op: u32, tree: text(64), shard: u32, pinned: fc.boolean(), entry: lagEntry }),
  lagListed: of('lagListed', { op: u32, taken: fc.boolean(), shards: u32 }),
  lagAsk: of('lagAsk', { op: u32, tree: text(64), shard: u32, pinned: fc.boolean(), delayBelow: double }),
  lagSamples: of('lagSamples', { op: u32, known: fc.boolean(), shards: u32, entries: fc.array(lagEntry, { maxLength: 3 }) }),
  feedRegister: of('feedRegister', {
    op: u32, key: position, maxStalenessMs: double, canPoll: fc.boolean(), floorMs: double, epoch: u32, lead: maybe(contact), slot: u32, lost: fc.boolean(), leaving: fc.boolean(),
    liars: fc.array(text(64), { maxLength: 3 }), signers: fc.array(text(64), { maxLength: 3 }), silent: fc.array(text(64), { maxLength: 3 }), strictestMs: double, subscribers: u32,
  }),
  feedRegistered: of('feedRegistered', {
    op: u32, key: position, known: fc.boolean(), epoch: u32, pollers: fc.array(feedPoller, { maxLength: 3 }), anchorAgeMs: double, strictestMs: double, floorMs: double,
    subscribers: u32, leaseMs: double, samples: fc.array(contact, { maxLength: 3 }), signers: fc.array(text(64), { maxLength: 3 }), banned: fc.array(text(64), { maxLength: 3 }), copy: fc.boolean(),
  }),
  feedHold: of('feedHold', { op: u32, key: position, epoch: u32, any: fc.boolean() }),
  feedHeld: of('feedHeld', { op: u32, holds: fc.boolean(), epoch: u32, signers: fc.array(text(64), { maxLength: 3 }) }),
  feedFound: of('feedFound', { op: u32, key: position, record: feedRecord, base: digest, packed: value, ageMs: double }),
  feedStamped: of('feedStamped', { op: u32, outcome: u32, record: maybe(feedRecord), before: maybe(feedStamp) }),
  feedPush: of('feedPush', { op: u32, key: position, record: feedRecord, base: digest, packed: value, again: fc.boolean() }),
  feedAck: of('feedAck', { op: u32, key: position, hash: digest, outcome: u32, have: maybe(feedStamp) }),
  feedFresh: of('feedFresh', { key: position, stamp: feedStamp, freshAt: double }),
  feedAsk: of('feedAsk', { op: u32, key: position, have: maybe(feedStamp), hash: digest }),
  feedAnswer: of('feedAnswer', { op: u32, serves: fc.boolean(), latest: maybe(feedStamp), freshAt: double, hash: digest }),
  feedPull: of('feedPull', { op: u32, key: position, hash: digest, base: digest, offset: u32 }),
  feedPiece: of('feedPiece', { op: u32, known: fc.boolean(), total: u32, piece: value }),
  feedWitness: of('feedWitness', { key: position, hash: digest, attestation: feedAttestation, other: maybe(feedRecord), stamp: maybe(feedStamp) }),
  feedNews: of('feedNews', { key: position, epoch: u32 }),
  helpAsk: of('helpAsk', { op: u32, session: text(64), priority: u32, degree: u32, rateBps: double, stirAgeMs: u32 }),
  helpAnswer: of('helpAnswer', { op: u32, degree: u32, leaseMs: u32, reason: text(512) }),
  helpRelease: of('helpRelease', { session: text(64), stirAgeMs: u32 }),
  helpLost: of('helpLost', { session: text(64), degree: u32, reason: text(512), stirAgeMs: u32 }),
  castJoin: of('castJoin', { op: u32, session: text(64), degree: u32, coordinate: maybe(coordinate), upBps: double, downBps: double }),
  castOrder: of('castOrder', {
    op: u32, session: text(64), name: text(64), key: position, number: u32, rateBps: double, parent: maybe(contact), ancestors: fc.array(contact, { maxLength: 3 }),
    children: fc.array(fc.record({ peer: text(64), below: u32 }, plain), { maxLength: 3 }), dismissal: text(256), needed: u32,
  }),
  castReport: of('castReport', {
    op: u32, session: text(64), number: u32, started: fc.boolean(), done: fc.boolean(), head: double, latencyMs: float, latencyHighMs: float, parent: text(64), rttMs: float, refilled: u32,
    lost: text(64), why: text(256), slow: text(64), slowBps: double, leaving: text(256), links: u32, broken: text(64), returning: fc.boolean(),
  }),
  castInvite: of('castInvite', { op: u32, session: text(64), name: text(64), key: position }),
  castReply: of('castReply', { op: u32, ok: fc.boolean(), reason: text(256) }),
  castMeasure: of('castMeasure', { op: u32, session: text(64), peers: fc.array(contact, { maxLength: 3 }) }),
  castMeasured: of('castMeasured', { op: u32, rtts: fc.array(float, { maxLength: 16 }) }),
  lagBye: of('lagBye', { tree: text(64), link: double }),
  syncReply: of('syncReply', { op: u32, equal: fc.boolean(), entries: fc.array(syncEntry, { maxLength: 6 }), coveredTo: maybe(position) }),
};

export const message: Arbitrary<Message> = fc.oneof(...Object.values(messageOf));
