/**
 * The scenarios of latency-graded trees on real peers.
 */
import { lagoverScenarios } from './lagover-scenarios.ts';
import { real } from './suite.ts';

real('lagover', lagoverScenarios);
