import { collectFields } from '../tensors/collect-fields.js'
import type { Containers } from './containers.js'
import type { CallContext, ObjectNode, PickleNode, PickleValue, TupleNode } from './values.js'
import { describe, isNode } from './values.js'

interface Machine extends CallContext {
  readonly containers: Containers
}

/** REDUCE: describes what the listed name would return; nothing is called outside this package. */
export function reduce(target: PickleValue, args: PickleValue, machine: Machine): PickleNode {
  const tuple = argumentTuple(args, 'REDUCE', machine)
  const global = isNode(target) && target.kind === 'global' ? target.global : undefined
  if (global?.call === undefined) return refuseTarget('REDUCE', target, global?.name, machine)
  return holding(global.call(tuple, machine), tuple)
}

/** NEWOBJ, on listed dataclasses only. */
export function createNew(target: PickleValue, args: PickleValue, machine: Machine): ObjectNode {
  const tuple = argumentTuple(args, 'NEWOBJ', machine)
  const global = isNode(target) && target.kind === 'global' ? target.global : undefined
  if (global?.create === undefined) return refuseTarget('NEWOBJ', target, global?.name, machine)
  return holding(global.create(tuple, machine), tuple)
}

/** BUILD: fills a dataclass; attributes of tensors and ordered dicts carry no data and are dropped. */
export function buildState(target: PickleValue, state: PickleValue, machine: Machine): void {
  const owner = stateOwner(target) ?? refuseTarget('BUILD', target, undefined, machine)
  if (isNode(state) && state.kind === 'dict') {
    machine.containers.place(state, owner.node)
    const fields = collectFields(state, owner, machine)
    owner.fill?.(fields)
  } else {
    const problem = `BUILD with ${describe(state)}; the state of a value is a dict`
    machine.refuse('PICKLE_CALL_REFUSED', problem)
  }
}

/** What may take a state, and which fields it may have. */
function stateOwner(node: PickleValue) {
  if (!isNode(node)) return undefined
  if (node.kind === 'dict' && node.ordered) {
    return { node, name: 'collections.OrderedDict', known: ['_metadata'], fill: undefined }
  }
  if (node.kind !== 'object') return undefined
  const { value } = node
  if (value.kind === 'tensor') return { node, name: 'a tensor', known: [], fill: undefined }
  if (value.kind !== 'object' || value.fields !== undefined) return undefined
  const fill = (fields: ReadonlyMap<string, PickleValue>): void => {
    value.fields = fields
  }
  return { node, name: value.className, known: value.knownFields, fill }
}

function argumentTuple(args: PickleValue, opcode: string, { refuse }: CallContext): TupleNode {
  if (isNode(args) && args.kind === 'tuple') return args
  return refuse('PICKLE_CALL_REFUSED', `${opcode} with ${describe(args)}; arguments are a tuple`)
}

function refuseTarget(
  opcode: string,
  target: PickleValue,
  name: string | undefined,
  { refuse }: CallContext,
): never {
  const problem = `${opcode} on ${describe(target)} is refused; nothing was executed`
  return refuse('PICKLE_CALL_REFUSED', problem, name === undefined ? {} : { refused: name })
}

/** The result may hold any argument, so it lies at least as deep. */
function holding<T extends PickleNode>(result: T, args: TupleNode): T {
  if (result.kind === 'object') result.depth = Math.max(result.depth, args.depth)
  return result
}
