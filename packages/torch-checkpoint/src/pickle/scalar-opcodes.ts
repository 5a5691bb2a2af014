import { ITEM_BYTES } from './budget.js'
import { parseInteger } from './byte-cursor.js'
import type { Machine } from './machine.js'
import { opcodes } from './opcodes.js'
import type { Scalar } from './values.js'

/** The opcodes that push a plain value, by code. */
export const scalarOpcodes: ReadonlyMap<number, (machine: Machine) => Scalar> = new Map<
  number,
  (machine: Machine) => Scalar
>([
  [opcodes.NONE, () => null],
  [opcodes.NEWTRUE, () => true],
  [opcodes.NEWFALSE, () => false],
  [opcodes.INT, readInt],
  [opcodes.BININT, ({ cursor }) => cursor.int32()],
  [opcodes.BININT1, ({ cursor }) => cursor.byte()],
  [opcodes.BININT2, ({ cursor }) => cursor.unsigned(2)],
  [opcodes.LONG, ({ cursor, refuse }) => parseInteger(cursor.line().replace(/L$/, ''), refuse)],
  [opcodes.LONG1, ({ cursor }) => cursor.integer(cursor.byte())],
  [opcodes.LONG4, ({ cursor }) => cursor.integer(cursor.unsigned(4))],
  [opcodes.BINFLOAT, ({ cursor }) => cursor.float64()],
  [opcodes.SHORT_BINUNICODE, (machine) => readText(machine, 1)],
  [opcodes.BINUNICODE, (machine) => readText(machine, 4)],
  [opcodes.BINUNICODE8, (machine) => readText(machine, 8)],
  [opcodes.SHORT_BINBYTES, (machine) => readBytes(machine, 1)],
  [opcodes.BINBYTES, (machine) => readBytes(machine, 4)],
])

/** Protocol 0 spells False and True as integers with two digits. */
function readInt({ cursor, refuse }: Machine): Scalar {
  const line = cursor.line()
  return line === '00' ? false : line === '01' ? true : parseInteger(line, refuse)
}

function readText({ cursor, budget }: Machine, lengthBytes: 1 | 4 | 8): string {
  const length = cursor.length(lengthBytes)
  budget.charge(2 * length + ITEM_BYTES)
  return cursor.text(length)
}

function readBytes({ cursor, budget }: Machine, lengthBytes: 1 | 4): Uint8Array {
  const length = cursor.length(lengthBytes)
  // A typed array takes more than its bytes.
  budget.charge(length + 10 * ITEM_BYTES)
  return cursor.bytes(length)
}
