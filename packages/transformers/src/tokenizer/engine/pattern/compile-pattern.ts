import { type CharacterSet, createCharacterSet } from './character-set.js'
import { PatternSyntaxError } from './parse-pattern.js'
import type { Assertion, ParsedPattern, PatternNode, RepeatMode } from './pattern-node.js'

/**
 * Instructions of a program, and nodes that they are made of: repetitions are written out, so a short pattern may become
 * a long one, and copies of nothing take time as well.
 */
const MAX_INSTRUCTIONS = 20_000

/** One step of a matcher. Targets are indexes of instructions; what has none goes on with the next one. */
export type Instruction =
  | { readonly op: 'match' }
  | { readonly op: 'set'; readonly set: CharacterSet }
  | {
      readonly op: 'loop'
      readonly set: CharacterSet
      readonly min: number
      readonly max: number
      readonly mode: RepeatMode
    }
  | { readonly op: 'jump'; target: number }
  /** Tries `first`, and `second` if that fails. */
  | { readonly op: 'split'; first: number; second: number }
  /** Notes where a repetition begins; `progress` fails where it did not advance. */
  | { readonly op: 'note'; readonly register: number }
  | { readonly op: 'progress'; readonly register: number }
  /** Runs what follows up to its `match`, then goes on at `next`: from its end if atomic, else from where it began. */
  | { readonly op: 'atomic'; next: number }
  | { readonly op: 'look'; readonly negative: boolean; readonly back: number; next: number }
  | { readonly op: 'assertion'; readonly kind: Assertion }

export interface PatternProgram {
  readonly instructions: readonly Instruction[]
  readonly registers: number
}

