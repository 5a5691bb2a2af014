import { type CharacterSet, createCharacterSet, widthOf } from './character-set.js'
import type { Instruction, PatternProgram } from './compile-pattern.js'
import type { Assertion } from './pattern-node.js'

/** Steps that a search may take: a pattern that needs more for its text would never end. */
const FREE_STEPS = 5_000_000
const STEPS_PER_CHARACTER = 100
/** From here on a search notes what failed, so that nothing is tried twice. Ordinary ones end long before. */
const STEPS_WITHOUT_NOTES = 4096
/** Bits for these notes; a pattern and text that need more have to end within their steps. */
const MAX_NOTE_BYTES = 32 * 1024 * 1024

/** A pattern took more steps than any reasonable one needs for its text. */
export class PatternTooSlowError extends Error {}

const wordCharacters = createCharacterSet('[\\p{Alphabetic}\\p{M}\\p{Nd}\\p{Pc}]')

/** Finds the matches of a pattern in one text, from left to right. */
export interface Matcher {
  /** Moves to the first match at or behind `from`; false if there is none. Throws PatternTooSlowError. */
  find(from: number): boolean
  readonly start: number
  readonly end: number
}

/** What a matcher keeps to go back to: five numbers each. */
const ENTRY = 5
const CHOICE = -1
const REGISTER = -2

/**
 * Runs a program by trying one way after the other, which finds what Oniguruma finds. Captures and back references do
 * not exist, so whether a match follows from an instruction and a position depends on these two alone: what failed once
 * is never tried again (Cox, "Regular Expression Matching: the Virtual Machine Approach", calls it BitState). The work
 * is then bounded by program times text; look-arounds, which are searches of their own, are bounded by a number of
 * steps.
 */
