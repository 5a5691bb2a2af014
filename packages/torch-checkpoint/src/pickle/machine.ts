import type { Refuse } from '../errors.js'
import type { Budget } from './budget.js'
import type { ByteCursor } from './byte-cursor.js'
import type { Containers } from './containers.js'
import type { PickleStack } from './stack.js'
import type { Global, ObjectNode, PickleValue } from './values.js'

/** Gives names and persistent ids their meaning; both refuse what they do not know. */
export interface PickleHost {
  readonly refuse: Refuse
  readonly budget: Budget
  /** `receiver` is what lies on top of the stack. */
  global(module: string, name: string, receiver: PickleValue | undefined): Global
  persistent(id: PickleValue): ObjectNode
}

/** The state of one interpretation. */
export interface Machine extends PickleHost {
  readonly cursor: ByteCursor
  readonly stack: PickleStack
  readonly containers: Containers
}
