import { type ErrorOptions, HfquantError } from '@hfquant/core/errors'

/** An error on its way between threads, where classes do not survive. */
export interface ErrorRecord {
  readonly message: string
  /** What makes it an error of hfquant; undefined for any other. */
  readonly typed?: ErrorOptions & {
    readonly family: string
    readonly name: string
    readonly code: string
  }
}

/** Worker side: any thrown value as plain data. */
export function toErrorRecord(thrown: unknown): ErrorRecord {
  if (!HfquantError.isInstance(thrown)) {
    return { message: thrown instanceof Error ? thrown.message : String(thrown) }
  }
  const { family } = thrown.constructor as typeof HfquantError
  const { message, name, code, hint, file, tensor, module, field, found, expected } = thrown
  return { message, typed: { family, name, code, hint, file, tensor, module, field, found, expected } }
}

/** Main side: an error that `isInstance` of its class recognizes; undefined for one that was not of hfquant. */
export function fromErrorRecord({ message, typed }: ErrorRecord): HfquantError | undefined {
  if (typed === undefined) return undefined
  const { family, name, code, ...options } = typed
  class Received extends HfquantError {
    static override readonly family: string = family
  }
  return Object.assign(new Received(code, message, options), { name })
}
