/**
 * The scenarios of multicast sessions on real peers.
 */
import { castScenarios } from './cast-scenarios.ts';
import { real } from './suite.ts';

real('cast', castScenarios);
