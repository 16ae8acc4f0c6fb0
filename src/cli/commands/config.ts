/**
 * `grove config check`: whether the configuration file can be used, before a peer is started with it; every fault at once,
 * each with its line. Exit code 1 when there is one.
 */
import { existsSync } from 'node:fs';
import type { Command } from 'commander';
import type { PeerOptions } from '../command.ts';
import { withExamples, withJson } from '../command.ts';
import { printJson, printLine } from '../output.ts';
import { shown } from '../text.ts';

export function defineConfig(program: Command): void {
  const config = program.command('config').description('Looks at the configuration file.');
  withExamples(config, ['config check']);
  const command = config.command('check').description('Says whether the configuration can be used, and what is wrong with it.').argument('[file]', 'the file (default: config.toml in the XDG configuration directory)');
  withExamples(withJson(command), ['config check', 'config check ./config.toml --json']);
  command.action(async (given: string | undefined, options: PeerOptions) => {
    const { checkConfig, configFile, readConfig, readConfigFile } = await import('../config.ts');
    const file = given ?? configFile();
    if (given === undefined && !existsSync(file)) {
      if (options.json === true) return printJson({ file, exists: false, faults: [] });
      return printLine(`There is no ${file}, and none is needed: every key in it is a flag of \`grove up\`.`);
    }
    const { faults } = checkConfig(readConfigFile(file));
    if (faults.length === 0) readConfig(file);
    if (faults.length > 0) process.exitCode = 1;
    if (options.json === true) return printJson({ file, exists: true, faults: faults.map(({ line = null, says }) => ({ line, says })) });
    for (const { line, says } of faults) printLine(`${file}${line === undefined ? '' : `:${line}`}: ${shown(says, 400)}`);
    if (faults.length === 0) printLine(`${file} can be used.`);
  });
}
