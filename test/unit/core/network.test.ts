/** Networks of the public internet (ecosystem 4.2): /24 of IPv4 and /48 of IPv6, and addresses that are in none. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Contact } from '../../../src/core/contact.ts';
import { claimedNetworks, LOCAL, networkOf, shareNetwork } from '../../../src/core/network.ts';
import { positionFromLead } from '../../../src/core/position.ts';
import { Networks } from '../../../src/host/networks.ts';

function claiming(...addresses: string[]): Contact {
  return { peerId: 'p', position: positionFromLead(1), addresses, name: '', incarnation: 1 };
}

test('public addresses are in their /24 or /48, however they are written', () => {
  const written: Record<string, string> = {
    '/ip4/8.8.4.200/tcp/4001': '8.8.4.0/24', '/ip4/100.63.0.1/tcp/1': '100.63.0.0/24', '/ip6/2600:1f18:12:34::1/tcp/4001': '2600:1f18:12::/48', '/ip6/2a00::/tcp/1': '2a00:0:0::/48',
    '/ip6/::ffff:8.8.4.1/tcp/1': '8.8.4.0/24', '/ip6/64:ff9b::808:401/tcp/1': '8.8.4.0/24', '/ip6/2002:808:401::5/tcp/1': '8.8.4.0/24',
  };
  for (const [address, network] of Object.entries(written)) assert.equal(networkOf(address), network, address);
});

test('addresses of laboratories and homes are in no public network, and names, relays and nonsense say nothing', () => {
  const local = ['127.0.0.1', '10.1.2.3', '172.31.0.1', '192.168.1.1', '169.254.1.1', '100.64.0.1', '203.0.113.5', '224.0.0.1', '0.0.0.0'].map((host) => `/ip4/${host}/tcp/1`);
  for (const address of [...local, '/ip6/::1/tcp/1', '/ip6/fe80::1/tcp/1', '/ip6/fd00::1/tcp/1', '/ip6/2001:db8::1/tcp/1', '/ip6/::ffff:10.0.0.1/tcp/1']) assert.equal(networkOf(address), LOCAL, address);
  const silent = ['/dns4/example.org/tcp/1', '/ip4/8.8.4.1/tcp/1/p2p/12D3/p2p-circuit', '/ip4/8.8.4/tcp/1', '/ip4/8.8.4.256/tcp/1', '/ip6/1::2::3/tcp/1', '/ip6/12345::/tcp/1', '/ip6/2600:1:2:3:4:5:6:7:8/tcp/1', '', 'x'];
  for (const address of silent) assert.equal(networkOf(address), undefined, address);
  assert.deepEqual(claimedNetworks(claiming(...local, ...silent)), []);
});

test('whoever claims several networks shares each of them', () => {
  const both = claimedNetworks(claiming('/ip4/8.8.4.1/tcp/1', '/ip4/9.9.9.9/tcp/1', '/ip4/8.8.4.2/tcp/1'));
  assert.deepEqual(both, ['8.8.4.0/24', '9.9.9.0/24']);
  assert.ok(shareNetwork(both, ['9.9.9.0/24']) && !shareNetwork(both, ['9.9.8.0/24']) && !shareNetwork([], []));
});

test('peers whose connections come from one network are one witness, and a peer that was never seen is none beside others', () => {
  const networks = new Networks();
  networks.see('a', '/ip4/8.8.4.1/tcp/1');
  networks.see('b', '/ip4/8.8.4.2/tcp/1');
  networks.see('c', '/ip4/9.9.9.9/tcp/1');
  assert.deepEqual([['a', 'b'], ['a', 'c'], ['a', 'b', 'c', 'unseen'], ['unseen', 'unseen too'], []].map((peers) => networks.count(peers, 'self')), [1, 2, 2, 1, 0]);
  // What this peer got from the origin itself needs nobody's word.
  assert.equal(networks.count(['self', 'a', 'b'], 'self'), 2);
  // Through a relay one sees the relay.
  networks.see('unseen', '/ip4/7.7.7.7/tcp/1/p2p/relay/p2p-circuit');
  assert.equal(networks.count(['a', 'unseen'], 'self'), 1);
});

test('in a laboratory every peer counts, and beside the internet those of the home network whose connections were seen', () => {
  const networks = new Networks();
  networks.see('a', '/ip4/127.0.0.1/tcp/1');
  assert.equal(networks.count(['a', 'b', 'unseen'], 'self'), 3);
  networks.see('b', '/ip4/192.168.1.2/tcp/1');
  networks.see('outside', '/ip4/8.8.4.1/tcp/1');
  assert.equal(networks.count(['a', 'b', 'unseen'], 'self'), 2);
});

test('a connection counts more than a claim, and a claim of public networks only where there was none', () => {
  const networks = new Networks();
  const liar = claiming('/ip4/9.9.9.9/tcp/1');
  assert.deepEqual(networks.publicOf(liar), ['9.9.9.0/24']);
  networks.see('p', '/ip4/8.8.4.1/tcp/1');
  assert.deepEqual(networks.publicOf(liar), ['8.8.4.0/24']);
  networks.see('p', '/ip4/10.0.0.1/tcp/1');
  assert.deepEqual(networks.publicOf(liar), []);
});
