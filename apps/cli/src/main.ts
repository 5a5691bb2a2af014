import { channel } from 'node:diagnostics_channel'
import { calibratedRecipeNames, conversionTargets, INFO_CHANNEL, type InfoEvent, recipeNames } from 'hfquant'
import { listenForInterrupts } from './interrupt.js'
import { surviveClosedStreams } from './output/closed-streams.js'
import { describeFailure, reportFailure } from './output/failure.js'
import { createTerminal } from './output/terminal.js'
import { createProgram } from './program.js'

const signal = listenForInterrupts()
const terminal = createTerminal(process.stderr)
const argv = process.argv.slice(2)
const verbose = argv.includes('--verbose')
surviveClosedStreams(terminal, signal, verbose)

// Node prints warnings with its process id; here they are one plain line, and those of Node itself are noise.
process.removeAllListeners('warning')
process.on('warning', ({ name, message, stack }) => {
  if (name === 'HfquantWarning') terminal.line(`warning: ${message}`)
  else if (verbose) for (const line of (stack ?? message).split('\n')) terminal.line(line)
})

channel(INFO_CHANNEL).subscribe((event) => terminal.line(`info: ${(event as InfoEvent).message}`))

try {
  // Without its backends the command still says what is wrong: see doctor.
  const recipes = await recipeNames().catch(() => [])
  const calibratedRecipes = await calibratedRecipeNames().catch(() => [])
  const conversions = await conversionTargets().catch(() => [])
  const serverOptions = await import('@hfquant/server/options').then(
    ({ SERVER_OPTIONS }) => SERVER_OPTIONS,
    () => undefined,
  )
  await createProgram({
    recipes,
    calibratedRecipes,
    conversions,
    serverOptions,
    terminal,
    signal,
  }).parseAsync(argv, {
    from: 'user',
  })
} catch (error) {
  terminal.clear()
  const failure = describeFailure(error, signal)
  if (failure !== undefined) reportFailure(failure, { json: argv.includes('--json'), verbose, terminal })
  process.exitCode = failure?.exitCode ?? 0
}
