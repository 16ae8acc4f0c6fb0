/**
 * The scenarios of the metadata tree on real peers.
 */
import { real } from './suite.ts';
import { somoScenarios } from './somo-scenarios.ts';

real('somo', somoScenarios);
