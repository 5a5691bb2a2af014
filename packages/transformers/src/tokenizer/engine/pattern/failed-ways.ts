import type { PatternProgram } from './compile-pattern.js'

/** From here on a search notes what failed, so that nothing is tried twice. Ordinary ones end long before. */
const STEPS_WITHOUT_NOTES = 4096
/** Bits for these notes; a pattern and text that need more have to end within their steps. */
const MAX_NOTE_BYTES = 32 * 1024 * 1024

/**
 * What a search through one text has found to fail. Captures and back references do not exist, so whether a match
 * follows from an instruction and a position depends on these two alone (Cox, "Regular Expression Matching: the Virtual
 * Machine Approach", calls it BitState).
 */
export interface FailedWays {
  /** Forgets everything: there is another text. */
  begin(textLength: number): void
  /** A search begins after so many steps; gives the steps that forgetting the one before took. */
  beginSearch(steps: number): number
  /** True for a choice that was met at this position before; notes it otherwise. */
  wasMet(pc: number, at: number, steps: number): boolean
  /** Notes that everything behind a loop without a limit failed, for each end from its beginning to its farthest. */
  noteLoop(pc: number, from: number, to: number): void
  /** True for a loop that begins within one that failed: it has no end that did not fail already. */
  isFailedLoop(pc: number, at: number): boolean
}

export function createFailedWays({ instructions }: PatternProgram): FailedWays {
  const loopFrom = new Int32Array(instructions.length).fill(-1)
  const loopTo = new Int32Array(instructions.length).fill(-1)
  let hasLoops = false
  let length = 0
  let notesFrom = Number.POSITIVE_INFINITY
  let notes: Uint32Array | undefined

  return {
    begin(textLength) {
      length = textLength
      notes = undefined
      if (hasLoops) loopFrom.fill(-1)
      hasLoops = false
    },

    /** What was noted while a match was found lies on its way, so that it may not have failed. */
    beginSearch(steps) {
      const effort = notes === undefined ? 0 : notes.length >> 3
      notesFrom = steps + effort + STEPS_WITHOUT_NOTES
      notes?.fill(0)
      return effort
    },

    wasMet(pc, at, steps) {
      if (steps < notesFrom) return false
      if (notes === undefined) {
        const words = Math.ceil((instructions.length * (length + 1)) / 32)
        if (words * 4 > MAX_NOTE_BYTES) {
          notesFrom = Number.POSITIVE_INFINITY
          return false
        }
        notes = new Uint32Array(words)
      }
      const bit = pc * (length + 1) + at
      const mask = 1 << (bit & 31)
      if ((notes[bit >>> 5]! & mask) !== 0) return true
      notes[bit >>> 5]! |= mask
      return false
    },

    noteLoop(pc, from, to) {
      hasLoops = true
      loopFrom[pc] = from
      loopTo[pc] = to
    },

    isFailedLoop: (pc, at) => loopFrom[pc] !== -1 && at >= loopFrom[pc]! && at <= loopTo[pc]!,
  }
}
