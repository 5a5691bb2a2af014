import { CommanderError } from 'commander'
import { HfquantError, OutputError } from 'hfquant'
import { interruptedStatus } from '../interrupt.js'
import { printJson } from './print.js'
import type { Terminal } from './terminal.js'

/** The command was called in a way that it does not offer. */
export class UsageError extends HfquantError {
  static override readonly family: string = 'hfquant.usage'
}

/** How a command failed, as it is shown. */
export interface Failure {
  readonly code: string
  readonly message: string
  readonly hint: string | undefined
  readonly stack: string | undefined
  /** 1: failed, 2: wrong usage, 130: interrupted by Ctrl-C, 143: ended by SIGTERM. */
  readonly exitCode: number
}

/** @returns undefined for an "error" of the parser that is none: help or the version was asked for, and shown. */
export function describeFailure(error: unknown, signal: AbortSignal): Failure | undefined {
  const stack = error instanceof Error ? error.stack : undefined
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return undefined
    const shown =
      error.code === 'commander.help' ? 'no command is given' : error.message.replace(/^error: /, '')
    return { code: 'USAGE', message: shown, hint: usageHint(error), stack, exitCode: 2 }
  }
  if (signal.aborted) {
    const message = 'interrupted, no output was left half-written'
    return { code: 'INTERRUPTED', message, hint: undefined, stack, exitCode: interruptedStatus(signal) }
  }
  if (HfquantError.isInstance(error)) {
    const { code, message } = error
    return { code, message, hint: commandHint(error), stack, exitCode: isWrongUsage(error) ? 2 : 1 }
  }
  const message = error instanceof Error ? error.message : String(error)
  const hint = 'This is a fault of hfquant; report it with the output of --verbose.'
  return { code: 'INTERNAL', message, hint, stack, exitCode: 1 }
}

/** One line to standard error; with `json` also the one document that standard output is to hold. */
export function reportFailure(
  { code, message, hint, stack }: Failure,
  {
    json,
    verbose,
    terminal,
  }: { readonly json: boolean; readonly verbose: boolean; readonly terminal: Terminal },
): void {
  const sentence = /[.!?]$/.test(message) ? message : `${message}.`
  const text = hint === undefined ? sentence : `${sentence} ${hint}`
  terminal.line(`${code}: ${text.replace(/\s*\n\s*/g, ' ')}`)
  if (verbose && stack !== undefined) for (const line of stack.split('\n')) terminal.line(line)
  if (json) printJson({ error: { code, message, hint: hint ?? null } })
}

/** What became of a write to standard output. */
export function outputFailure(cause: NodeJS.ErrnoException): OutputError {
  const code = cause.code === 'ENOSPC' ? 'DISK_FULL' : 'OUTPUT_FAILED'
  return new OutputError(code, `cannot write to standard output: ${cause.code ?? cause.message}`, {
    cause,
    hint: 'What was written to it is cut short. Free some space, or send it somewhere else.',
  })
}
const usageHint = ({ code }: CommanderError): string =>
  code === 'commander.unknownOption'
    ? 'Add --help to see what is offered; a text that begins with a dash goes after "--".'
    : 'Add --help to see what is offered.'

/** What the class that a hint names is on the command line. */
const COMMANDS: Readonly<Record<string, string>> = {
  AutoModelForCausalLM: 'generate',
  AutoModel: 'embed',
  AutoModelForSequenceClassification: 'classify',
  AutoModelForTokenClassification: 'entities',
  GLiNER: 'entities',
}

/** The hint of an error; that of a model for another class names the commands for it, where there are some. */
function commandHint({ code, hint }: HfquantError): string | undefined {
  if (code !== 'MODEL_CLASS') return hint
  const commands = hint?.match(/\w+/g)?.flatMap((word) => COMMANDS[word] ?? []) ?? []
  return commands.length === 0
    ? hint
    : `It is a model for ${commands.map((name) => `hfquant ${name}`).join(' or ')}.`
}

const isWrongUsage = (error: HfquantError): boolean =>
  error.code === 'RECIPE_UNKNOWN' || UsageError.isInstance(error)
