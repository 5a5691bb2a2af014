import { PatternFault } from './pattern-fault.js'

const CONTROL: Readonly<Record<string, number>> = { a: 7, f: 12, n: 10, r: 13, t: 9, v: 11 }

/** Walks over a pattern, one character at a time. */
export class PatternReader {
  readonly #source: string
  place = 0

  constructor(source: string) {
    this.#source = source
  }

  get done(): boolean {
    return this.place >= this.#source.length
  }

  /** The character that comes next, '' at the end. */
  peek(): string {
    const point = this.#source.codePointAt(this.place)
    return point === undefined ? '' : String.fromCodePoint(point)
  }

  rest(length: number): string {
    return this.#source.slice(this.place, this.place + length)
  }

  at(character: string): boolean {
    return this.#source[this.place] === character
  }

  next(): string {
    if (this.done) throw this.invalid('a pattern that ends too early')
    const character = this.peek()
    this.place += character.length
    return character
  }

  take(character: string): boolean {
    const found = this.at(character)
    if (found) this.place++
    return found
  }

  /** Takes what a sticky expression finds here. */
  takeMatch(expression: RegExp): RegExpExecArray | undefined {
    expression.lastIndex = this.place
    const found = expression.exec(this.#source) ?? undefined
    this.place += found?.[0].length ?? 0
    return found
  }

  /** The character of an escape that stands for one character; the backslash is read. */
  escapedPoint(): number {
    const begin = this.place - 1
    const coded = this.takeMatch(/x([\da-fA-F]{2})|u([\da-fA-F]{4})|U([\da-fA-F]{8})/y)
    if (coded !== undefined) {
      const point = Number.parseInt(coded.slice(1).find((digits) => digits !== undefined) as string, 16)
      if (point > 0x10ffff) throw this.invalid('a character beyond Unicode', begin)
      return point
    }
    const octal = this.takeMatch(/0[0-7]{0,2}|[1-3][0-7]{2}/y)
    if (octal !== undefined) return Number.parseInt(octal[0], 8)
    const letter = this.next()
    if (letter === 'N') throw this.notOffered('a character by its name', begin)
    const control = CONTROL[letter]
    if (control !== undefined) return control
    if (/[0-9A-Za-z]/.test(letter)) throw this.invalid(`the escape "\\${letter}"`, begin)
    return letter.codePointAt(0) as number
  }

  invalid(construct: string, place = this.place): PatternFault {
    return new PatternFault(true, construct, place)
  }

  notOffered(construct: string, place = this.place): PatternFault {
    return new PatternFault(false, construct, place)
  }
}
