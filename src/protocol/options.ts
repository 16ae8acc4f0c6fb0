/**
 * Every number that shapes the protocol, in one place, as data.
 *
 * Each option says what raising it does. Time-outs that depend on these are computed in the file that uses them, with the
 * formula beside it. A pool's members must agree on the first block (it travels with the invite); the rest is local.
 */

export type StrategyName = 'leafset' | 'chord' | 'pastry' | 'can';
export const STRATEGY_NAMES: readonly StrategyName[] = ['leafset', 'chord', 'pastry', 'can'];

export type SomoMode = 'off' | 'unsynchronised' | 'synchronised';

export interface ProtocolOptions {
  // --- chosen when the pool is created ---
  /** How lookups find their way. */
  readonly strategy: StrategyName;
  /** Dimensions of the `can` strategy, 1..8. */
  readonly dimensions: number;
  /** Peers known on each side of the ring, 1..16. More survive larger simultaneous failures; joins cost 2r probes. */
  readonly leafsetRadius: number;
  /** Copies of each object, the owner's included. More survive more failures and cost that many transfers. */
  readonly replicas: number;
  /** Copies that must exist before a write is acknowledged (fewer when the pool is smaller). */
  readonly copiesToAcknowledge: number;
  /** Peers that ask a feed's origin for all, 1..16. More notice changes sooner and outlive more failures; the origin sees that many clients. */
  readonly pollers: number;

  // --- ring: budget in ARCHITECTURE.md, "what the ring costs" ---
  /** Between heartbeats to the left neighbour. Raising it delays the detection of deaths. */
  readonly heartbeatMs: number;
  /** Beyond `heartbeatMs`, how late a heartbeat may be before its sender is probed. */
  readonly heartbeatGraceMs: number;
  /** Between answered exchanges with one rotating known peer. */
  readonly exchangeMs: number;
  /** Time in which every routing-table entry is probed once. */
  readonly tableProbeMs: number;
  /** Unanswered probes before a suspect is dead. Raising it survives more loss and detects later. */
  readonly probeAttempts: number;
  /** First retransmission time-out towards a peer never measured. */
  readonly initialTimeoutMs: number;
  readonly timeoutMinMs: number;
  readonly timeoutMaxMs: number;
  /** Peers once known and lost that are remembered, to find a ring that was split off again. Oldest forgotten first. */
  readonly rememberedMax: number;
  /** Concurrent probes of candidates; further candidates wait for the next repair. */
  readonly probesMax: number;
  /** A joiner that heard nothing asks again after this. */
  readonly joinRetryMs: number;

  // --- routing ---
  /** A lookup without an answer is sent again after this, over another first hop. */
  readonly lookupRetryMs: number;
  readonly lookupAttempts: number;
  /** Hops after which a route is dropped: guards against loops. */
  readonly hopsMax: number;
  /** Routes a peer holds at once, waiting for an acknowledgement or a verdict; the oldest is dropped first. */
  readonly routesHeldMax: number;
  /** Own operations in progress; further ones are refused. */
  readonly operationsMax: number;

  // --- overlay ---
  /** Bytes this peer stores for the pool; a write beyond it is refused with `quota`. */
  readonly quotaBytes: number;
  /** Between the owner's checks that its replicas hold what it holds. */
  readonly syncMs: number;
  /** A copy that no owner confirmed for this long is offered to the owner, and dropped once the owner has it. */
  readonly unconfirmedMs: number;
  /** How long the trace of a deleted object is kept, so that an old copy cannot revive it. */
  readonly tombstoneMs: number;
  /** Deadline of one put, get, delete or reference operation. */
  readonly operationMs: number;

  // --- the metadata tree ---
  /** `off` sends nothing; otherwise who begins a report: each machine by itself, or the root by a call ([0063]). */
  readonly somo: SomoMode;
  /** Children of a logical node, 2..64; the same for the whole pool. More make the tree lower and a machine's work larger. */
  readonly somoArity: number;
  /** Between two reports of a machine. Raising it costs less and makes everything older. */
  readonly somoPeriodMs: number;
  /** A question or message that goes down the tree is answered within this, with what was heard by then. */
  readonly somoBudgetMs: number;
  /** Between two looks of the root's machine for a more capable one, where machines agree to that. */
  readonly promotionLookMs: number;
  /** How long a machine stays where it is after it has swapped positions. */
  readonly promotionPauseMs: number;

  // --- multicast ---
  /** A lower tree of a session is worth the move from so many milliseconds on, whatever share of its height that is: measuring is off by about as much. */
  readonly castGainMs: number;
}

const minute = 60_000;

export const DEFAULTS: ProtocolOptions = Object.freeze({
  strategy: 'pastry',
  dimensions: 2,
  leafsetRadius: 8,
  replicas: 4,
  copiesToAcknowledge: 2,
  pollers: 3,
  heartbeatMs: 10_000,
  heartbeatGraceMs: 2_500,
  exchangeMs: 24_000,
  tableProbeMs: 450_000,
  probeAttempts: 4,
  initialTimeoutMs: 1_000,
  timeoutMinMs: 50,
  timeoutMaxMs: 3_000,
  rememberedMax: 32,
  probesMax: 64,
  joinRetryMs: 6_000,
  lookupRetryMs: 4_000,
  lookupAttempts: 6,
  hopsMax: 128,
  routesHeldMax: 1_024,
  operationsMax: 10_000,
  quotaBytes: 256 * 1024 * 1024,
  syncMs: 5 * minute,
  unconfirmedMs: 20 * minute,
  tombstoneMs: 24 * 60 * minute,
  operationMs: 30_000,
  somo: 'off',
  somoArity: 8,
  somoPeriodMs: 10_000,
  somoBudgetMs: 8_000,
  promotionLookMs: minute,
  promotionPauseMs: 60 * minute,
  castGainMs: 3,
});

/** The defaults with some options replaced; round-the-ring routing needs as many hops as the ring has arcs. */
export function protocolOptions(overrides: Partial<ProtocolOptions> = {}): ProtocolOptions {
  const hopsMax = overrides.strategy === 'leafset' ? 65_535 : overrides.strategy === 'can' ? 4_096 : DEFAULTS.hopsMax;
  return Object.freeze({ ...DEFAULTS, hopsMax, ...overrides });
}
