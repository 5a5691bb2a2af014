import { describeFailure, outputFailure, reportFailure } from './failure.js'
import type { Terminal } from './terminal.js'

/** What happens when the reader of a stream leaves, or its disk is full: an 'error' that nobody listens to ends a process. */
export function surviveClosedStreams(terminal: Terminal, signal: AbortSignal, verbose: boolean): void {
  // A log that nobody reads any more is no reason to give up what is being written.
  process.stderr.on('error', () => {})
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    // The reader of a pipe may have seen enough: `hfquant generate … | head -1`.
    if (error.code === 'EPIPE') process.exit(0)
    terminal.clear()
    const failure = describeFailure(outputFailure(error), signal)
    if (failure !== undefined) reportFailure(failure, { json: false, verbose, terminal })
    process.exit(failure?.exitCode ?? 1)
  })
}
