import { KernelArgumentError } from './errors.js'
import type { KernelDefinition, KernelParams, ParamReader } from './kernel.js'
import { FLOAT_DTYPES, type FloatDtype } from './reference/float-formats.js'

/** Parses the parameters of a call and compares the byte lengths with them, before anything is read or allocated. */
export function checkCall<P>(
  kernel: KernelDefinition<P>,
  params: KernelParams,
  inputLengths: readonly number[],
  outputLengths: readonly number[],
): P {
  const parsed = kernel.parse(paramReader(kernel.name, params))
  const sizes = kernel.sizes(parsed, inputLengths)
  checkLengths(kernel.name, 'input', inputLengths, sizes.inputs, sizes.optionalInputs ?? 0)
  checkLengths(kernel.name, 'output', outputLengths, sizes.outputs, sizes.optionalOutputs ?? 0)
  return parsed
}

function checkLengths(
  kernel: string,
  side: string,
  found: readonly number[],
  expected: readonly number[],
  optional: number,
): void {
  if (found.length > expected.length || found.length < expected.length - optional) {
    const least = expected.length - optional
    const wanted = optional === 0 ? `${least}` : `${least} to ${expected.length}`
    throw new KernelArgumentError(kernel, `the number of ${side}s`, found.length, wanted)
  }
  for (const [i, length] of found.entries()) {
    if (length !== expected[i])
      throw new KernelArgumentError(kernel, `the byte length of ${side} ${i}`, length, `${expected[i]}`)
  }
}

function paramReader(kernel: string, params: KernelParams): ParamReader {
  const fail = (name: string, expected: string): never => {
    throw new KernelArgumentError(kernel, `parameter "${name}"`, params[name], expected)
  }
  const choice = <T extends string>(name: string, choices: readonly T[]): T =>
    choices.find((known) => known === params[name]) ?? fail(name, `one of ${choices.join(', ')}`)
  const dtype = (name: string): FloatDtype => choice(name, FLOAT_DTYPES)
  return {
    count(name, minimum = 0, maximum = Number.MAX_SAFE_INTEGER) {
      const value = params[name]
      if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum && value <= maximum)
        return value
      const upper = maximum === Number.MAX_SAFE_INTEGER ? 'or more' : `to ${maximum}`
      return fail(name, `a whole number, ${minimum} ${upper}`)
    },
    dtype,
    optionalDtype: (name) => (params[name] === undefined ? undefined : dtype(name)),
    choice,
    number(name) {
      const value = params[name]
      return typeof value === 'number' && Number.isFinite(value) ? value : fail(name, 'a finite number')
    },
    flag(name) {
      const value = params[name]
      return typeof value === 'boolean' ? value : fail(name, 'true or false')
    },
  }
}
