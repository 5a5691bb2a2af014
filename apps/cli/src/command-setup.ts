import type { ServerOption } from '@hfquant/server'
import type { Command } from 'commander'
import type { Terminal } from './output/terminal.js'

/** What every command is given. */
export interface CommandSetup {
  /** The names that `--recipe` accepts. */
  readonly recipes: readonly string[]
  /** Those of them that need calibration data. */
  readonly calibratedRecipes: readonly string[]
  /** The methods that `convert --to` accepts. */
  readonly conversions: readonly string[]
  /** The options of `serve` by name; undefined where the server is not installed. */
  readonly serverOptions: Readonly<Record<string, ServerOption>> | undefined
  readonly terminal: Terminal
  /** Aborted by Ctrl-C and SIGTERM. */
  readonly signal: AbortSignal
}

export const MODEL = 'a model folder, a GGUF file, or the hub id of a model: "organisation/name"'

export interface CommonOptions {
  readonly json?: true
  readonly verbose?: true
}

/** Adds what all commands share: `--json`, `--verbose` and the examples at the end of the help. */
export function withCommonOptions(command: Command, examples: readonly string[]): Command {
  return command
    .option('--json', 'print one JSON document to standard output')
    .option('--verbose', 'print the stack trace of an error')
    .addHelpText('after', ['', 'Examples:', ...examples.map((example) => `  $ ${example}`)].join('\n'))
}
