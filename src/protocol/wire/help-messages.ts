/**
 * The messages of the market for helpers, as protocol code sees them; the rest are in messages.ts.
 * Their wire form, with every maximum, is proto/grove/v1/messages.proto.
 */
export interface HelpAsk {
  readonly type: 'helpAsk';
  readonly op: number;
  readonly session: string;
  readonly priority: number;
  readonly degree: number;
  readonly rateBps: number;
  readonly stirAgeMs: number;
}

export interface HelpAnswer {
  readonly type: 'helpAnswer';
  readonly op: number;
  readonly degree: number;
  readonly leaseMs: number;
  readonly reason: string;
}

export interface HelpRelease {
  readonly type: 'helpRelease';
  readonly session: string;
  readonly stirAgeMs: number;
}

export interface HelpLost {
  readonly type: 'helpLost';
  readonly session: string;
  readonly degree: number;
  readonly reason: string;
  readonly stirAgeMs: number;
}

/** What the market handles; answers go to whoever asked. */
export type HelpInput = HelpAsk | HelpRelease | HelpLost;
export type HelpMessage = HelpInput | HelpAnswer;
