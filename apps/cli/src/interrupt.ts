import { constants } from 'node:os'

type InterruptName = 'SIGINT' | 'SIGTERM'

/** Why a command was told to end: Ctrl-C (SIGINT), or a supervisor (SIGTERM). */
class Interruption extends Error {
  override readonly name = 'AbortError'
  /** 128 and the number of the signal, as a shell reports it: 130 or 143. */
  readonly exitCode: number

  constructor(signal: InterruptName) {
    super(`interrupted by ${signal}`)
    this.exitCode = 128 + constants.signals[signal]
  }
}

/** Aborted by the first Ctrl-C or SIGTERM. The second one ends the process: whoever asks twice does not want to wait. */
export function listenForInterrupts(): AbortSignal {
  const interrupt = new AbortController()
  for (const name of ['SIGINT', 'SIGTERM'] as const) {
    process.on(name, () => {
      const interruption = new Interruption(name)
      if (interrupt.signal.aborted) process.exit(interruption.exitCode)
      interrupt.abort(interruption)
    })
  }
  return interrupt.signal
}

/** The exit status of a command that `signal` ended. */
export const interruptedStatus = ({ reason }: AbortSignal): number =>
  reason instanceof Interruption ? reason.exitCode : 128 + constants.signals.SIGINT
