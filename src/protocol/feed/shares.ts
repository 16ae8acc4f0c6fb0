/**
 * One upload budget of a peer, split over its feeds: how many children it offers in each tree.
 *
 * A child costs what its feed's versions weigh over time. First every feed gets one slot, the cheapest first, so that as many trees as possible can
 * grow; what is left goes slot by slot to the feeds that have the fewest. What the user said of a feed is kept, and is paid first.
 */

export interface FeedDemand {
  /** Bytes a second that one child costs. */
  readonly bytesPerSecond: number;
  /** What the user wants, whatever it costs; undefined: as the budget allows. */
  readonly fanout: number | undefined;
}

/** Of one feed, unless the user wants more. */
export const SHARE_MAX = 8;

/** Slots for each feed, in the order given. */
export function sharesOf(feeds: readonly FeedDemand[], budgetBytesPerSecond: number): number[] {
  const shares = feeds.map(({ fanout }) => fanout ?? 0);
  let left = budgetBytesPerSecond - feeds.reduce((sum, { fanout, bytesPerSecond }) => sum + (fanout ?? 0) * bytesPerSecond, 0);
  const open = feeds.map((_, place) => place).filter((place) => feeds[place]?.fanout === undefined);
  open.sort((a, b) => (feeds[a] as FeedDemand).bytesPerSecond - (feeds[b] as FeedDemand).bytesPerSecond || a - b);
  for (let round = 0; round < SHARE_MAX; round++) {
    for (const place of open) {
      const { bytesPerSecond } = feeds[place] as FeedDemand;
      // Whoever was left out of a round is too dear for the next one as well.
      if (bytesPerSecond > left || (shares[place] as number) < round) continue;
      left -= bytesPerSecond;
      shares[place] = round + 1;
    }
  }
  return shares;
}
