/**
 * What a peer keeps between starts: who it is, which pool it is in, and its objects; locked while the peer runs.
 *
 * The lock is the database's own, so it goes with the process however that ends. A peer without a directory (the
 * library's default) keeps all of this in memory and is a new peer next time.
 */
import { closeSync, openSync, rmSync } from 'node:fs';
import type { Store } from '../core/env.ts';
import { GroveError } from '../core/errors.ts';
import type { Identity } from '../host/identity.ts';
import { identityOf, loadIdentity, newPrivateKey } from '../host/identity.ts';
import { SqliteStore } from '../host/sqlite-store.ts';
import type { Pool } from './pool.ts';
import { readPool, replacePool } from './pool-file.ts';
import type { Running } from './state-files.ts';
import { announceRunning, loadToken, makeDirectory, newToken, pathsIn, readRunning } from './state-files.ts';

export interface State {
  /** Undefined for a peer that keeps nothing. */
  readonly directory: string | undefined;
  readonly identity: Identity;
  readonly token: string;
  /** The secret in the addresses of readers elsewhere; made when it is asked for first. */
  readersToken(): string;
  readonly store: SqliteStore;
  readPool(): Pool | undefined;
  /** Another pool's file is kept beside, under the pool's id: its key may exist nowhere else. */
  writePool(pool: Pool): void;
  /** Tells the commands where the API is. */
  announce(running: Running): void;
  close(): void;
}

/** Opens a directory, making it if need be. Throws GroveError 'in-use' or 'state' with what to do about it. */
export function openState(directory: string | undefined): State {
  return directory === undefined ? stateInMemory() : stateOnDisk(directory);
}

function stateOnDisk(directory: string): State {
  const paths = pathsIn(directory);
  makeDirectory(directory);
  const store = openStore(directory, paths.store);
  let announced = false;
  try {
    const identity = loadIdentity(paths.key);
    const token = loadToken(paths.token);
    rmSync(paths.running, { force: true }); // whoever wrote it is dead: we have the lock
    return {
      directory,
      identity,
      token,
      readersToken: () => loadToken(paths.readersToken),
      store,
      readPool: () => readPool(directory),
      writePool: (pool) => replacePool(directory, pool),
      announce: (running) => {
        announceRunning(paths.running, running);
        announced = true;
      },
      close: () => {
        if (announced) rmSync(paths.running, { force: true });
        store.close();
      },
    };
  } catch (error) {
    store.close();
    throw error;
  }
}

function openStore(directory: string, file: string): SqliteStore {
  try {
    closeSync(openSync(file, 'a', 0o600)); // SQLite would make it readable for everybody
  } catch {
    // What is wrong with the directory, the store says in a better sentence.
  }
  try {
    return new SqliteStore(file);
  } catch (error) {
    if (!(error instanceof GroveError) || error.code !== 'in-use') throw error;
    const running = readRunning(directory);
    const who = running === undefined ? 'Another peer' : `Another peer (process ${running.pid})`;
    throw new GroveError('in-use', `${who} runs on ${directory}: stop it first, or give this one a directory of its own with --data.`, { cause: error });
  }
}

function stateInMemory(): State {
  const store = new SqliteStore(':memory:');
  let pool: Pool | undefined;
  const [token, readersToken] = [newToken(), newToken()];
  return {
    directory: undefined,
    identity: identityOf(newPrivateKey()),
    token,
    readersToken: () => readersToken,
    store,
    readPool: () => pool,
    writePool: (written) => {
      pool = written;
    },
    announce: () => undefined,
    close: () => store.close(),
  };
}

/** A part of the store with names of its own: what one pool's peer keeps is never mixed with another pool's. */
export function storeFor(store: Store, prefix: string): Store {
  return {
    read: (name) => store.read(prefix + name),
    write: (name, bytes) => store.write(prefix + name, bytes),
    remove: (name) => store.remove(prefix + name),
    names: (start) => store.names(prefix + start).map((name) => name.slice(prefix.length)),
  };
}
