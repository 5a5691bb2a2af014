import type { Refuse } from '../errors.js'
import type { GlobalMeaning, Rebuilt } from '../tensors/rebuilt.js'
import type { Budget } from './budget.js'

export type Scalar = string | number | bigint | boolean | null | Uint8Array

/** What lies on the stack of the interpreter. */
export type PickleValue = Scalar | PickleNode

export type PickleNode = ListNode | TupleNode | DictNode | GlobalNode | ObjectNode

interface NodeState {
  /** Levels of values inside; known at all times, because a value that was placed in another never changes again. */
  depth: number
  /** Part of another value: from then on it may not change. That makes recursion impossible. */
  placed: boolean
}

export interface ListNode extends NodeState {
  readonly kind: 'list'
  readonly items: PickleValue[]
}

export interface TupleNode extends NodeState {
  readonly kind: 'tuple'
  readonly items: readonly PickleValue[]
}

export interface DictNode extends NodeState {
  readonly kind: 'dict'
  /** Ordered dicts alone carry attributes. */
  readonly ordered: boolean
  readonly entries: Map<string | number, PickleValue>
}

/** A name of the closed table; the name alone does nothing. */
export interface GlobalNode extends NodeState {
  readonly kind: 'global'
  readonly global: Global
}

/** What a call of a listed name describes. */
export interface ObjectNode extends NodeState {
  readonly kind: 'object'
  readonly value: Rebuilt
}

/** What a listed name may do, all of it written in this package. */
export interface Global {
  /** Module and name with a dot between. */
  readonly name: string
  readonly meaning: GlobalMeaning
  /** REDUCE; absent when the name may not be called. */
  readonly call?: (args: TupleNode, context: CallContext) => PickleNode
  /** NEWOBJ; absent when the name may not be instantiated. */
  readonly create?: (args: TupleNode, context: CallContext) => ObjectNode
}

export interface CallContext {
  readonly refuse: Refuse
  readonly budget: Budget
}

export function isNode(value: PickleValue | undefined): value is PickleNode {
  return typeof value === 'object' && value !== null && !(value instanceof Uint8Array)
}

/** What a value is, in words fit for a message. */
export function describe(value: PickleValue | undefined): string {
  if (value === undefined) return 'nothing'
  if (value === null) return 'None'
  if (value instanceof Uint8Array) return 'bytes'
  if (!isNode(value)) return typeof value === 'string' ? 'a text' : `the ${typeof value} ${value}`
  if (value.kind === 'global') return value.global.name
  return value.kind === 'object' ? `a ${value.value.kind}` : `a ${value.kind}`
}
