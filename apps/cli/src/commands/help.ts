import type { Command } from 'commander'

/** `help generate` is what `generate --help` is, to any depth; the parser's own knows one level. */
export function addHelp(program: Command): void {
  program
    .command('help')
    .description('Show the help of a command.')
    .argument('[command...]', 'the command, such as "generate" or "cache prune"')
    .addHelpText('after', '\nExamples:\n  $ hfquant help generate')
    .action(async (names: readonly string[]) => {
      let command = program
      for (const name of names) {
        const found = command.commands.find((one) => one.name() === name)
        // The parser says what is wrong with an unknown name, and which one is like it.
        if (found === undefined) await command.parseAsync([name], { from: 'user' })
        command = found ?? command
      }
      command.outputHelp()
    })
}
