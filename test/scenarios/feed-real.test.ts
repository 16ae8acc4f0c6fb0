/**
 * The scenarios of feeds on real peers.
 */
import { feedScenarios } from './feed-scenarios.ts';
import { real } from './suite.ts';

real('feed', feedScenarios);
