/**
 * What a shell offers to complete: scripts for bash, zsh and fish, made from the commands themselves, so that they name what there
 * is. Each follows the words so far down to a command, and offers its subcommands and options; anything else is a file.
 */
import type { Command } from 'commander';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

interface Place {
  /** Like ` feed add`; empty at the top. */
  readonly path: string;
  readonly offers: readonly { readonly word: string; readonly says: string }[];
}

export function completions(program: Command, shell: Shell): string {
  const places = placesOf(program, '', program.options.flatMap(({ long, description }) => (long ? [{ word: long, says: description }] : [])));
  return shell === 'bash' ? bash(places) : shell === 'zsh' ? zsh(places) : fish(places);
}

function placesOf(command: Command, path: string, common: Place['offers']): Place[] {
  const own = command.options.flatMap(({ long, description }) => (long ? [{ word: long, says: description }] : []));
  const options = [...new Map([...own, ...common, { word: '--help', says: 'show help' }].map((one) => [one.word, one])).values()];
  const commands = command.commands.map((one) => ({ word: one.name(), says: one.summary() || one.description() }));
  return [{ path, offers: [...commands, ...options] }, ...command.commands.flatMap((one) => placesOf(one, `${path} ${one.name()}`, common))];
}

function bash(places: readonly Place[]): string {
  return `# grove: completions for bash. Add to ~/.bashrc:  source <(grove completions bash)
_grove() {
  local at= word words=
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    case "$at $word" in ${patterns(places)}) at="$at $word" ;; esac
  done
  case "$at" in
${cases(places, (words) => `words='${words}'`)}
  esac
  COMPREPLY=($(compgen -W "$words" -- "\${COMP_WORDS[COMP_CWORD]}"))
}
complete -o default -F _grove grove
`;
}

function zsh(places: readonly Place[]): string {
  return `#compdef grove
# grove: completions for zsh. Add to ~/.zshrc, after compinit:  source <(grove completions zsh)
_grove() {
  local at= word
  for word in "\${(@)words[2,CURRENT-1]}"; do
    case "$at $word" in ${patterns(places)}) at="$at $word" ;; esac
  done
  case "$at" in
${cases(places, (words) => `compadd -- ${words}`)}
  esac
  _files
}
compdef _grove grove
`;
}

function fish(places: readonly Place[]): string {
  const lines = places.flatMap(({ path, offers }) => offers.map(({ word, says }) => {
    const what = word.startsWith('--') ? `-l ${word.slice(2)}` : `-f -a ${word}`;
    return `complete -c grove -n '__grove_at "${path}"' ${what} -d '${says.replaceAll(/['\\]/g, '\\$&')}'`;
  }));
  return `# grove: completions for fish. Save as ~/.config/fish/completions/grove.fish
function __grove_at
  set -l at ''
  for word in (commandline -opc)[2..]
    switch "$at $word"
      case ${named(places).map(({ path }) => `'${path}'`).join(' ')}
        set at "$at $word"
    end
  end
  test "$at" = "$argv[1]"
end
${lines.join('\n')}
`;
}

function named(places: readonly Place[]): readonly Place[] {
  return places.filter(({ path }) => path !== '');
}

function patterns(places: readonly Place[]): string {
  return named(places).map(({ path }) => `'${path}'`).join('|');
}

function cases(places: readonly Place[], action: (words: string) => string): string {
  return places.map(({ path, offers }) => `    '${path}') ${action(offers.map(({ word }) => word).join(' '))} ;;`).join('\n');
}
