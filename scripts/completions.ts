/**
 * `zeo completions`: has a shell complete commands, options and file names.
 *
 * @module
 */

import { type Command, EVERYWHERE, type Option, UsageError } from "./command.ts";

/** The command. @param commands What there is to complete. */
export function completions(commands: () => readonly Command[]): Command {
  return {
    name: "completions",
    summary: "Prints what has a shell complete zeo's commands and options",
    operands: "bash|zsh|fish",
    operandCount: [1, 1],
    options: [],
    details: "",
    example: `echo 'source <(zeo completions bash)' >> ~/.bashrc
echo 'source <(zeo completions zsh)' >> ~/.zshrc
zeo completions fish > ~/.config/fish/completions/zeo.fish`,
    run({ operands: [shell], output, json }) {
      if (!Object.hasOwn(SHELLS, shell)) {
        throw new UsageError(
          `completions ${JSON.stringify(shell)}: expected ${Object.keys(SHELLS).join(", ")}`,
        );
      }
      const script = SHELLS[shell](commands());
      if (json) output.json({ shell, script });
      else output.line(script);
      return 0;
    },
  };
}

const SHELLS: Readonly<Record<string, (commands: readonly Command[]) => string>> = { bash, zsh, fish };

const optionsOf = (command: Command): readonly Option[] => [...command.options, ...EVERYWHERE];

const flagsOf = (command: Command): string =>
  optionsOf(command).flatMap(({ name, short }) => [`--${name}`, ...short ? [`-${short}`] : []]).join(" ");

function bash(commands: readonly Command[]): string {
  const cases = commands.map((command) =>
    `    ${command.name}) words="${flagsOf(command)}" first="${command.words?.join(" ") ?? ""}" ;;`
  );
  return `_zeo() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words first
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "${
    commands.map(({ name }) => name).join(" ")
  } help --help --version" -- "$current"))
    return
  fi
  case "\${COMP_WORDS[1]}" in
${cases.join("\n")}
    *) words="" first="" ;;
  esac
  if [ "$COMP_CWORD" -eq 2 ] && [ -n "$first" ]; then
    COMPREPLY=($(compgen -W "$first $words" -- "$current"))
    return
  fi
  case "$current" in
    -*) COMPREPLY=($(compgen -W "$words" -- "$current")) ;;
    *) COMPREPLY=($(compgen -f -- "$current")) ;;
  esac
}
complete -o filenames -F _zeo zeo`;
}

function zsh(commands: readonly Command[]): string {
  const quoted = (text: string) => text.replaceAll("'", "'\\''").replaceAll(/[[\]:]/g, "\\$&");
  const names = commands.map(({ name, summary }) => `    '${name}:${quoted(summary)}'`);
  const cases = commands.map((command) => {
    const options = optionsOf(command).flatMap(({ name, short, value, help }) => {
      const argument = value ? `:${value}:_files` : "";
      return [`--${name}`, ...short ? [`-${short}`] : []].map((flag) =>
        `'${flag}[${quoted(help)}]${argument}'`
      );
    });
    const word = command.words ? `'2:what:(${command.words.join(" ")})' ` : "";
    return `    ${command.name}) _arguments ${options.join(" ")} ${word}'*:file:_files' ;;`;
  });
  return `#compdef zeo
_zeo() {
  local -a names
  names=(
${names.join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command names
    return
  fi
  case "$words[2]" in
${cases.join("\n")}
  esac
}
compdef _zeo zeo`;
}

function fish(commands: readonly Command[]): string {
  const quoted = (text: string) => `'${text.replaceAll("\\", "\\\\").replaceAll("'", "\\'")}'`;
  const lines = commands.flatMap((command) => [
    `complete -c zeo -n __fish_use_subcommand -f -a ${command.name} -d ${quoted(command.summary)}`,
    ...(command.words ?? []).map((word) =>
      `complete -c zeo -n '__fish_seen_subcommand_from ${command.name}' -a ${word}`
    ),
    ...optionsOf(command).map(({ name, short, value, help }) =>
      `complete -c zeo -n '__fish_seen_subcommand_from ${command.name}' -l ${name}` +
      `${short ? ` -s ${short}` : ""}${value ? " -r" : ""} -d ${quoted(help)}`
    ),
  ]);
  return lines.join("\n");
}
