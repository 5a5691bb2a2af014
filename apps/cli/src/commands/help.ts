import type { Command } from 'commander'
import { UsageError } from '../output/failure.js'

/** `help generate` is what `generate --help` is, to any depth; the parser's own knows one level. */
export function addHelp(program: Command): void {
  program
    // Commands that were added before, such as cache, keep theirs.
    .helpCommand(false)
    .command('help')
    .description('Show the help of a command.')
    .argument('[command...]', 'the command, such as "generate" or "cache prune"')
    .addHelpText('after', '\nExamples:\n  $ hfquant help generate')
    .action(async (names: readonly string[]) => {
      let command = program
      for (const name of names) {
        const found = command.commands.find((one) => one.name() === name)
        if (found === undefined) throw await unknown(command, name)
        command = found
      }
      command.outputHelp()
    })
}

/** @throws CommanderError, which also says what is like the name, unless `command` has no commands: it would run. */
async function unknown(command: Command, name: string): Promise<UsageError> {
  if (command.commands.length > 0) await command.parseAsync([name], { from: 'user' })
  return new UsageError('USAGE', `${command.name()} has no command '${name}'`, {
    hint: 'Run `hfquant help` to see the commands.',
  })
}
