/**
 * The scenarios of multicast sessions on real peers; the one about a reader that never reads waits long for a window to fill, and is simulated only.
 */
import { castScenarios } from './cast-scenarios.ts';
import { real } from './suite.ts';

real('cast', castScenarios.filter(({ name }) => !name.startsWith('a reader')));
