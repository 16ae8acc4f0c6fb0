/** Numbered pieces of a stream come out as they went in however they are cut, and a ticket leads back to the session it is of. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { GroveError } from '../../../src/core/errors.ts';
import { positionFromLead } from '../../../src/core/position.ts';
import type { NumberedPiece } from '../../../src/daemon/cast-pieces.ts';
import { encodePiece, PieceReader } from '../../../src/daemon/cast-pieces.ts';
import { decodeTicket, encodeTicket } from '../../../src/daemon/cast-ticket.ts';
import type { CastRecord } from '../../../src/protocol/alm/session/record.ts';

const whole = { noNullPrototype: true } as const;
const seq = fc.nat({ max: Number.MAX_SAFE_INTEGER });
const reason = fc.string({ maxLength: 50 });
const piece: fc.Arbitrary<NumberedPiece> = fc.oneof(
  fc.record({ kind: fc.constant('begin' as const), seq }, whole),
  fc.record({ kind: fc.constant('chunk' as const), seq, bytes: fc.uint8Array({ maxLength: 40 }) }, whole),
  fc.record({ kind: fc.constantFrom('end' as const, 'failure' as const), reason }, whole),
);

test('pieces come out whole and in order, however they are cut; what is not whole is kept back', () => {
  fc.assert(fc.property(fc.array(piece, { maxLength: 8 }), fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1 }), fc.nat({ max: 12 }), (pieces, cuts, missing) => {
    const all = Buffer.concat(pieces.flatMap(encodePiece));
    const bytes = all.subarray(0, Math.max(0, all.length - missing));
    const reader = new PieceReader();
    const read: NumberedPiece[] = [];
    for (let at = 0, i = 0; at < bytes.length; at += cuts[i++ % cuts.length] as number) read.push(...reader.read(bytes.subarray(at, at + (cuts[i % cuts.length] as number))));
    const expected = missing === 0 ? pieces : pieces.slice(0, read.length);
    assert.ok(missing === 0 || read.length < pieces.length || pieces.length === 0);
    assert.deepEqual(read.map(plain), expected.map(plain));
  }), { seed: 49 });
});

test('what is no piece is refused', () => {
  assert.throws(() => new PieceReader().read(Buffer.from('HTTP/1.1 200 OK\r\n')), RangeError);
});

test('a ticket names the session, its terms and its root; anything else is refused with a sentence', () => {
  const root = { peerId: 'p', position: positionFromLead(5), addresses: ['/ip4/127.0.0.1/tcp/1'], name: 'a b', incarnation: 7, proof: { chain: Uint8Array.of(1, 2, 255) } };
  const record: CastRecord = { key: positionFromLead(9), session: 's-1', name: 'film', priority: 2, rateBps: 1e6, hasKeys: true, contentType: 'video/mp2t', root };
  assert.deepEqual(decodeTicket(encodeTicket(record)), record);
  const { proof: _proof, ...plainRoot } = root;
  assert.deepEqual(decodeTicket(encodeTicket({ ...record, root: plainRoot })), { ...record, root: plainRoot });
  for (const text of ['', 'x', encodeTicket(record).slice(0, -9), Buffer.from('{"session":"s"}').toString('base64url'), 'A'.repeat(10_000)]) assert.throws(() => decodeTicket(text), GroveError);
});

function plain(one: NumberedPiece): unknown {
  return 'bytes' in one ? { ...one, bytes: [...one.bytes] } : one;
}
