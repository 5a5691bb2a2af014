import { HfquantError } from '@hfquant/core'

/** A backend does not do what the contract asks of it. The message says what was seen, and what the contract says. */
export class ContractBreach extends Error {
  override readonly name = 'ContractBreach'

  constructor(
    /** What was seen. */
    readonly problem: string,
    /** What the contract says. */
    readonly contract: string,
    options: { readonly cause?: unknown } = {},
  ) {
    super(`${problem}\n  The contract: ${contract}`, options)
  }
}

/** @throws ContractBreach unless `holds`. */
export function demand(holds: boolean, problem: string | (() => string), contract: string): asserts holds {
  if (!holds) throw new ContractBreach(typeof problem === 'string' ? problem : problem(), contract)
}

/** The result of `work`; an error of it becomes a breach that says what was being done. */
export async function succeeding<Result>(
  doing: string,
  contract: string,
  work: () => Promise<Result>,
): Promise<Result> {
  try {
    return await work()
  } catch (cause) {
    if (cause instanceof ContractBreach) throw cause
    throw new ContractBreach(`${doing} failed: ${describeError(cause)}`, contract, { cause })
  }
}

/** The error of `work`, which has to fail. */
export async function failing(
  doing: string,
  contract: string,
  work: () => Promise<unknown> | unknown,
): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    if (error instanceof ContractBreach) throw error
    return error
  }
  throw new ContractBreach(`${doing} was accepted in silence`, contract)
}

/** An error that a program can tell apart, and that helps whoever reads it. */
export function demandTyped(error: unknown, doing: string): asserts error is HfquantError {
  demand(
    HfquantError.isInstance(error),
    () => `${doing} threw ${describeError(error)}`,
    'every error thrown on purpose is one of the typed classes of @hfquant/core (ConfigError, CheckpointError, …)',
  )
  demand(
    error.code !== '' && error.message !== '',
    () => `${doing} threw a ${error.name} without a code or a message`,
    'an error has a stable code for programs and a message for people',
  )
}

export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const code = (error as { code?: unknown }).code
  return `${error.name}${typeof code === 'string' ? ` ${code}` : ''}: ${error.message}`
}
