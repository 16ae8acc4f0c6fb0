/**
 * `grove cast`: one stream to many. `open` sends its standard input to all members of a session, `join` writes the stream to its
 * standard output. Everything for people goes to stderr: stdout is the stream.
 */
import { writeFileSync } from 'node:fs';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import { GroveError } from '../../core/errors.ts';
import type { CastSummary } from '../../daemon/casts.ts';
import type { CastView, InvitationView } from '../../protocol/alm/session/views.ts';
import { drawCast, printWhy } from '../cast-output.ts';
import { CastFile } from '../cast-reader.ts';
import type { Client } from '../client.ts';
import { findPeer } from '../client.ts';
import type { PeerOptions } from '../command.ts';
import { GROVE, numberWithin, withExamples, withPeer } from '../command.ts';
import { hint, printError, printJson, printLine, printTable } from '../output.ts';
import { shown } from '../text.ts';

interface OpenOptions extends PeerOptions {
  readonly members?: string;
  readonly wait?: number;
  readonly waitSeconds?: number;
  readonly priority?: number;
  readonly rate?: number;
  readonly objective?: string;
  readonly contentType?: string;
  readonly degree?: number;
  readonly messages?: string;
  readonly keyEvery?: number;
  readonly awaySeconds?: number;
}

interface JoinOptions extends PeerOptions {
  readonly from: string;
  readonly degree?: number;
  readonly reconnectSeconds: number;
}

const DEGREE = numberWithin(1, 64, true);
const NAME = 'of the session';
/** Between two looks for members that have vanished. */
const LOOK_MS = 2_000;

export function defineCast(program: Command): void {
  const cast = program.command('cast').description('Sends one stream to many peers through a planned tree.');
  withExamples(cast, ['cast open news --wait 4 < film.mp4', 'cast join news > film.mp4', 'cast why news']);
  defineOpen(cast);
  defineJoin(cast);
  defineList(cast);
  defineWhy(cast);
  defineInvite(cast);
}

function defineOpen(cast: Command): void {
  const command = cast.command('open').description('Opens a session and sends standard input to its members, until its end.').argument('<name>', NAME)
    .option('--members <peers>', 'invite these, by name or peer ID with commas, and wait for them; nobody else may join but who is invited later')
    .option('--wait <n>', 'begin when so many members are served (default: those of --members, or 1)', numberWithin(0, 512, true))
    .option('--wait-seconds <s>', 'begin after so long with those that there are', numberWithin(0, 86_400, false), 60)
    .option('--priority <n>', 'from 1, the highest, to 3: where sessions want the same helpers', numberWithin(1, 3, true), 1)
    .option('--rate <rate>', 'what the stream keeps to, and members have to keep up with: 500kbit, 2mbit', bitsPerSecond)
    .addOption(new Option('--objective <what>', 'what the tree is planned for').choices(['height', 'bottleneck', 'variance']).default('height'))
    .option('--content-type <type>', 'told to players that read the local URL')
    .addOption(new Option('--messages <how>', 'the input is messages: lines, or each after its length in 4 bytes, highest first; nobody begins within one').choices(['lines', 'sized']))
    .option('--key-every <n>', 'one message of so many is a key point, where --from key begins', numberWithin(1, 1e9, true))
    .option('--away-seconds <s>', 'a member whose peer died may come back for the rest for so long; without --rate the source waits for it, with it the latest is kept', numberWithin(0, 600, false), 30)
    .option('--degree <n>', 'members that this peer serves itself at most', DEGREE);
  withExamples(withPeer(command), ['cast open news --wait 4 < film.mp4', 'cast open live --rate 2mbit --wait 0 --content-type video/mp2t', 'cast open log --messages lines --wait 0 < /var/log/syslog']);
  command.action(async (name: string, options: OpenOptions) => {
    const peer = findPeer(options);
    const path = `casts/${encodeURIComponent(name)}`;
    const { priority, rate, objective, contentType, degree, messages, keyEvery, waitSeconds = 60, awaySeconds = 30 } = options;
    const wish = { priority, objective, rateBps: rate, contentType, degree, messages, keyEvery, awayMs: awaySeconds * 1_000, invitedOnly: options.members !== undefined };
    const { url } = await peer.json<CastView & { readonly url: string | null }>('PUT', path, wish);
    hint(`The session ${shown(name)} is open. Others join it with \`grove cast join ${shown(name)}\`; players here read ${url ?? 'no URL'}.`);
    const invited = options.members === undefined ? 0 : await invite(peer, path, options.members);
    if (invited === 0 && options.members !== undefined) {
      await peer.json('DELETE', path);
      throw new GroveError('not-found', 'None of the peers of --members could be invited, so the session is closed again.');
    }
    const members = options.wait ?? Math.max(1, invited);
    if (members > 0) hint(`It begins when ${members === 1 ? 'a member is' : `${members} members are`} served, or after ${waitSeconds} s with those that there are.`);
    const summary = await sent(peer, path, name, `members=${members}&waitMs=${waitSeconds * 1_000}`);
    if (summary.finished.length === 0 && summary.gone.length > 0) process.exitCode = 1;
    if (options.json === true) return printJson(summary);
    const { finished, gone, bytes } = summary;
    process.stderr.write(`${finished.length === 1 ? '1 member has' : `${finished.length} members have`} all ${bytes} bytes.\n`);
    for (const { name: lost, why } of gone) printError(`${shown(lost)} did not get all of it: ${why}.`);
  });
}

