/**
 * The scenarios of latency-graded trees on simulated peers.
 */
import { lagoverScenarios } from './lagover-scenarios.ts';
import { simulated } from './suite.ts';

simulated('lagover', lagoverScenarios);
