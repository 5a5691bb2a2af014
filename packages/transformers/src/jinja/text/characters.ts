import type { Budget } from '../budget.js'

/** Texts counted in characters (code points), as Python counts them, where JavaScript counts halves of some. */

const SURROGATE = /[\ud800-\udfff]/

export function characters(text: string, budget: Budget): readonly string[] {
  budget.step(text.length)
  return SURROGATE.test(text) ? [...text] : text.split('')
}

/** The characters from `start` to before `stop`; both are from 0 to the number of characters. */
export function sliceCharacters(text: string, start: number, stop: number, budget: Budget): string {
  budget.scan(text.length)
  if (!SURROGATE.test(text)) return text.slice(start, stop)
  const from = unitIndex(text, start)
  return text.slice(from, from + unitIndex(text.slice(from), stop - start))
}

export function countCharacters(text: string, budget: Budget): number {
  budget.scan(text.length)
  return SURROGATE.test(text) ? characterIndex(text, text.length) : text.length
}

/** How many characters stand before the unit at an index of JavaScript. */
export function characterIndex(text: string, unit: number): number {
  let count = 0
  for (let at = 0; at < unit; at += isPair(text, at) ? 2 : 1) count++
  return count
}

/** The index of JavaScript at which a character begins, or the length of a text that has fewer. */
export function unitIndex(text: string, character: number): number {
  let at = 0
  for (let count = 0; count < character && at < text.length; count++) at += isPair(text, at) ? 2 : 1
  return at
}

function isPair(text: string, at: number): boolean {
  return text.codePointAt(at)! > 0xffff
}