/** Standard input, to its end and until everybody has it; says meanwhile who has vanished. */
async function sent(peer: Client, path: string, name: string, query: string): Promise<CastSummary> {
  const told = new Set<string>();
  const look = async (): Promise<void> => {
    const { awaited } = await peer.json<CastView>('GET', path);
    for (const { peerId, name: away, forMs } of awaited.filter((one) => !told.has(one.peerId))) {
      told.add(peerId);
      process.stderr.write(`${shown(away)} has vanished; what it misses is kept for ${Math.ceil(forMs / 1_000)} s more, in case it comes back.\n`);
    }
  };
  const looking = setInterval(() => void look().catch(() => undefined), LOOK_MS);
  try {
    return await peer.upload<CastSummary>(`${path}/data?${query}`, process.stdin);
  } catch (error) {
    if (!(error instanceof GroveError) || error.code !== 'unreachable') throw error;
    throw new GroveError('unreachable', `The peer here broke off, and the session ${JSON.stringify(name)} has ended with it, because it was the root: members keep what they have. Start it again, and open the session again from the beginning.`, { cause: error });
  } finally {
    clearInterval(looking);
  }
}

/** Asks each of these peers once; how many could be asked. */
async function invite(peer: Client, path: string, members: string): Promise<number> {
  const names = new Set(members.split(',').map((one) => one.trim()).filter((one) => one !== ''));
  let invited = 0;
  for (const one of names) {
    try {
      await peer.json('POST', `${path}/invite`, { peer: one });
      invited++;
    } catch (error) {
      printError(error instanceof Error ? error.message : String(error));
    }
  }
  return invited;
}

function defineJoin(cast: Command): void {
  const command = cast.command('join').description('Becomes a member of a session and writes its stream to standard output.').argument('<name>', NAME)
    .addOption(new Option('--from <where>', 'where to begin: what comes now, the latest key point, or the oldest there is').choices(['now', 'key', 'start']).default('now'))
    .option('--degree <n>', 'links that this peer offers, the one to its parent included', DEGREE)
    .option('--reconnect-seconds <s>', 'when the peer here dies or is stopped, wait so long for it and go on where it was', numberWithin(0, 86_400, false), 60);
  withExamples(withPeer(command), ['cast join news > film.mp4', 'cast join live | ffplay -']);
  command.action(async (name: string, options: JoinOptions) => {
    const { from, degree, reconnectSeconds, data } = options;
    const startedBy = `${GROVE} up${data === undefined ? '' : ` --data ${data}`}`;
    await new CastFile({ name, from, degree, reconnectMs: reconnectSeconds * 1_000, startedBy, peer: () => findPeer(options), say: (line) => process.stderr.write(`${line}\n`) }, process.stdout).write();
  });
}

function defineList(cast: Command): void {
  const command = cast.command('list').description('Lists the sessions that this peer takes part in, and its invitations.');
  withExamples(withPeer(command), ['cast list']);
  command.action(async (options: PeerOptions) => {
    const list = await findPeer(options).json<{ readonly casts: readonly CastView[]; readonly invitations: readonly InvitationView[] }>('GET', 'casts');
    if (options.json === true) return printJson(list);
    if (list.casts.length > 0) {
      const rows = list.casts.map(({ name, role, root, children, bytes, latencyMs }) => [shown(name), role, shown(root.name), children.length, bytes, `${Math.round(latencyMs * 10) / 10} ms`]);
      printTable(['session', 'role', 'root', 'children', 'bytes', 'latency'], rows);
    }
    for (const { name, from } of list.invitations) printLine(`${shown(from.name)} invites to ${shown(name)}: \`grove cast join ${shown(name)}\``);
    if (list.casts.length + list.invitations.length === 0) printLine('No sessions and no invitations.');
  });
}

function defineWhy(cast: Command): void {
  const command = cast.command('why').description('Shows the tree of a session: heights, who helps, and what that gains.').argument('<name>', NAME)
    .option('--svg <file>', 'draw it into this file as well');
  withExamples(withPeer(command), ['cast why news', 'cast why news --svg tree.svg']);
  command.action(async (name: string, options: PeerOptions & { readonly svg?: string }) => {
    const view = await findPeer(options).json<CastView>('GET', `casts/${encodeURIComponent(name)}`);
    if (options.svg !== undefined) writeFileSync(options.svg, drawCast(view));
    if (options.json === true) printJson(view);
    else printWhy(view);
  });
}

function defineInvite(cast: Command): void {
  const command = cast.command('invite').description('Asks a peer to join a session.').argument('<name>', NAME).argument('<peer>', 'its name or peer ID');
  withExamples(withPeer(command), ['cast invite news kitchen']);
  command.action(async (name: string, who: string, options: PeerOptions) => {
    const invited = await findPeer(options).json<{ readonly peerId: string; readonly name: string }>('POST', `casts/${encodeURIComponent(name)}/invite`, { peer: who });
    if (options.json === true) printJson(invited);
    else printLine(`${shown(invited.name)} is invited.`);
  });
}

function bitsPerSecond(text: string): number {
  const [, value, unit = ''] = /^(\d+(?:\.\d+)?)(k|m|g)?(?:bit|bps)?$/i.exec(text.trim()) ?? [];
  if (value === undefined || Number(value) <= 0) throw new InvalidArgumentError('It must be a rate like 500kbit, 2mbit or 1gbit.');
  return Number(value) * ({ k: 1e3, m: 1e6, g: 1e9 }[unit.toLowerCase()] ?? 1);
}
