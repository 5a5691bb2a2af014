import type { AnswerEvent } from './answer-event.js'
import { type CallContext, type CallReader, readJsonCall } from './call-reader.js'
import { readMembers } from './json-object-scanner.js'
import { createSectionReader, type Section } from './section-reader.js'
import { TOOL_MARKERS } from './tool-format.js'

const [OPENER] = TOOL_MARKERS.llama3

/**
 * An answer that is a call as a whole: `{"name", "parameters"}` behind an optional `<|python_tag|>`, several with `;` between
 * them. JSON that is no call is content, and is held back until that is clear.
 */
export const createLlamaReader = (context: CallContext) =>
  createSectionReader(
    OPENER,
    (section) => () => readNext(section, context, OPENER),
    (section) => () => readStart(section, context),
  )

function readStart(section: Section, context: CallContext): boolean {
  const text = section.rest.trimStart()
  if (text === '' || (text.length < OPENER.length && OPENER.startsWith(text))) return false
  return text[0] === '{' ? readNext(section, context, '') : section.toText()
}

/** A call, behind the opener or a semicolon. */
function readNext(section: Section, context: CallContext, before: string): boolean {
  const [space] = /^\s*/.exec(section.rest)!
  const next = section.rest[space.length]
  if (next === undefined) return false
  const prefix = before + space
  // Behind a call nothing but another one counts.
  if (next !== '{' && before === ';') return section.between()
  section.skip(space.length)
  if (next !== '{') return section.fail(prefix)
  const reader = readJsonCall(context, prefix)
  return section.call(before === '' ? orContent(reader) : reader, () => readBetween(section, context))
}

function readBetween(section: Section, context: CallContext): boolean {
  const [space] = /^\s*/.exec(section.rest)!
  const next = section.rest[space.length]
  if (next === undefined) return false
  if (next !== ';') return section.between()
  section.skip(space.length + 1)
  return section.goTo(() => readNext(section, context, ';'))
}

/** A reader for what nothing but its beginning calls a call: without a name and parameters it never was one. */
function orContent(reader: CallReader): CallReader {
  const asContent = (events: AnswerEvent[]): AnswerEvent[] =>
    events.map((event) => {
      if (event.type !== 'tool-failure' || event.index !== undefined || looksLikeCall(event.text))
        return event
      return { type: 'content', text: event.text }
    })
  return {
    push(text) {
      const { events, rest } = reader.push(text)
      return { events: asContent(events), rest }
    },
    fail: () => asContent(reader.fail()),
  }
}

function looksLikeCall(text: string): boolean {
  const members = readMembers(text)
  return members?.has('name') === true && members.has('parameters')
}
