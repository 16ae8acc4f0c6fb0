/**
 * `grove config check`: whether the configuration can be used, before a peer is started with it; every fault of every file at once,
 * each with its line. Exit code 1 when there is one.
 */
import type { Command } from 'commander';
import type { PeerOptions } from '../command.ts';
import { withExamples, withJson } from '../command.ts';
import { printJson, printLine } from '../output.ts';
import { shown } from '../text.ts';

export function defineConfig(program: Command): void {
  const config = program.command('config').description('Looks at the configuration file.');
  withExamples(config, ['config check']);
  const command = config.command('check').description('Says whether the configuration can be used, and what is wrong with it.').argument('[file]', 'one file (default: all that would be read)');
  withExamples(withJson(command), ['config check', 'config check ./config.toml --json']);
  command.action(async (given: string | undefined, options: PeerOptions) => {
    const { checkConfig, configFile, configFiles, readConfig, readConfigFile } = await import('../config.ts');
    const file = given ?? configFile();
    const files = given === undefined ? configFiles() : [given];
    const faults = files.flatMap((path) => checkConfig(readConfigFile(path)).faults.map(({ line = null, says }) => ({ file: path, line, says })));
    if (faults.length === 0) for (const path of files) readConfig(path);
    if (faults.length > 0) process.exitCode = 1;
    if (options.json === true) return printJson({ file, exists: files.length > 0, files, faults });
    if (files.length === 0) return printLine(`There is no ${file}, and none is needed: every key in it is a flag of \`grove up\`.`);
    for (const { file: path, line, says } of faults) printLine(`${path}${line === null ? '' : `:${line}`}: ${shown(says, 400)}`);
    for (const path of files.filter((one) => faults.every((fault) => fault.file !== one))) printLine(`${path} can be used.`);
  });
}
