import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import type { CommandSetup } from './command-setup.js'
import { addCache } from './commands/cache.js'
import { addClassify } from './commands/classify.js'
import { addConvert } from './commands/convert.js'
import { addDoctor } from './commands/doctor.js'
import { addEmbed } from './commands/embed.js'
import { addEntities } from './commands/entities.js'
import { addEval } from './commands/eval.js'
import { addExport } from './commands/export.js'
import { addGenerate } from './commands/generate.js'
import { addHelp } from './commands/help.js'
import { addInspect } from './commands/inspect.js'
import { addQuantize } from './commands/quantize.js'
import { addServe } from './commands/serve.js'

/** In the order of the help. */
const COMMANDS = [
  ...[addQuantize, addConvert, addInspect, addGenerate, addServe, addEntities, addEmbed, addClassify],
  ...[addEval, addExport, addCache, addDoctor, addHelp],
]

/** The whole command line. Parsing throws CommanderError instead of ending the process. */
export function createProgram(setup: CommandSetup): Command {
  const manifest = new URL('../package.json', import.meta.url)
  const { version } = JSON.parse(readFileSync(manifest, 'utf8')) as { version: string }
  const program = new Command('hfquant')
    .description('Quantize, convert, inspect, run, serve and measure Hugging Face models.')
    .version(version)
    .exitOverride()
    // Errors are printed in one place, in one form.
    .configureOutput({ outputError: () => {} })
    .addHelpText('after', '\nhfquant <command> --help shows the options and examples of a command.')
  for (const add of COMMANDS) add(program, setup)
  return program
}
