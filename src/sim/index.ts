/**
 * The simulator for users of the package: a world of peers, its network, churn and faults.
 * What is not named here is internal and may change without notice.
 */
export type { Checkpoint } from './fingerprint.ts';
export { firstDifference } from './fingerprint.ts';
export type { MessageCount } from './counters.ts';
export { Counters } from './counters.ts';
export { drawPosition, makeContact } from './contacts.ts';
export type { Bandwidth, LinkOptions, PeerLink, PeerSet } from './link.ts';
export type { LatencyModel } from './latency/latency-model.ts';
export { ConstantLatency, EuclideanLatency } from './latency/latency-model.ts';
export { MemoryStore } from './memory-store.ts';
export type { WorldOptions } from './world.ts';
export { World } from './world.ts';
export type { LookupCounts, RingWorldOptions } from './ring/ring-world.ts';
export { RingWorld } from './ring/ring-world.ts';
export type { RingSimulation, RingSimulationResult } from './ring/run-ring.ts';
export { RING_SIMULATION_DEFAULTS, runRingSimulation } from './ring/run-ring.ts';
export type { RoundsOptions } from './lagover/rounds.ts';
export { LagoverRounds, ROUNDS_DEFAULTS } from './lagover/rounds.ts';
export { latencyByName, readMatrix } from './edge/latency-file.ts';
export type { RttMatrix } from './latency/matrix.ts';
export { MatrixLatency } from './latency/matrix.ts';
export type { TransitStubOptions } from './latency/transit-stub.ts';
export { TRANSIT_STUB_DEFAULTS, TransitStubLatency } from './latency/transit-stub.ts';
export { readTrace } from './edge/trace-file.ts';
export type { Churn, ChurnHandlers, ChurnRates } from './churn.ts';
export { startChurn } from './churn.ts';
export type { ChurnTrace, Session, TraceOptions } from './churn-trace.ts';
export { parseTrace, startTrace } from './churn-trace.ts';
export { exponential } from './exponential.ts';
export type { FaultLimits, FaultPlan, FaultStep, FaultTarget } from './faults.ts';
export { describeFaults, drawFaultPlan, playFaults } from './faults.ts';
export type { Schedule } from './schedule.ts';
