/**
 * A peer's durable bytes in one SQLite file (node:sqlite, built in).
 *
 * The file is locked for as long as it is open, because two daemons writing as one peer would be worse than one that
 * does not start; the lock goes with the process, however it ends. The write-ahead log with synchronous NORMAL keeps
 * every acknowledged write through a kill -9 of the process (a power cut may lose the last moments, never tear), at
 * 8 us a write instead of 360.
 */
import { mkdirSync } from 'node:fs';
import { dirname } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import type { StatementSync } from 'node:sqlite';
import type { Store } from '../core/env.ts';
import { GroveError } from '../core/errors.ts';

const SQLITE_PERM = 3;
const SQLITE_BUSY = 5;
const SQLITE_LOCKED = 6;
const SQLITE_READONLY = 8;
const SQLITE_CORRUPT = 11;
const SQLITE_FULL = 13;
const SQLITE_CANTOPEN = 14;
const SQLITE_NOTADB = 26;

export class SqliteStore implements Store {
  /** The open database, for layers that keep tables of their own beside the store's. */
  readonly database: DatabaseSync;
  readonly #file: string;
  readonly #read: StatementSync;
  readonly #write: StatementSync;
  readonly #remove: StatementSync;
  readonly #names: StatementSync;

  /** Opens or creates the file. Throws GroveError 'in-use' or 'state'. */
  constructor(file: string) {
    this.#file = file;
    this.database = openDatabase(file);
    this.#read = this.database.prepare('SELECT bytes FROM entries WHERE name = ?');
    this.#write = this.database.prepare('INSERT INTO entries (name, bytes) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET bytes = excluded.bytes');
    this.#remove = this.database.prepare('DELETE FROM entries WHERE name = ?');
    this.#names = this.database.prepare('SELECT name FROM entries WHERE name >= ? ORDER BY name');
  }

  read(name: string): Uint8Array | undefined {
    return this.#attempt(() => {
      const bytes = this.#read.get(name)?.['bytes'];
      return bytes instanceof Uint8Array ? bytes : undefined;
    });
  }

  write(name: string, bytes: Uint8Array): void {
    this.#attempt(() => this.#write.run(name, bytes));
  }

  remove(name: string): void {
    this.#attempt(() => this.#remove.run(name));
  }

  names(prefix: string): string[] {
    return this.#attempt(() => {
      const names: string[] = [];
      for (const row of this.#names.iterate(prefix)) {
        const name = String(row['name']);
        if (!name.startsWith(prefix)) break;
        names.push(name);
      }
      return names.sort(); // SQLite orders by UTF-8 bytes, everything else here by UTF-16 units
    });
  }

  /** Several writes as one: all of them are there after a crash, or none. */
  batch(writes: () => void): void {
    this.#attempt(() => this.database.exec('BEGIN'));
    try {
      writes();
      this.#attempt(() => this.database.exec('COMMIT'));
    } catch (error) {
      if (this.database.isTransaction) this.database.exec('ROLLBACK');
      throw error;
    }
  }

  /** Moves the log into the file and makes sure the disk has it. */
  flush(): void {
    this.#attempt(() => this.database.exec('PRAGMA wal_checkpoint(TRUNCATE)'));
  }

  close(): void {
    if (!this.database.isOpen) return;
    this.flush();
    this.database.close();
  }

  #attempt<T>(action: () => T): T {
    try {
      return action();
    } catch (error) {
      throw toGroveError(this.#file, error);
    }
  }
}

function openDatabase(file: string): DatabaseSync {
  let database: DatabaseSync | undefined;
  try {
    mkdirSync(dirname(file), { recursive: true });
    database = new DatabaseSync(file);
    database.exec('PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL');
    const check = database.prepare('PRAGMA quick_check(1)').get();
    if (check?.['quick_check'] !== 'ok') throw Object.assign(new Error('quick_check failed'), { errcode: SQLITE_CORRUPT });
    // A write at once: it takes the lock now, not at the first write, and shows whether the file can be written.
    database.exec('CREATE TABLE IF NOT EXISTS entries (name TEXT PRIMARY KEY, bytes BLOB NOT NULL) WITHOUT ROWID; PRAGMA user_version = 1');
    return database;
  } catch (error) {
    if (database?.isOpen === true) database.close();
    throw toGroveError(file, error);
  }
}

/** SQLite's primary result code tells what a person can do about it. */
function toGroveError(file: string, error: unknown): GroveError {
  if (error instanceof GroveError) return error;
  const code = (error as { readonly errcode?: number }).errcode;
  switch (code === undefined ? undefined : code & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return new GroveError('in-use', `${file} is in use: another peer runs on this state directory.`, { cause: error });
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return new GroveError('state', `${file} is damaged: restore it from a backup, or move it away to start afresh.`, { cause: error });
    case SQLITE_FULL:
      return new GroveError('state', `${file} cannot grow: the disk is full.`, { cause: error });
    case SQLITE_PERM:
    case SQLITE_READONLY:
    case SQLITE_CANTOPEN:
    default:
      return new GroveError('state', `${file} cannot be opened or written: check the directory, its owner and the free space.`, { cause: error });
  }
}
