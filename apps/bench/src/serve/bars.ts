import type { Bar } from './bars/common.js'
import { float } from './bars/float.js'
import { gliner } from './bars/gliner.js'
import { grammar } from './bars/grammar.js'
import { http } from './bars/http.js'
import { peer } from './bars/peer.js'
import { start } from './bars/start.js'
import { timer } from './bars/timer.js'
import { turns } from './bars/turns.js'

/** Each in a run of its own where others need the machine: none takes more than three minutes with two rounds. */
export const BARS: Readonly<Record<string, Bar>> = {
  ...{ http, timer, float, turns, grammar, gliner, start },
  'peer-4': peer({ bits: 4, together: 2, alone: 1.1, first: 0.85 }),
  'peer-8': peer({ bits: 8, together: 2.5, alone: 1.4, first: 0.4 }),
}
