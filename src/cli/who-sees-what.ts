/**
 * Who learns what when a machine subscribes to a feed, in plain words: said at the first start, at the first feed and in
 * docs/feeds.md. One text, so that all three say the same.
 */
export const WHO_SEES_WHAT: readonly string[] = [
  'Members of your pool can see the address of this machine and which shared feeds it subscribes to. Nobody outside the pool can.',
  'The site of a feed sees the address of whichever few members ask it, how many in the pool read the feed, and nothing about you if you never ask.',
  'Feeds that look private (a login or token in the URL, your own network) stay on this machine; --scope local keeps any other here, too.',
  'Grove tells nobody else anything: there is no server, no account and no telemetry.',
];
