/** Consent to help casts of others, from the command line: nobody helps without it, and then within the operator's bounds. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import type { PeerProcess } from './grove.ts';
import { Grove, oneSentence, until } from './grove.ts';

const grove = new Grove();
let asker: PeerProcess;
let helper: PeerProcess;

before(async () => {
  asker = await grove.up('asker', ['--degree', '8', '--report-seconds', '1']);
  helper = await grove.up('helper', ['--join', await grove.invite(asker), '--degree', '6', '--help-casts', '--cast-up', '3mbit', '--cast-gb-month', '1', '--cast-sessions', '2']);
});
after(async () => grove.end());

test('only who consents is found, with what its links and its bounds in bit/s leave for a priority and a rate', async () => {
  // The number is four times the rate in bit/s, plus the priority.
  const helpers = async (rateBps: number): Promise<string> => JSON.stringify(await grove.json('query', `cast_helpers(${4 * rateBps + 2})`, '--data', asker.data));
  await until('the helper is found', async () => (await helpers(0)).includes(helper.ready.peerId));
  for (const [rateBps, degree] of [[0, 6], [1_000_000, 4]] as const) {
    const found = await helpers(rateBps);
    assert.match(found, new RegExp(`"peer":"${helper.ready.peerId}","degree":${degree}`));
    assert.ok(!found.includes(asker.ready.peerId), 'links alone are no consent');
  }
});

test('bounds without consent are refused with one sentence', async () => {
  const { code, stderr } = await grove.run(['up', '--cast-up', '3mbit', '--data', grove.path('none')]);
  assert.equal(code, 2);
  assert.match(oneSentence(stderr), /need --help-casts/);
});
