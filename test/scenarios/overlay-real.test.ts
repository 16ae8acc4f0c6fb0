/**
 * The overlay scenarios on real peers.
 */
import { overlayScenarios } from './overlay-scenarios.ts';
import { real } from './suite.ts';

real('overlay', overlayScenarios);
