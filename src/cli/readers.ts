/**
 * Feed readers that refuse local addresses by default, and the exact line that lets them read from Grove (ecosystem 3.1).
 * What is known of each is one entry; finding them is commands/doctor.ts.
 */

export interface ReaderAdvice {
  /** What it is called. */
  readonly name: string;
  /** In an answer of its web server, or in the name of a process or an image. */
  readonly sign: RegExp;
  /** Lines to set, for a peer whose API is at `host:port`. Empty when there is nothing to set. */
  readonly lines: (address: string) => readonly string[];
  readonly says: string;
}

export const READERS: readonly ReaderAdvice[] = [
  {
    name: 'Miniflux',
    sign: /miniflux/i,
    lines: () => ['FETCHER_ALLOW_PRIVATE_NETWORKS=1'],
    says: 'Miniflux from 2.3 on refuses feeds on loopback. Set this in its environment or in miniflux.conf and restart it. It asks each feed once an hour at most often by default: start this peer with --miniflux URL --miniflux-token-file FILE, and it asks when there is news.',
  },
  {
    name: 'FreshRSS',
    sign: /freshrss/i,
    lines: (address) => [`INTERNAL_HOST_ALLOWLIST=${address}`],
    says: "FreshRSS from 1.30 on refuses feeds on internal hosts. Set this in its environment (name:port or CIDR; on a tailnet 100.64.0.0/10). For pushes (WebSub) its base_url must not look local: a service name or a LAN name does, 'localhost' does not.",
  },
  {
    name: 'Tiny Tiny RSS',
    sign: /tiny tiny rss|tt-rss|ttrss/i,
    lines: () => [],
    says: 'tt-rss from 2026.08 on refuses loopback and has no list of exceptions (tt-rss issue 436). An address of this machine in your network may do: start this peer with --readers HOST:PORT and import the list that `grove export --elsewhere` writes.',
  },
  {
    name: 'CommaFeed',
    sign: /commafeed/i,
    lines: () => ['COMMAFEED_HTTP_CLIENT_BLOCK_LOCAL_ADDRESSES=false'],
    says: 'CommaFeed refuses hosts on this machine ("Host not allowed"). Set this in its environment.',
  },
];

/** A reader in a container has a loopback of its own. */
export const DOCKER_LINES = [
  'grove up --readers 172.17.0.1:4782      (the address of docker0; `grove export --elsewhere` lists the URLs)',
  'docker run --network host ...      (instead; in a compose file: network_mode: host)',
];
export const DOCKER_SAYS = 'Inside a container 127.0.0.1 is the container itself. Serve feeds on the bridge, under addresses with a secret in them, or let the reader share the network of this machine. packaging/docker has both as containers side by side.';
