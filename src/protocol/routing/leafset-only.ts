/**
 * The base ring of [0043]: no table at all, the leafset goes round in O(N / r) hops.
 * Nothing to keep and nothing to probe: for small pools, and as the yardstick for the other strategies.
 */
import type { TableEntry } from '../wire/messages.ts';
import type { Hop, Strategy } from './strategy.ts';
import { ALL_WELCOME } from './strategy.ts';

export class LeafsetOnly implements Strategy {
  nextHop(): undefined {
    return undefined;
  }

  learn(): void {
    // Far peers are of no use here.
  }

  forget(): void {
    // Nothing was kept.
  }

  readonly size = 0;

  find(): undefined {
    return undefined;
  }

  entries(): Hop[] {
    return [];
  }

  randomEntry(): undefined {
    return undefined;
  }

  nextToAsk(): undefined {
    return undefined;
  }

  nextToTry(): undefined {
    return undefined;
  }

  part(): TableEntry[] {
    return [];
  }

  reach(): Uint8Array {
    return ALL_WELCOME.reach;
  }

  wanted(): undefined {
    return undefined;
  }
}
