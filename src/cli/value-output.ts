/**
 * Where a value that was fetched goes: to a file, to standard output byte for byte, or into JSON.
 *
 * A file appears under its name only when it is complete. JSON carries text as text and anything else in base64.
 */
import { createWriteStream, existsSync, renameSync, rmSync, statSync } from 'node:fs';
import { isUtf8 } from 'node:buffer';
import { once } from 'node:events';
import { pipeline } from 'node:stream/promises';
import { GroveError } from '../core/errors.ts';
import type { ValueReply } from './client.ts';

/** Larger values do not belong into one line of JSON. */
const JSON_BYTES_MAX = 128 * 1024 * 1024;
const LINE_FEED = 0x0a;

/** `value` or `valueBase64`, for JSON. */
export async function valueForJson(reply: ValueReply): Promise<{ readonly value: string } | { readonly valueBase64: string }> {
  if (reply.bytes > JSON_BYTES_MAX) {
    reply.stream.destroy();
    throw new GroveError('too-large', `The value has ${reply.bytes} bytes, too many for JSON: write it to a file with --output FILE.`);
  }
  const parts: Buffer[] = [];
  await complete(async () => {
    for await (const part of reply.stream) parts.push(part as Buffer);
  });
  const bytes = Buffer.concat(parts);
  return isUtf8(bytes) ? { value: bytes.toString('utf8') } : { valueBase64: bytes.toString('base64') };
}

/** Byte for byte, except that a terminal gets the end of line that its prompt needs. */
export async function valueToStdout(reply: ValueReply): Promise<void> {
  let last: number | undefined;
  await complete(async () => {
    for await (const part of reply.stream) {
      last = (part as Buffer).at(-1) ?? last;
      if (!process.stdout.write(part as Buffer)) await once(process.stdout, 'drain');
    }
  });
  if (process.stdout.isTTY && last !== LINE_FEED) process.stdout.write('\n');
}

export async function valueToFile(reply: ValueReply, file: string): Promise<void> {
  // What is no ordinary file (a device, a pipe) cannot be replaced by one.
  const isPlain = !existsSync(file) || statSync(file).isFile();
  const target = isPlain ? `${file}.${process.pid}.part` : file;
  try {
    await complete(async () => pipeline(reply.stream, createWriteStream(target)));
    if (isPlain) renameSync(target, file);
  } catch (error) {
    if (isPlain) rmSync(target, { force: true });
    if (error instanceof GroveError) throw error;
    throw new GroveError('state', `${file} cannot be written: check its directory and the free space.`, { cause: error });
  }
}

async function complete(read: () => Promise<void>): Promise<void> {
  try {
    await read();
  } catch (error) {
    const { code, syscall } = error as NodeJS.ErrnoException;
    if (code !== undefined && syscall !== undefined && code !== 'ECONNRESET') throw error; // our own side: disk, pipe
    throw new GroveError('unreachable', 'The value broke off before its end: try again; if that does not help, part of it is lost.', { cause: error });
  }
}