export function createMatcher({ instructions, registers }: PatternProgram, text: string): Matcher {
  const budget = FREE_STEPS + STEPS_PER_CHARACTER * text.length
  const noted = new Int32Array(registers)
  /** For each loop, where it began and ended when everything behind it had failed. */
  const failedFrom = new Int32Array(instructions.length).fill(-1)
  const failedTo = new Int32Array(instructions.length).fill(-1)
  let stack = new Int32Array(64 * ENTRY)
  let top = 0
  let steps = 0
  let notesFrom = Number.POSITIVE_INFINITY
  let notes: Uint32Array | undefined
  let depth = 0
  let resumedAt = 0

  const matcher = { start: 0, end: 0, find }
  return matcher

  function find(from: number): boolean {
    beginSearch()
    for (let start = from; start <= text.length; start++) {
      if (
        start > 0 &&
        start < text.length &&
        isLow(text.charCodeAt(start)) &&
        isHigh(text.charCodeAt(start - 1))
      ) {
        continue
      }
      const end = run(0, start)
      if (end === -1) continue
      matcher.start = start
      matcher.end = end
      return true
    }
    return false
  }

  /** What was noted while a match was found lies on its way, so that it may not have failed. */
  function beginSearch(): void {
    notesFrom = steps + STEPS_WITHOUT_NOTES
    if (notes === undefined) return
    steps += notes.length >> 3
    notes.fill(0)
  }

  function run(startPc: number, startAt: number): number {
    const base = top
    let pc = startPc
    let at = startAt
    for (;;) {
      if (++steps > budget) throw new PatternTooSlowError(`more than ${budget} steps`)
      const instruction = instructions[pc]!
      switch (instruction.op) {
        case 'match':
          top = base
          return at
        case 'set': {
          const code = text.codePointAt(at)
          if (code !== undefined && instruction.set.has(code)) {
            at += widthOf(code)
            pc++
            continue
          }
          break
        }
        case 'loop': {
          const next = loop(instruction, pc, at)
          if (next !== -1) {
            at = next
            pc++
            continue
          }
          break
        }
        case 'jump':
          pc = instruction.target
          continue
        case 'split':
          if (isNoted(pc, at)) break
          push(instruction.second, at, CHOICE, 0, 0)
          pc = instruction.first
          continue
        case 'note':
          push(instruction.register, noted[instruction.register]!, REGISTER, 0, 0)
          noted[instruction.register] = at
          pc++
          continue
        case 'progress':
          if (noted[instruction.register] === at) break
          pc++
          continue
        case 'atomic': {
          const end = runInside(pc + 1, at)
          if (end === -1) break
          at = end
          pc = instruction.next
          continue
        }
        case 'look':
          if (looks(instruction, pc, at) === instruction.negative) break
          pc = instruction.next
          continue
        case 'assertion':
          if (!holds(instruction.kind, at)) break
          pc++
          continue
      }
      // Everything above that did not go on has failed.
      const resumed = backtrack(base)
      if (resumed === -1) return -1
      pc = resumed
      at = resumedAt
    }
  }

  /** A loop over one set: goes as far as it may, and leaves a way back to each shorter end. */
  function loop(instruction: Instruction & { op: 'loop' }, pc: number, at: number): number {
    const { set, min, max, mode } = instruction
    const unlimited = max === Number.POSITIVE_INFINITY
    if (unlimited && failedFrom[pc] !== -1 && at >= failedFrom[pc]! && at <= failedTo[pc]!) return -1
    let end = at
    let count = 0
    let lowest = min === 0 ? at : -1
    const wanted = mode === 'lazy' ? min : max
    while (count < wanted) {
      const code = text.codePointAt(end)
      if (code === undefined || !set.has(code)) break
      end += widthOf(code)
      if (++count === min) lowest = end
    }
    steps += count >> 3
    if (lowest === -1) return -1
    if (mode === 'lazy') {
      if (count < max) push(pc, end, end, count, 0)
    } else if (mode === 'greedy' && end > lowest) {
      push(pc, end, lowest, at, end)
    }
    return end
  }

  /** Where to go on after a failure, or -1. */
  function backtrack(base: number): number {
    while (top > base) {
      const entry = top - ENTRY
      const pc = stack[entry]!
      const kind = stack[entry + 2]!
      if (kind === REGISTER) {
        noted[pc] = stack[entry + 1]!
        top = entry
      } else if (kind === CHOICE) {
        top = entry
        resumedAt = stack[entry + 1]!
        return pc
      } else {
        const next = resumeLoop(entry, pc)
        if (next !== -1) return next
      }
      steps++
    }
    return -1
  }

  function resumeLoop(entry: number, pc: number): number {
    const instruction = instructions[pc] as Instruction & { op: 'loop' }
    const at = stack[entry + 1]!
    if (instruction.mode === 'lazy') {
      top = entry
      const code = text.codePointAt(at)
      if (code === undefined || !instruction.set.has(code)) return -1
      const count = stack[entry + 3]! + 1
      resumedAt = at + widthOf(code)
      if (count < instruction.max) push(pc, resumedAt, resumedAt, count, 0)
    } else {
      const lowest = stack[entry + 2]!
      if (at === lowest) {
        top = entry
        noteFailure(instruction, pc, stack[entry + 3]!, stack[entry + 4]!)
        return -1
      }
      resumedAt =
        at - (isLow(text.charCodeAt(at - 1)) && at - 2 >= lowest && isHigh(text.charCodeAt(at - 2)) ? 2 : 1)
      stack[entry + 1] = resumedAt
    }
    return isNoted(pc, resumedAt) ? backtrackOver() : pc + 1
  }

  /** Notes count as a failure at once: the entry that is left says what to try next. */
  function backtrackOver(): number {
    if (++steps > budget) throw new PatternTooSlowError(`more than ${budget} steps`)
    return -1
  }

  /**
   * A loop that begins later within the same characters has no end that did not fail already. Where registers decide,
   * a failure depends on the way there, too.
   */
  function noteFailure({ max }: Instruction & { op: 'loop' }, pc: number, from: number, to: number): void {
    if (max !== Number.POSITIVE_INFINITY || depth > 0 || registers > 0) return
    failedFrom[pc] = from
    failedTo[pc] = to
  }

  /** True if a choice was met at this position before; notes it otherwise. */
  function isNoted(pc: number, at: number): boolean {
    if (steps < notesFrom || depth > 0) return false
    if (notes === undefined) {
      const words = Math.ceil((instructions.length * (text.length + 1)) / 32)
      if (words * 4 > MAX_NOTE_BYTES) {
        notesFrom = Number.POSITIVE_INFINITY
        return false
      }
      notes = new Uint32Array(words)
    }
    const bit = pc * (text.length + 1) + at
    const mask = 1 << (bit & 31)
    if ((notes[bit >>> 5]! & mask) !== 0) return true
    notes[bit >>> 5]! |= mask
    return false
  }

  /** Atomic groups and look-arounds end where their own instructions do: their failures say nothing about the rest. */
  function runInside(pc: number, at: number): number {
    depth++
    const end = run(pc, at)
    depth--
    return end
  }

  function looks({ back }: Instruction & { op: 'look' }, pc: number, at: number): boolean {
    let from = at
    for (let count = 0; count < back; count++) {
      if (from === 0) return false
      from -= from > 1 && isLow(text.charCodeAt(from - 1)) && isHigh(text.charCodeAt(from - 2)) ? 2 : 1
    }
    return runInside(pc + 1, from) !== -1
  }

  function holds(kind: Assertion, at: number): boolean {
    switch (kind) {
      case 'text-start':
        return at === 0
      case 'text-end':
        return at === text.length
      case 'text-end-or-newline':
        return at === text.length || (at === text.length - 1 && text[at] === '\n')
      case 'line-start':
        return at === 0 || (text[at - 1] === '\n' && at < text.length)
      case 'line-end':
        return at === text.length || text[at] === '\n'
      case 'word-boundary':
        return isWord(wordCharacters, at) !== isWordBefore(at)
      case 'no-word-boundary':
        return isWord(wordCharacters, at) === isWordBefore(at)
    }
  }

  function isWord(set: CharacterSet, at: number): boolean {
    const code = text.codePointAt(at)
    return code !== undefined && set.has(code)
  }

  function isWordBefore(at: number): boolean {
    if (at === 0) return false
    const isPair = at > 1 && isLow(text.charCodeAt(at - 1)) && isHigh(text.charCodeAt(at - 2))
    return isWord(wordCharacters, at - (isPair ? 2 : 1))
  }

  function push(a: number, b: number, c: number, d: number, e: number): void {
    if (top + ENTRY > stack.length) {
      const larger = new Int32Array(stack.length * 2)
      larger.set(stack)
      stack = larger
    }
    stack[top] = a
    stack[top + 1] = b
    stack[top + 2] = c
    stack[top + 3] = d
    stack[top + 4] = e
    top += ENTRY
  }
}

function isLow(unit: number): boolean {
  return (unit & 0xfc00) === 0xdc00
}

function isHigh(unit: number): boolean {
  return (unit & 0xfc00) === 0xd800
}
