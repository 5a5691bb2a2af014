import { NODE_BYTES } from './budget.js'
import { parseInteger } from './byte-cursor.js'
import { buildState, createNew, reduce } from './calls.js'
import { createDict } from './containers.js'
import type { Machine } from './machine.js'
import { opcodes } from './opcodes.js'
import type { PickleValue } from './values.js'

type Step = (machine: Machine) => void

/** The highest protocol of Python; its opcodes are recognised and partly refused. */
const MAX_PROTOCOL = 5

/** The opcodes that do not push a plain value, STOP excepted, by code. */
export const structureOpcodes: ReadonlyMap<number, Step> = new Map<number, Step>([
  [opcodes.PROTO, checkProtocol],
  [opcodes.FRAME, checkFrame],
  [opcodes.MARK, ({ stack }) => stack.mark()],
  [opcodes.POP, ({ stack }) => void (stack.isEmpty ? stack.dropMark() : stack.pop())],

  [opcodes.EMPTY_TUPLE, ({ stack, containers }) => stack.push(containers.tuple([]))],
  [opcodes.TUPLE, ({ stack, containers }) => stack.push(containers.tuple(stack.popToMark()))],
  [opcodes.TUPLE1, (machine) => pushTuple(machine, 1)],
  [opcodes.TUPLE2, (machine) => pushTuple(machine, 2)],
  [opcodes.TUPLE3, (machine) => pushTuple(machine, 3)],

  [opcodes.EMPTY_LIST, ({ stack, containers }) => stack.push(containers.list())],
  [opcodes.LIST, pushList],
  [opcodes.APPEND, (machine) => append(machine, [machine.stack.pop()])],
  [opcodes.APPENDS, (machine) => append(machine, machine.stack.popToMark())],

  [opcodes.EMPTY_DICT, ({ stack, budget }) => stack.push(createDict(budget, false))],
  [opcodes.DICT, pushDict],
  [opcodes.SETITEM, setItem],
  [opcodes.SETITEMS, setItems],

  [opcodes.REDUCE, pushReduced],
  [opcodes.NEWOBJ, pushNew],
  [opcodes.BUILD, build],
  [opcodes.BINPERSID, (machine) => machine.stack.push(machine.persistent(machine.stack.pop()))],
  [opcodes.GLOBAL, readGlobal],
  [opcodes.STACK_GLOBAL, takeGlobal],

  [opcodes.PUT, (machine) => machine.stack.memoize(memoIndex(machine))],
  [opcodes.BINPUT, ({ stack, cursor }) => stack.memoize(cursor.byte())],
  [opcodes.LONG_BINPUT, ({ stack, cursor }) => stack.memoize(cursor.unsigned(4))],
  [opcodes.MEMOIZE, ({ stack }) => stack.memoize()],
  [opcodes.GET, (machine) => machine.stack.push(machine.stack.recall(memoIndex(machine)))],
  [opcodes.BINGET, ({ stack, cursor }) => stack.push(stack.recall(cursor.byte()))],
  [opcodes.LONG_BINGET, ({ stack, cursor }) => stack.push(stack.recall(cursor.unsigned(4)))],
])

function checkProtocol({ cursor, refuse }: Machine): void {
  const protocol = cursor.byte()
  if (protocol > MAX_PROTOCOL) refuse('PICKLE_BAD', `pickle protocol ${protocol} does not exist`)
}

function checkFrame({ cursor, refuse }: Machine): void {
  if (cursor.unsigned64() > cursor.remaining) {
    refuse('PICKLE_TRUNCATED', 'a frame passes the end of the pickle')
  }
}

function pushTuple({ stack, containers }: Machine, length: number): void {
  const items = Array.from({ length }, () => stack.pop())
  stack.push(containers.tuple(items.reverse()))
}

function pushList({ stack, containers }: Machine): void {
  const list = containers.list()
  containers.append(list, stack.popToMark())
  stack.push(list)
}

function append({ stack, containers }: Machine, items: readonly PickleValue[]): void {
  containers.append(stack.top(), items)
}

function pushDict({ stack, containers, budget }: Machine): void {
  const dict = createDict(budget, false)
  containers.setItems(dict, stack.popToMark())
  stack.push(dict)
}

function setItem({ stack, containers }: Machine): void {
  const value = stack.pop()
  const key = stack.pop()
  containers.setItems(stack.top(), [key, value])
}

function setItems({ stack, containers }: Machine): void {
  const items = stack.popToMark()
  containers.setItems(stack.top(), items)
}

function pushReduced(machine: Machine): void {
  const args = machine.stack.pop()
  machine.stack.push(reduce(machine.stack.pop(), args, machine))
}

function pushNew(machine: Machine): void {
  const args = machine.stack.pop()
  machine.stack.push(createNew(machine.stack.pop(), args, machine))
}

function build(machine: Machine): void {
  const state = machine.stack.pop()
  buildState(machine.stack.top(), state, machine)
}

function readGlobal(machine: Machine): void {
  const module = machine.cursor.line()
  pushGlobal(machine, module, machine.cursor.line())
}

function takeGlobal(machine: Machine): void {
  const name = machine.stack.pop()
  const module = machine.stack.pop()
  if (typeof name !== 'string' || typeof module !== 'string') {
    machine.refuse('PICKLE_BAD', 'STACK_GLOBAL needs two texts')
  } else pushGlobal(machine, module, name)
}

/** The only place where names get a meaning; a miss is refused before the next opcode is read. */
function pushGlobal({ stack, global, budget }: Machine, module: string, name: string): void {
  const found = global(module, name, stack.isEmpty ? undefined : stack.top())
  budget.charge(NODE_BYTES)
  stack.push({ kind: 'global', global: found, depth: 0, placed: false })
}

function memoIndex({ cursor, refuse }: Machine): number {
  const index = parseInteger(cursor.line(), refuse)
  return typeof index === 'number' && index >= 0 ? index : refuse('PICKLE_BAD', `memo entry ${index}`)
}
