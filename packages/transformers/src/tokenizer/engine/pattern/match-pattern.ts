import { holds, isInsideCharacter, widthBefore } from './assertions.js'
import { widthOf } from './character-set.js'
import type { Instruction, PatternProgram } from './compile-pattern.js'
import { createFailedWays } from './failed-ways.js'

/**
 * Steps that a search may take: a pattern that needs more for its text would never end. Texts are often words, of which
 * there are many: the free steps of one take a millisecond.
 */
const FREE_STEPS = 100_000
const STEPS_PER_CHARACTER = 100

/** A pattern took more steps than any reasonable one needs for its text. */
export class PatternTooSlowError extends Error {}

/** Finds the matches of a pattern in one text after the other, each from left to right. */
export interface Matcher {
  /** Turns to another text. */
  begin(text: string): void
  /**
   * Moves to the first match that begins at `from` or behind it, and not behind `until`; false if there is none. Throws
   * PatternTooSlowError.
   */
  find(from: number, until: number): boolean
  readonly start: number
  readonly end: number
}

/** What a matcher keeps to go back to: five numbers each. */
const ENTRY = 5
/** As many as most texts need; what a long one took is given back behind it. */
const USUAL_STACK = 64 * ENTRY
const CHOICE = -1
const REGISTER = -2

/**
 * Runs a program by trying one way after the other, which finds what Oniguruma finds; what failed once is not tried
 * again. The work is then bounded by program times text; look-arounds, which are searches of their own, are bounded by
 * a number of steps.
 */
export function createMatcher(program: PatternProgram): Matcher {
  const { instructions, registers } = program
  const noted = new Int32Array(registers)
  const failed = createFailedWays(program)
  let text = ''
  let budget = 0
  let stack = new Int32Array(USUAL_STACK)
  let top = 0
  let steps = 0
  let depth = 0
  let resumedAt = 0

  const matcher = { start: 0, end: 0, begin, find }
  return matcher

  function begin(next: string): void {
    text = next
    budget = FREE_STEPS + STEPS_PER_CHARACTER * next.length
    noted.fill(0)
    failed.begin(next.length)
    if (stack.length > USUAL_STACK) stack = new Int32Array(USUAL_STACK)
    // What an error left.
    top = 0
    steps = 0
    depth = 0
  }

  function find(from: number, until: number): boolean {
    steps += failed.beginSearch(steps)
    for (let start = from; start <= until; start++) {
      if (isInsideCharacter(text, start)) continue
      const end = run(0, start)
      if (end === -1) continue
      matcher.start = start
      matcher.end = end
      return true
    }
    return false
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
          if (wasMet(pc, at)) break
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
          if (!holds(instruction.kind, text, at)) break
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
    if (unlimited && failed.isFailedLoop(pc, at)) return -1
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
      resumedAt = at - widthBefore(text, at)
      stack[entry + 1] = resumedAt
    }
    return wasMet(pc, resumedAt) ? backtrackOver() : pc + 1
  }

  /** Notes count as a failure at once: the entry that is left says what to try next. */
  function backtrackOver(): number {
    if (++steps > budget) throw new PatternTooSlowError(`more than ${budget} steps`)
    return -1
  }

  /** Where registers decide, a failure depends on the way there, too. */
  function noteFailure({ max }: Instruction & { op: 'loop' }, pc: number, from: number, to: number): void {
    if (max !== Number.POSITIVE_INFINITY || depth > 0 || registers > 0) return
    failed.noteLoop(pc, from, to)
  }

  function wasMet(pc: number, at: number): boolean {
    return depth === 0 && failed.wasMet(pc, at, steps)
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
      from -= widthBefore(text, from)
    }
    return runInside(pc + 1, from) !== -1
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
