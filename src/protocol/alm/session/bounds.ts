/**
 * Every maximum and every time of sessions, in one place.
 * Reports are cheap and losses are told at once, so the leases can be long.
 */

import { UNREST_PERIODS } from '../market/schedule.ts';

/** Sessions that one peer takes part in, its own included. */
export const SESSIONS_MAX = 16;
/** Invitations that it remembers; the oldest is forgotten first. */
export const INVITATIONS_MAX = 32;
export const MEMBERS_MAX = 512;
export const NAME_BYTES_MAX = 64;
export const REASON_BYTES_MAX = 250;
export const DEGREE_MAX = 64;
/** As many of those above a parent are named as can help with a gap. */
export const ANCESTORS_MAX = 16;

/** The record of a session in the DHT lives so long without its root, which renews it. */
export const RECORD_LEASE_MS = 60_000;
export const RECORD_RENEW_MS = 20_000;

/** Between two reports of a member; one that is not heard of for the lease is gone. */
export const REPORT_MS = 2_000;
export const MEMBER_LEASE_MS = 12_000;
/** For one between two parents everything is kept that it may have missed, for so long at most. */
export const ORPHAN_MS = 20_000;
/** A member that vanished may come back for what it missed: that is kept, and the session does not end, for so long since it was served last (or as long as the source says, up to the maximum), and so often. */
export const AWAY_MS = 30_000;
export const AWAY_MS_MAX = 600_000;
export const ABSENCES_MAX = 3;
/** Of one that somebody found lost. */
export const SUSPECT_LEASE_MS = 4_500;
/** Of questions and orders between members and the root. */
export const ATTEMPTS = 5;

/** Losses and arrivals that come together are planned for together. */
export const GATHER_MS = 20;
/** Between two looks for a better tree. */
export const REPLAN_MS = 10_000;
/** So long after something has changed from outside they are looks for something better; later only for whether something has changed. */
export const UNREST_MS = UNREST_PERIODS * REPLAN_MS;
/** A tree that is higher by such a share than it was, by the same links, is a change from outside. */
export const WORSE = 0.1;
/** Soon after the membership has changed there is an extra one. */
export const REPLAN_SOON_MS = 2_000;
/** Moves that repair the height right after a loss. */
export const REPAIR_MOVES = 2;

/** A peer that somebody found lost serves nobody for so long, and a pair that did not work is not tried again. */
export const DISTRUST_MS = 30_000;
export const BARRED_MS = 60_000;
/** A member that was found slow serves nobody for so long. */
export const SLOW_MS = 120_000;
/** Losses of parents after which a member is let go: its own connection is to blame. */
export const LOSSES_MAX = 8;
export const LOSSES_WITHIN_MS = 30_000;

/** After the end of a stream the root waits for its members for so long without progress. */
export const FINISH_MS = 30_000;
/** A member that leaves serves its children until they have others, for so long at most. */
export const LINGER_MS = 5_000;

/** Of one link: the first question may have to open a connection, and whoever is busy for a moment answers late. As many as fit into `SURVEY_MS`, with pauses between them. */
export const PINGS = 8;
export const PING_MS = 700;
export const PING_GAP_MS = 100;
export const SURVEY_MS = 1_200;
/** The link to a member's parent is measured this often. */
export const EDGE_MS = 30_000;
/** The root waits so long for what one peer measures. */
export const MEASURE_MS = 3_000;
/** Peers that one question is about, and what a peer measures for others at once. */
export const MEASURED_PEERS_MAX = 16;
export const SURVEYS_MAX = 8;
/** A link that was measured is not measured again for so long, which is as old as what is known of the tree; one that gave no answer is barred for longer. */
export const MEASURED_MS = EDGE_MS;
/** Machines that could help, of which it remembers that. */
export const KNOWN_MAX = 2_048;
/** Links of which a root remembers what was measured; the oldest are forgotten first. */
export const MEASURED_MAX = 4_096;
