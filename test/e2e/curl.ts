/** curl as a reader: what it was answered, with the headers as they came. */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

export async function curl(...args: readonly string[]): Promise<{ readonly status: number; readonly headers: string; readonly body: string }> {
  const { stdout } = await run('curl', ['--silent', '--include', '--max-time', '30', ...args], { maxBuffer: 2 ** 26 });
  const end = stdout.indexOf('\r\n\r\n');
  const headers = stdout.slice(0, end);
  return { status: Number(headers.split(' ')[1]), headers, body: stdout.slice(end + 4) };
}
