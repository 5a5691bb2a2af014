import { encodeAutomaton } from './automaton/automaton.js'
import { type Builder, createBuilder } from './automaton/builder.js'
import { GrammarError, tooComplex } from './errors.js'
import { emitFreeText } from './free-text.js'
import type { GrammarSource } from './grammar-source.js'
import { createJsonParts, type JsonParts } from './json/json-parts.js'
import type { CompiledGrammar } from './matcher/open-grammar.js'
import { emitPlain } from './pattern/emit-characters.js'
import { patternAutomaton } from './pattern/pattern-automaton.js'
import { emitJsonSchema } from './schema/json-schema.js'
import type { Vocabulary } from './vocabulary/vocabulary.js'

/** Sequences and choices inside of one another. */
const MAX_NESTING = 32

/**
 * Compiles a grammar for `openGrammar`, which may be in another thread. Takes some milliseconds, and for the worst of
 * patterns half a second; states, edges and work are bounded. Throws GrammarError, whose `field` is the place in the schema.
 */
export function compileGrammar(source: GrammarSource, vocabulary: Vocabulary): CompiledGrammar {
  const builder = createBuilder()
  const parts = createJsonParts(builder)
  try {
    const root = builder.rule('#', undefined, (start) => emit(builder, parts, source, start, 0))
    return { automaton: encodeAutomaton(builder, root), vocabulary }
  } catch (error) {
    // Values of enum and const are written by JSON.stringify, which descends by recursion.
    if (error instanceof RangeError) throw nestedTooDeeply()
    throw error
  }
}

function emit(
  builder: Builder,
  parts: JsonParts,
  source: GrammarSource,
  from: number,
  nesting: number,
): number {
  if (nesting > MAX_NESTING) throw nestedTooDeeply()
  const inside = (part: GrammarSource, state: number) => emit(builder, parts, part, state, nesting + 1)
  switch (source.type) {
    case 'json_object':
      return parts.object(from)
    case 'json_schema':
      return emitJsonSchema(builder, parts, source.schema, from)
    case 'regex':
      return emitPlain(
        builder,
        from,
        patternAutomaton(
          builder,
          [{ source: source.pattern, extent: 'whole', place: 'regex' }],
          undefined,
          'regex',
        ),
      )
    case 'text':
      return builder.text(from, source.text)
    case 'token':
      return builder.token(from, source.id)
    case 'free':
      return emitFreeText(builder, from, source.until)
    case 'sequence':
      return source.parts.reduce((state, part) => inside(part, state), from)
    case 'choice': {
      const end = builder.state()
      for (const option of source.options) builder.epsilon(inside(option, from), end)
      return end
    }
    case 'repeat': {
      const [before, end] = [builder.state(), builder.state()]
      builder.epsilon(from, before)
      const after = inside(source.part, before)
      builder.text(after, source.separator ?? '', before)
      builder.epsilon(after, end)
      if (source.min === 0) builder.epsilon(from, end)
      return end
    }
    default:
      throw new GrammarError(
        'GRAMMAR_INVALID',
        `there is no grammar of type ${JSON.stringify((source as { type?: unknown }).type)}`,
        {
          field: 'type',
          expected: [
            'json_object',
            'json_schema',
            'regex',
            'text',
            'token',
            'free',
            'sequence',
            'choice',
            'repeat',
          ],
          hint: 'Pass for example { type: "json_schema", schema }.',
        },
      )
  }
}

const nestedTooDeeply = () =>
  tooComplex('the grammar is nested too deeply', undefined, 'Make the schema or its values flatter.')
