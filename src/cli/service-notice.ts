/**
 * What a service manager is told: that this peer is ready, that it is alive, and that it is stopping (sd_notify).
 *
 * systemd listens on a datagram socket in the file system, which Node cannot open, so its own little program says it, at the start, at
 * the end and twice a watchdog's time. A process whose event loop hangs does not get to that, and is started again.
 * Without a service manager nothing happens here.
 */
import { execFile } from 'node:child_process';

const TIMEOUT_MS = 5_000;

export interface ServiceNotice {
  ready(): void;
  stopping(): void;
}

export function serviceNotice(environment: NodeJS.ProcessEnv = process.env): ServiceNotice {
  if ((environment['NOTIFY_SOCKET'] ?? '') === '') return { ready: () => undefined, stopping: () => undefined };
  const say = (...words: readonly string[]): void => {
    execFile('systemd-notify', words, { env: environment, timeout: TIMEOUT_MS }, (error) => {
      if (error !== null) process.stderr.write(`grove: systemd could not be told ${words.join(' ')}: ${error.message.trim()}\n`);
    });
  };
  let alive: NodeJS.Timeout | undefined;
  return {
    ready: () => {
      say('READY=1', `MAINPID=${process.pid}`);
      const watchdogMs = Number(environment['WATCHDOG_USEC'] ?? 0) / 1_000;
      if (watchdogMs > 0) alive = setInterval(() => say('WATCHDOG=1'), watchdogMs / 2);
      alive?.unref();
    },
    stopping: () => {
      clearInterval(alive);
      say('STOPPING=1');
    },
  };
}
