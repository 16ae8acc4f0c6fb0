/**
 * Time this process has used, for saying how fast the simulator ran.
 * Never for anything that happens inside a run: that would break replay.
 */

/** Seconds of CPU time so far, all threads together: what other programs do on the machine does not count. */
export function cpuSeconds(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1e6;
}
