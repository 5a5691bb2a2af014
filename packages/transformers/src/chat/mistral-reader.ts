import { type CallContext, readArguments, readJsonCall } from './call-reader.js'
import { createSectionReader, type Section } from './section-reader.js'
import { TOOL_MARKERS } from './tool-format.js'

const [OPENER, CALL_ID, ARGUMENTS] = TOOL_MARKERS.mistral

/** A name, with an id or without, before its arguments. */
const HEAD = /^\s*([A-Za-z0-9_-]{1,64})\s*(?:\[CALL_ID\]\s*([A-Za-z0-9]+)\s*)?\[ARGS\]\s*(?=\{)/

/** More than a name, an id and their markers have. */
const MAX_HEAD = 64 + CALL_ID.length + ARGUMENTS.length + 64

/** `[TOOL_CALLS]` and a JSON array of calls, or `[TOOL_CALLS]name[ARGS]{…}` for each call. */
export const createMistralReader = (context: CallContext) =>
  createSectionReader(OPENER, (section) => () => {
    const space = /^\s*/.exec(section.rest)![0]
    const next = section.rest[space.length]
    if (next === undefined) return false
    if (next === '[') {
      section.skip(space.length + 1)
      const prefix = `${OPENER}${space}[`
      return section.goTo(readList(section, context, prefix), prefix)
    }
    if (next === '{') {
      section.skip(space.length)
      return section.call(readJsonCall(context, OPENER + space), section.between)
    }
    return readHead(section, context)
  })

function readList(section: Section, context: CallContext, before: string): () => boolean {
  let prefix = before
  const next = () => {
    const [space] = /^[\s,]*/.exec(section.rest)!
    const first = section.rest[space.length]
    if (first === undefined) return false
    if (first === '{') {
      section.skip(space.length)
      const reader = readJsonCall(context, prefix + space)
      prefix = ''
      return section.call(reader, next)
    }
    if (first !== ']') return prefix === '' ? section.between() : section.fail(prefix)
    section.skip(space.length + 1)
    return section.between()
  }
  return next
}

function readHead(section: Section, context: CallContext): boolean {
  const { rest } = section
  const head = HEAD.exec(rest)
  if (head === null) {
    if (!rest.includes('{') && rest.length <= MAX_HEAD) return false
    return section.fail(OPENER)
  }
  const [written, name, id] = head
  if (!context.names.has(name!)) return section.fail(OPENER)
  section.skip(written.length)
  return section.call(readArguments(context, name!, id, OPENER + written), section.between)
}
