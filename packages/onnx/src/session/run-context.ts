import type { Decoder } from './decoder.js'
import type { Roster } from './roster.js'
import type { CounterFeed } from './session-counters.js'
import type { Tasks } from './tasks.js'

/** What runs are made for, and with. */
export interface RunContext {
  readonly decoder: Decoder
  readonly roster: Roster
  readonly tasks: Tasks
  readonly counters: CounterFeed
}
