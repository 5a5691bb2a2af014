import { type CallContext, readJsonCall } from './call-reader.js'
import { createSectionReader } from './section-reader.js'
import { TOOL_MARKERS } from './tool-format.js'

const [OPENER] = TOOL_MARKERS.hermes

/** `<tool_call>` JSON `</tool_call>`, repeated; the closer is dropped with all text behind a call. */
export const createHermesReader = (context: CallContext) =>
  createSectionReader(OPENER, (section) => () => {
    const space = /^\s*/.exec(section.rest)![0]
    const next = section.rest[space.length]
    if (next === undefined) return false
    const prefix = OPENER + space
    section.skip(space.length)
    return next === '{' ? section.call(readJsonCall(context, prefix), section.between) : section.fail(prefix)
  })
