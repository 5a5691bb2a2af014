import { createByteCursor } from './byte-cursor.js'
import { createContainers } from './containers.js'
import { MAX_OPCODES, MAX_PICKLE_BYTES } from './limits.js'
import type { Machine, PickleHost } from './machine.js'
import { describeRefusedOpcode, opcodes } from './opcodes.js'
import { scalarOpcodes } from './scalar-opcodes.js'
import { createPickleStack } from './stack.js'
import { structureOpcodes } from './structure-opcodes.js'
import type { PickleValue } from './values.js'

export interface PickleSource {
  readonly bytes: Uint8Array
  /** Where the pickle begins; it ends with its STOP. */
  readonly start: number
  /** Whether the file goes on after `bytes`, which then have {@link MAX_PICKLE_BYTES}. */
  readonly isCut: boolean
}

/**
 * Interprets one pickle. Nothing is executed: names are looked up in the closed table of the host, calls are functions
 * of this package. Every opcode, name, depth and size is checked before it takes effect.
 *
 * @returns the value and the position after STOP
 */
export function runPickle(
  { bytes, start, isCut }: PickleSource,
  host: PickleHost,
): { readonly value: PickleValue; readonly end: number } {
  const { refuse, budget } = host
  const cursor = createByteCursor(bytes, start, refuse, () =>
    isCut
      ? refuse('PICKLE_LIMIT', `the pickle has more than ${MAX_PICKLE_BYTES} bytes`)
      : refuse('PICKLE_TRUNCATED', 'the pickle ends before its STOP'),
  )
  const stack = createPickleStack(refuse, budget)
  const machine: Machine = { ...host, cursor, stack, containers: createContainers(refuse, budget) }

  for (let steps = 0; steps < MAX_OPCODES; steps++) {
    const opcode = cursor.byte()
    if (opcode === opcodes.STOP) return { value: stack.result(), end: cursor.position }
    const structure = structureOpcodes.get(opcode)
    const scalar = scalarOpcodes.get(opcode)
    if (structure) structure(machine)
    else if (scalar) stack.push(scalar(machine))
    else {
      const where = `at byte ${cursor.position - 1} of the pickle`
      const problem = `${describeRefusedOpcode(opcode)} ${where} is refused; nothing was executed`
      return refuse('PICKLE_OPCODE_REFUSED', problem)
    }
  }
  return refuse('PICKLE_LIMIT', `the pickle has more than ${MAX_OPCODES} opcodes`)
}
