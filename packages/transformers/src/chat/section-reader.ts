import type { AnswerEvent, AnswerReader } from './answer-event.js'
import type { CallReader } from './call-reader.js'
import { beginningAtEnd } from './held-back.js'

/** Looks at the text that is there; true: something was done, and the mode that is current now goes on. */
type Mode = () => boolean

/** What a format says about its calls, in terms of the text that has not been read yet. */
export interface Section {
  /** Text that has not been read. */
  readonly rest: string
  /** Takes characters away that are no content. Always true. */
  skip(length: number): true
  /** Reads a call, then goes on in `next`; a call that fails is content, and so is what follows. Always true. */
  call(reader: CallReader, next: Mode): true
  /** `unfinished`: what was skipped before `rest` and would be content if the answer ended now; default: nothing would. */
  goTo(mode: Mode, unfinished?: string): true
  /** What was read since the opener is no call, but content as written. Always true. */
  fail(written: string): true
  /** What follows is content. Always true. */
  toText(): true
  /** Goes on behind the last call: text is dropped until the next opener. */
  between(): true
}

/** An answer whose calls stand behind an opener: text before the first one is content, without the white space at its end. */
export function createSectionReader(
  opener: string,
  begin: (section: Section) => Mode,
  start?: (section: Section) => Mode,
): AnswerReader & { readonly inCall: boolean } {
  let rest = ''
  let events: AnswerEvent[] = []
  let current: CallReader | undefined
  let isDropped = false
  let pending: string | undefined

  const section: Section = {
    get rest() {
      return rest
    },
    skip(length) {
      rest = rest.slice(length)
      return true
    },
    call(reader, next) {
      current = reader
      return section.goTo(() => readCall(reader, next))
    },
    goTo(next, unfinished) {
      mode = next
      pending = unfinished
      return true
    },
    fail(written) {
      events.push({ type: 'tool-failure', text: written })
      return toContent()
    },
    toText: toContent,
    between() {
      isDropped = true
      return section.goTo(readText)
    },
  }
  const open = begin(section)
  const first = start?.(section) ?? readText
  let mode = first

  return {
    get inCall() {
      return mode !== readText && mode !== first
    },
    push(text) {
      rest += text
      while (rest !== '' && mode()) {}
      return taken()
    },
    end() {
      if (current !== undefined) events.push(...current.fail())
      else if (mode === readText || mode === first) emitText(rest)
      else if (pending !== undefined) events.push({ type: 'tool-failure', text: pending + rest })
      rest = ''
      return taken()
    },
  }

  function readText(): boolean {
    const at = rest.indexOf(opener)
    const end = at === -1 ? rest.length - beginningAtEnd(rest, opener) : at
    // White space is held back: before an opener it is no content.
    const kept = rest.slice(0, end).trimEnd().length
    emitText(rest.slice(0, kept))
    rest = rest.slice(at === -1 ? kept : at + opener.length)
    return at === -1 ? false : section.goTo(open, opener)
  }

  function emitText(text: string): void {
    if (text !== '' && !isDropped) events.push({ type: 'content', text })
  }

  function readCall(reader: CallReader, next: Mode): boolean {
    const read = reader.push(rest)
    rest = read.rest ?? ''
    events.push(...read.events)
    if (read.rest === undefined) return false
    current = undefined
    const last = read.events.at(-1)
    return last?.type === 'tool-call-end' ? section.goTo(next) : toContent()
  }

  function toContent(): true {
    isDropped = false
    return section.goTo(readText)
  }

  function taken(): AnswerEvent[] {
    const all = events
    events = []
    return all
  }
}