/** Turns a parsed pattern into a program. Throws PatternSyntaxError for a pattern that becomes too long. */
export function compilePattern({ root, sets }: ParsedPattern): PatternProgram {
  const characterSets = sets.map(({ source, flags }) => createCharacterSet(source, flags))
  const instructions: Instruction[] = []
  let registers = 0
  let nodes = 0
  emitNode(root)
  emit({ op: 'match' })
  return { instructions, registers }

  function emit<T extends Instruction>(instruction: T): T {
    if (instructions.length >= MAX_INSTRUCTIONS) throw tooLong()
    instructions.push(instruction)
    return instruction
  }

  function emitNode(node: PatternNode): void {
    if (++nodes > MAX_INSTRUCTIONS) throw tooLong()
    switch (node.type) {
      case 'set':
        emit({ op: 'set', set: characterSets[node.set]! })
        return
      case 'sequence':
        node.items.forEach(emitNode)
        return
      case 'choice':
        emitChoice(node.items)
        return
      case 'repeat':
        emitRepeat(node)
        return
      case 'atomic':
        emitAtomic(() => emitNode(node.item))
        return
      case 'look':
        emitLook(node)
        return
      case 'assertion':
        emit({ op: 'assertion', kind: node.kind })
    }
  }

  function emitChoice(items: readonly PatternNode[]): void {
    const jumps: { target: number }[] = []
    items.forEach((item, index) => {
      if (index === items.length - 1) {
        emitNode(item)
        return
      }
      const split = emit({ op: 'split', first: instructions.length + 1, second: 0 })
      emitNode(item)
      jumps.push(emit({ op: 'jump', target: 0 }))
      split.second = instructions.length
    })
    for (const jump of jumps) jump.target = instructions.length
  }

  function emitRepeat(node: PatternNode & { type: 'repeat' }): void {
    const { item, min, max, mode } = node
    if (item.type === 'set') {
      emit({ op: 'loop', set: characterSets[item.set]!, min, max, mode })
    } else if (mode === 'possessive') {
      emitAtomic(() => emitRepeat({ ...node, mode: 'greedy' }))
    } else {
      for (let count = 0; count < min; count++) emitNode(item)
      if (max === Number.POSITIVE_INFINITY) emitStar(item, mode)
      else emitOptional(item, max - min, mode)
    }
  }

  function emitStar(item: PatternNode, mode: RepeatMode): void {
    const start = instructions.length
    const split = emitSplit(mode)
    if (isNullable(item)) {
      const register = registers++
      emit({ op: 'note', register })
      emitNode(item)
      emit({ op: 'progress', register })
    } else {
      emitNode(item)
    }
    emit({ op: 'jump', target: start })
    leave(split, mode)
  }

  function emitOptional(item: PatternNode, count: number, mode: RepeatMode): void {
    const splits: { first: number; second: number }[] = []
    for (let index = 0; index < count; index++) {
      splits.push(emitSplit(mode))
      emitNode(item)
    }
    for (const split of splits) leave(split, mode)
  }

  /** A choice between going on inside, which follows, and leaving; the preferred one comes first. */
  function emitSplit(mode: RepeatMode): { first: number; second: number } {
    const inside = instructions.length + 1
    return emit({ op: 'split', first: mode === 'lazy' ? 0 : inside, second: mode === 'lazy' ? inside : 0 })
  }

  function leave(split: { first: number; second: number }, mode: RepeatMode): void {
    if (mode === 'lazy') split.first = instructions.length
    else split.second = instructions.length
  }

  function emitAtomic(body: () => void): void {
    const atomic = emit({ op: 'atomic', next: 0 })
    body()
    emit({ op: 'match' })
    atomic.next = instructions.length
  }

  /** A look behind steps back by as many characters as its body has, which must be a fixed number. */
  function emitLook({ item, behind, negative }: PatternNode & { type: 'look' }): void {
    const bodies = behind && item.type === 'choice' ? item.items : [item]
    if (bodies.length === 1 || !negative) {
      emitLooks(bodies, behind)
      return
    }
    // None of several: each one must fail.
    for (const body of bodies) emitBody(body, behind, true)

    function emitLooks(choices: readonly PatternNode[], isBehind: boolean): void {
      if (choices.length === 1) {
        emitBody(choices[0]!, isBehind, negative)
        return
      }
      const split = emit({ op: 'split', first: instructions.length + 1, second: 0 })
      emitBody(choices[0]!, isBehind, false)
      const jump = emit({ op: 'jump', target: 0 })
      split.second = instructions.length
      emitLooks(choices.slice(1), isBehind)
      jump.target = instructions.length
    }
  }

  function emitBody(body: PatternNode, behind: boolean, negative: boolean): void {
    const back = behind ? fixedLength(body) : 0
    if (back === undefined) throw new PatternSyntaxError('a look behind of no fixed length')
    const look = emit({ op: 'look', negative, back, next: 0 })
    emitNode(body)
    emit({ op: 'match' })
    look.next = instructions.length
  }
}

function tooLong(): PatternSyntaxError {
  return new PatternSyntaxError(`more than ${MAX_INSTRUCTIONS} steps, written out`)
}

/** True if a node may match without a character, so that repeating it would not advance. */
function isNullable(node: PatternNode): boolean {
  switch (node.type) {
    case 'set':
      return false
    case 'look':
    case 'assertion':
      return true
    case 'atomic':
      return isNullable(node.item)
    case 'repeat':
      return node.min === 0 || isNullable(node.item)
    case 'sequence':
      return node.items.every(isNullable)
    case 'choice':
      return node.items.some(isNullable)
  }
}

/** Characters that a node matches if that is always the same number. */
function fixedLength(node: PatternNode): number | undefined {
  switch (node.type) {
    case 'set':
      return 1
    case 'look':
    case 'assertion':
      return 0
    case 'atomic':
      return fixedLength(node.item)
    case 'repeat': {
      const length = fixedLength(node.item)
      return length !== undefined && node.min === node.max ? length * node.min : undefined
    }
    case 'sequence':
      return node.items.reduce<number | undefined>((sum, item) => {
        const length = fixedLength(item)
        return sum === undefined || length === undefined ? undefined : sum + length
      }, 0)
    case 'choice': {
      const lengths = new Set(node.items.map(fixedLength))
      return lengths.size === 1 ? [...lengths][0] : undefined
    }
  }
}
